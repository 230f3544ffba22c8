"""The comparable runs of one dataset: the same users in the same order, under the same protocol.

Another run becomes a gap with its reason; the rest is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.core.errors import MetricsError
from harness.core.results import NOT_RUN, Ranks, RunResult, Status
from harness.stats import metrics
from harness.stats.comparability import Place, apart
from harness.stats.estimates import Floats, Users, in_order_of
from harness.tables.claim_model import Gap
from harness.tables.model import DatasetSpec, TableSpec


@dataclass(frozen=True, eq=False)
class ComparableRuns:
    """Comparable runs of one dataset.

    Attributes:
        runs: all runs by system and seed, including those that do not count.
        ranks: of the runs that count, rows in the order of `users`.
        disagreements: for each run that counts, printed metrics that disagree with its ranks.
        gaps: one for each run that does not count or does not exist.
        repeated: runs with the same ranks as an earlier seed of their system, with that seed: they count once.
    """

    dataset: str
    users: Users
    runs: dict[Place, RunResult]
    ranks: dict[Place, Ranks]
    values: dict[tuple[str, int | None, str], Floats]
    disagreements: dict[Place, tuple[str, ...]]
    gaps: tuple[Gap, ...]
    repeated: Mapping[Place, int | None] = field(default_factory=dict)

    def seeds(self, system: str) -> tuple[int | None, ...]:
        """Seeds of the system's runs that count, in the requested order; (None,) if it is deterministic."""
        return tuple(seed for key, seed in self.ranks if key == system)

    def per_seed(self, system: str, metric: str) -> list[Floats]:
        """Users' values of each counted run, in the order of `seeds`."""
        return [self.values[system, seed, metric] for seed in self.seeds(system)]

    def gap(self, system: str) -> Gap:
        """Why the system has no counted run: its first failure, or that it was not run."""
        own = [gap for gap in self.gaps if gap.system == system]
        failed = [gap for gap in own if gap.status == "failed"]
        return (failed or own or [Gap(self.dataset, system, None, "missing", NOT_RUN)])[0]


def select_comparable(
    spec: TableSpec, dataset: DatasetSpec, results: Sequence[RunResult], ties: metrics.TieRule = "mean"
) -> ComparableRuns:
    """The dataset's runs, checked, with users in the same order.

    Raises:
        MetricsError: if two results have the same system and seed.
    """
    runs = _asked_for(spec, dataset, results)
    usable, gaps = _usable(spec, runs, dataset)
    users = next(iter(usable.values())).users if usable else np.array([], dtype=np.int64)
    ranks = {place: _reordered(own, users) for place, own in usable.items()}
    values = {(*place, m): metrics.per_user(own, m, ties) for place, own in ranks.items() for m in spec.metrics}
    repeated = _repeated(ranks)
    ranks = {place: own for place, own in ranks.items() if place not in repeated}
    disagreements = {place: runs[place].disagreements for place in ranks}
    gaps += _absent(spec, dataset, runs)
    return ComparableRuns(dataset.key, users, runs, ranks, values, disagreements, tuple(gaps), repeated)


def _repeated(ranks: Mapping[Place, Ranks]) -> dict[Place, int | None]:
    """Seeds of a system with the same ranks as an earlier seed: they add no information about training noise."""
    first: dict[tuple[str, bytes], int | None] = {}
    found: dict[Place, int | None] = {}
    for (system, seed), own in ranks.items():
        content = (system, b"".join(column.tobytes() for column in (own.above, own.tied, own.candidates)))
        if content in first:
            found[system, seed] = first[content]
        first.setdefault(content, seed)
    return found


def _usable(
    spec: TableSpec, runs: dict[Place, RunResult], dataset: DatasetSpec
) -> tuple[dict[Place, Ranks], list[Gap]]:
    """Ranks of the runs that can be compared with most others, and a gap for each other run."""
    gaps = [_gap(run) for run in runs.values() if run.status != "finished"]
    usable: dict[Place, Ranks] = {}
    for place, run in runs.items():
        if run.status == "finished":
            try:
                usable[place] = _checked(spec, run, dataset)
            except MetricsError as error:
                gaps.append(_gap(run, error.what))
    for place, reason in apart(usable).items():
        gaps.append(_gap(runs[place], reason))
        del usable[place]
    return usable, gaps


def _asked_for(spec: TableSpec, dataset: DatasetSpec, results: Sequence[RunResult]) -> dict[Place, RunResult]:
    """Results of the dataset by system and seed, in the order of the table."""
    found: dict[Place, RunResult] = {}
    for run in results:
        if run.dataset != dataset.key or run.seed not in (None, *spec.seeds):
            continue
        if (run.system, run.seed) in found:
            what = f"two runs for {run.system}, seed {run.seed}: {found[run.system, run.seed].key} and {run.key}"
            raise MetricsError(f"{spec.artifact}: {dataset.key}", what, "pass one result per run")
        found[run.system, run.seed] = run
    places = [(system.key, seed) for system in spec.columns for seed in (None, *spec.seeds)]
    return {place: found[place] for place in places if place in found}


def _absent(spec: TableSpec, dataset: DatasetSpec, runs: dict[Place, RunResult]) -> list[Gap]:
    """A gap for each run that does not exist, or one for all of a system's."""
    gaps = []
    for system in (s.key for s in spec.columns):
        if (system, None) in runs:
            continue
        absent: list[int | None] = [seed for seed in spec.seeds if (system, seed) not in runs]
        if len(absent) == len(spec.seeds):
            absent = [None]
        gaps += [Gap(dataset.key, system, seed, "missing", NOT_RUN) for seed in absent]
    return gaps


def _gap(run: RunResult, reason: str = "") -> Gap:
    status: Status = "missing" if run.status == "missing" else "failed"
    text = reason or run.reason or (NOT_RUN if status == "missing" else "failed without a reason")
    return Gap(run.dataset, run.system, run.seed, status, text, run.key)


def _checked(spec: TableSpec, run: RunResult, dataset: DatasetSpec) -> Ranks:
    """The run's ranks, from which every metric of the table can be computed.

    Raises:
        MetricsError: if the ranks are invalid.
    """
    ranks = run.ranks
    if ranks is None:
        raise MetricsError(run.key, "finished without ranks")
    metrics.check(ranks)
    if dataset.users is not None and len(ranks.users) != dataset.users:
        raise MetricsError(run.key, f"has {len(ranks.users)} users, the recipe states {dataset.users}")
    for metric in spec.metrics:
        metrics.of_view(ranks, metric)
    return ranks


def _reordered(ranks: Ranks, users: Users) -> Ranks:
    """`ranks` with rows in the order of `users`."""
    if np.array_equal(ranks.users, users):
        return ranks
    rows = in_order_of(users, ranks.users, np.arange(len(users), dtype=np.float64)).astype(np.int64)
    above, tied, candidates = (column[rows] for column in (ranks.above, ranks.tied, ranks.candidates))
    views = {name: _reordered(own, users) for name, own in ranks.views.items()}
    return replace(ranks, users=users, above=above, tied=tied, candidates=candidates, views=views)
