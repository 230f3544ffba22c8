"""The data of a table: everything that rendering and judging need, unrounded, without paths or templates.

Frozen data. `verdict` fields are set by `tables.verdicts`; before, they are "not judged".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from harness.core.errors import ArgumentError, near_misses
from harness.core.results import Claim, Published, Status, TrainingFact
from harness.stats.estimates import Estimate, Interval
from harness.stats.printed_value import ValueTest
from harness.stats.seed_noise import Noise
from harness.tables.claim_model import ClaimRow, Gap

ValueVerdict = Literal[
    "reproduced", "consistent", "differs", "inconclusive", "reproduced by users only", "consistent by users only",
    "differs by users only", "failed", "not run", "unpublished", "not judged",
]  # fmt: skip
NoteKind = Literal[
    "demonstration", "quick", "changed", "failed", "missing", "disagrees", "ties", "floor", "paper floor", "one seed",
    "two seeds", "unequal seeds", "repeated seeds", "marked", "trivial", "same digits", "cut digits", "not compared",
    "candidates", "tie rule",
]  # fmt: skip
Method = Literal["holm", "bonferroni", "benjamini-hochberg", "none"]
NO_SEED = -1
Spec = TypeVar("Spec")


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset of a table; `users` is the required number of test users, None if unknown."""

    key: str
    label: str
    users: int | None = None


@dataclass(frozen=True)
class SystemSpec:
    """A system of a table.

    Attributes:
        is_floor: it is the baseline that every system should beat.
        model, loss: equal for systems that differ only in options of their loss.
        options: numeric options of the loss.
        trained_once: its weights are given and come from one training, so that nothing random can be repeated.
    """

    key: str
    label: str
    is_floor: bool = False
    published_label: str = ""
    model: str = ""
    loss: str = ""
    options: Mapping[str, float] = field(default_factory=dict)
    trained_once: bool = False


@dataclass(frozen=True)
class TableSpec:
    """The specification of a table.

    Attributes:
        systems: in the order of the table; floors are moved to the front.
        correction: of the p-values of claims; `by_dataset` makes each dataset a separate family of tests.
        n_family: tests of the declared family, including those not shown; 0 for those shown.
        n_by_dataset: the same for each dataset, if datasets are families of different size.
        margin_relative, margin_absolute: a published value's fraction, and the distance, within which ours counts as
            equal to it; one of them is 0.
        published_in: name of the source of published values.
        beside: further sources of published values, for reference.
        seeds: the requested ones.
        signature: facts that accompany the numbers, in order (upstream, commit, protocol, profile, options,
            environment, ...); "profile" set to "quick" marks the entire table.
        demonstration: it shows how the harness works and is not about a paper.
        compared: not an artifact, but a requested comparison of two systems.
        wilcoxon: whether the signed-rank test was requested.
        changed: options set by --set, each with the recipe's value.
        footnotes: the added losses, and whose loss each replaces.
        training: facts of trainings shown beside the paper's.
        said: by dataset and metric, the paper's marks: for two systems, whether it calls their difference significant;
            may be both.
    """

    artifact: str
    title: str
    metrics: tuple[str, ...]
    datasets: tuple[DatasetSpec, ...]
    systems: tuple[SystemSpec, ...]
    claims: tuple[Claim, ...] = ()
    margin_relative: float = 0.05
    margin_absolute: float = 0.0
    published_in: str = "paper"
    beside: tuple[str, ...] = ()
    correction: Method = "holm"
    by_dataset: bool = False
    n_family: int = 0
    n_by_dataset: Mapping[str, int] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    signature: Mapping[str, str] = field(default_factory=dict)
    demonstration: bool = False
    compared: bool = False
    wilcoxon: bool = False
    changed: tuple[str, ...] = ()
    footnotes: tuple[str, ...] = ()
    training: tuple[TrainingFact, ...] = ()
    said: Mapping[tuple[str, str], Mapping[frozenset[str], frozenset[bool]]] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[SystemSpec, ...]:
        """Systems in the order of the table, floors first."""
        return tuple(sorted(self.systems, key=lambda s: not s.is_floor))

    @property
    def added_systems(self) -> frozenset[str]:
        """Systems with losses that the command line added; comparisons on added datasets name their datasets."""
        return frozenset(claim.better for claim in self.claims if claim.own and not claim.datasets)

    def family_size(self, dataset: str, n_tests: int) -> int:
        """Number of tests of a dataset's family of claims, of which the table makes `n_tests`."""
        declared = self.n_by_dataset.get(dataset, self.n_family) if self.by_dataset else self.n_family
        return max(declared, n_tests)

    def margin(self, value: float) -> float:
        """The largest distance from a value that counts as equal."""
        return self.margin_relative * abs(value) + self.margin_absolute

    @property
    def quick(self) -> bool:
        """Whether the profile shortens training, so that nothing is a reproduction."""
        return self.signature.get("profile") == "quick"

    def system(self, key: str) -> SystemSpec:
        """The system of that key; ArgumentError if there is none."""
        return self._named("system", {system.key: system for system in self.systems}, key)

    def dataset(self, key: str) -> DatasetSpec:
        """The dataset of that key; ArgumentError if there is none."""
        return self._named("dataset", {dataset.key: dataset for dataset in self.datasets}, key)

    def _named(self, what: str, known: Mapping[str, Spec], key: str) -> Spec:
        if key not in known:
            raise ArgumentError(f"{self.artifact}: {what}", f"unknown {what} {key!r}", near_misses(key, known))
        return known[key]


@dataclass(frozen=True)
class Cell:
    """A system's value on one metric of one dataset.

    Attributes:
        gap: why there is no estimate, None if there is one.
        beside: values of `TableSpec.beside`, in its order.
        seedless: it is deterministic, so its value is exact on these users.
        place: 1 for the best of the row, 2 for the second, 0 otherwise.
        keys: of its runs.
        same_digits: seeds (None: seedless) whose value prints like the paper's.
        disagrees: some of its runs printed metrics that disagree with their ranks.
        marked: some of its runs have a caveat.
        ties: scores tied with the held-out item's would change a printed digit.
        users: the mean over its trainings, with the error over users.
        noise: between its trainings; None if unknown.
        test: against the printed value, set with the verdict.
    """

    system: str
    estimate: Estimate | None = None
    published: Published | None = None
    gap: Gap | None = None
    seedless: bool = False
    place: int = 0
    keys: tuple[str, ...] = ()
    same_digits: tuple[int | None, ...] = ()
    disagrees: bool = False
    marked: bool = False
    ties: bool = False
    verdict: ValueVerdict = "not judged"
    beside: tuple[Published | None, ...] = ()
    users: Interval | None = None
    noise: Noise | None = None
    test: ValueTest | None = None

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's."""
        return self.estimate.mean - self.published.value if self.estimate and self.published else None

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of the paper's value."""
        value = self.published.value if self.published else 0.0
        return self.difference / value if self.difference is not None and value else None


@dataclass(frozen=True)
class Row:
    """One metric of one dataset over all systems, in the order of `TableSpec.columns`."""

    dataset: str
    metric: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SeedLine:
    """One run: `values` holds each metric's mean over users, empty if the run does not count."""

    seed: int | None
    status: Status
    key: str
    values: Mapping[str, float] = field(default_factory=dict)
    epochs: int | None = None
    best_epoch: int | None = None
    epoch_cap: int | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None
    training: Mapping[TrainingFact, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemSeeds:
    """A system's runs on one dataset; `ranges` holds each metric's smallest and largest mean over seeds."""

    dataset: str
    system: str
    lines: tuple[SeedLine, ...]
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Training:
    """One fact of a system's trainings: the mean over its counted runs that report it, and the paper's number.

    Nothing is judged: times were measured on different machines, and the paper's best epoch is that of its own seed.
    """

    dataset: str
    system: str
    fact: TrainingFact
    mean: float | None = None
    published: Published | None = None


@dataclass(frozen=True)
class Spread:
    """The range of the seeds of `system`, the wider of a claim's two, compared with the paper's gain of the claim."""

    dataset: str
    claim: Claim
    system: str
    width: float
    n_seeds: int
    paper_gain: float


@dataclass(frozen=True)
class Note:
    """A caveat for readers; rendering formulates it.

    Attributes:
        values: systems' keys with a number each: a metric's value, a count, or a seed (`NO_SEED` for none).
    """

    kind: NoteKind
    dataset: str = ""
    system: str = ""
    metric: str = ""
    seed: int | None = None
    text: str = ""
    values: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """A rebuilt artifact, equal only to itself; claims and added losses are corrected separately."""

    spec: TableSpec
    n_users: Mapping[str, int]
    rows: tuple[Row, ...]
    claims: tuple[ClaimRow, ...]
    seeds: tuple[SystemSeeds, ...]
    spreads: tuple[Spread, ...]
    notes: tuple[Note, ...]
    gaps: tuple[Gap, ...]
    n_tests: int
    n_own_tests: int = 0
    training: tuple[Training, ...] = ()

    @property
    def seedless(self) -> bool:
        """Whether all values compared with published ones are deterministic."""
        held = [cell.seedless for row in self.rows for cell in row.cells if cell.published and cell.estimate]
        return bool(held) and all(held)
