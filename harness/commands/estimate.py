"""Estimates of time and disk space, from measured records only.

A run's time is the median of the same system's on the same dataset; failing that, of the same system on another
dataset, scaled by the number of users (an epoch has one sequence per user); failing that, for an added loss,
of the system whose loss it replaces. Else it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from harness.recipes.datasets import Dataset
from harness.report.rounding import duration, size
from harness.runs.plan import Run
from harness.runs.store import Store
from harness.runs.stored import Record

if TYPE_CHECKING:
    from harness.commands.table_request import TableRequest


@dataclass(frozen=True)
class About:
    """A number of seconds and where it comes from."""

    seconds: float
    scaled: bool

    def __str__(self) -> str:
        return ("≈" if self.scaled else "") + duration(self.seconds)


@dataclass(frozen=True)
class Estimates:
    """Times and sizes of runs, from the records of a store.

    Attributes:
        committed: the project's own records, where another store is in use; None where it is the same.
    """

    store: Store
    data: Mapping[str, Dataset]
    committed: Store | None = None
    _seen: dict[tuple[str, str], About | None] = field(default_factory=dict)
    _epochs: dict[str, tuple[int | None, list[int]]] = field(default_factory=dict)
    _lately: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, request: TableRequest) -> Estimates:
        """Those for a table's runs."""
        config = request.config
        own = config.root / config.file.results
        committed = None if own == config.results or not own.is_dir() else Store(own, config.cache)
        return cls(request.store, request.data, committed)

    @property
    def records(self) -> Iterator[Record]:
        """All records at hand, each key once."""
        yield from self.store.records
        if self.committed is not None:
            have = {record.folder.name for record in self.store.records}
            yield from (record for record in self.committed.records if record.folder.name not in have)

    def learn(self, run: Run, seconds: float) -> None:
        """Add the duration of a run that has just finished."""
        lately = self._lately.setdefault((run.dataset, run.system), [])
        lately.append(seconds)
        self._seen[run.dataset, run.system] = About(median(lately), scaled=False)

    def seconds(self, run: Run) -> About | None:
        """Estimated seconds of a run; None if unknown."""
        cell = (run.dataset, run.system)
        if cell not in self._seen:
            self._seen[cell] = self.from_records(run)
        return self._seen[cell]

    def from_records(self, run: Run) -> About | None:
        """The median of records of the same system with the same limit of epochs.

        An added loss is assumed to need about the time of the system whose loss it replaces.
        """
        own = self.of_system(run, run.system)
        host = self.of_system(run, run.host) if run.host and own is None else None
        return About(host.seconds, scaled=True) if host else own

    def of_system(self, run: Run, system: str) -> About | None:
        """The median of records of a system that were executed like this run."""
        times: dict[str, list[float]] = {}
        for record in self.records:
            c = record.content
            if record.finished and (c["upstream"], c["system"]) == (run.upstream, system) and comparable(c, run):
                times.setdefault(c["dataset"], []).append(float(c["seconds"]))
        if run.dataset in times:
            return About(median(times[run.dataset]), scaled=False)
        scaled = [
            median(found) * self.data[run.dataset].users / self.data[name].users
            for name, found in times.items()
            if name in self.data
        ]
        return About(median(scaled), scaled=True) if scaled else None

    def epochs(self, run: Run) -> tuple[int | None, list[int]]:
        """Epochs of the record with this run's key, if there is one, and of other seeds of its system and dataset."""
        if run.key not in self._epochs:
            self._epochs[run.key] = self.epochs_of_records(run)
        return self._epochs[run.key]

    def epochs_of_records(self, run: Run) -> tuple[int | None, list[int]]:
        """The same, from all records at hand."""
        same, others = None, []
        for record in self.records:
            c, end = record.content, record.typed.end
            if not record.finished or end is None or end.epochs is None:
                continue
            if c["key"] == run.key:
                same = end.epochs
            elif cell_of_record(record) == cell_of(run) and comparable(c, run):
                others.append(end.epochs)
        return same, others

    def here(self, run: Run) -> float | None:
        """Seconds that a run takes on this machine; None unless another seed of it was learned and has as many epochs.

        A system without epochs, such as popularity, takes as long as it just did.
        """
        lately = self._lately.get((run.dataset, run.system))
        if not lately or "patience" in run.options:
            return None
        return median(lately)

    def summary(self, runs: Sequence[Run], jobs: int) -> str:
        """One line: time of all missing runs together and on this many jobs, bytes of their records."""
        known = [about.seconds for run in runs if (about := self.seconds(run))]
        unknown = len(runs) - len(known)
        parts = (
            [f"about {duration(sum(known))} of runs, {duration(sum(known) / jobs)} with --jobs {jobs}"] if known else []
        )
        parts += [f"time unknown for {unknown} run(s): no similar run is recorded here yet"] if unknown else []
        return "; ".join(parts) + f"; about {size(len(runs) * self.record_bytes())} of records"

    def record_bytes(self) -> float:
        """Median size of a stored record in bytes; 60 kB if there is none yet."""
        sizes = [sum(p.stat().st_size for p in r.folder.iterdir()) for r in self.store.records[:50]]
        return median(sizes) if sizes else 60_000


def cell_of(run: Run) -> tuple[str, str, str]:
    """What runs that differ in their seed or options share."""
    return (run.upstream, run.dataset, run.system)


def cell_of_record(record: Record) -> tuple[str, str, str]:
    """The same of a record."""
    return (record.typed.upstream, record.typed.dataset, record.typed.system)


def comparable(content: Mapping[str, Any], run: Run) -> bool:
    """Whether a record's command has the same limit of epochs, so that its time is comparable."""
    return limits(content["inputs"]["command"]) == limits(run.command)


def limits(command: Sequence[str]) -> dict[str, str]:
    """A command's options that limit how long it trains, written `--epochs=3` or `--epochs 3`."""
    words = " ".join(command).replace("=", " ").split()
    return {n.lstrip("-"): value for n, value in pairwise(words) if n.endswith(("epochs", "patience"))}


def downloads(request: TableRequest, missing: Sequence[Run]) -> Iterator[str]:
    """What still has to be fetched or created before the first run."""
    config, workspace = request.config, request.workspace
    for run in {run.environment: run for run in missing}.values():
        environment = config.environment(run.environment or request.recipe.environment)
        if to_make := workspace.backend_of(run).to_make(size(environment.size_mb * 1e6)):
            yield to_make
    if not any((config.cache / "clones").glob(f"{request.recipe.upstream}-*")):
        source = config.git_mirror or workspace.source.upstream.url
        yield f"upstream {request.recipe.upstream}: to be fetched from {source}"
    names = sorted({run.dataset for run in missing})
    yield f"data: {', '.join(names)}, from the pinned repository or the address in recipes/data; verified by hash"
