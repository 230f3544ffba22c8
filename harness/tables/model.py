"""What a table is made of: all that rendering and judging need, unrounded, without a path or a template.

Frozen data. `verdict` fields are filled in by `tables.verdicts`; until then they say so.
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
    """A dataset of a table; `users` is how many its test split must have, None where nobody knows."""

    key: str
    label: str
    users: int | None = None


@dataclass(frozen=True)
class SystemSpec:
    """A system of a table.

    Attributes:
        is_floor: it is the baseline that everything should beat.
        model, loss: what is the same in systems that differ in options of their loss alone.
        options: of the loss, those that are numbers.
        trained_once: its weights are given and come from one training, so that nothing random is left to repeat.
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
    """What a table has to show.

    Attributes:
        systems: in the order of the table; floors are moved to the front.
        correction: of the p-values of claims; `by_dataset` makes each dataset a family of tests of its own.
        n_family: tests of the declared family, those that the table does not show included; 0 for those it shows.
        n_by_dataset: the same for each dataset, where datasets are families and differ in this.
        margin_relative, margin_absolute: a published value's fraction, and the distance, within which ours counts as
            equal to it; one of them is 0.
        published_in: what to call the place where published values stand.
        beside: further places with published values, to look at.
        seeds: those asked for.
        signature: facts that travel with the numbers, in order (upstream, commit, protocol, profile, options,
            environment, ...); "profile" set to "quick" marks the whole table.
        demonstration: it shows the machinery and proves nothing about a paper.
        compared: no artifact, but two systems that somebody wanted to see side by side.
        wilcoxon: whether the signed-rank test was asked for.
        changed: options that were set by hand, each with the recipe's own value.
        footnotes: what the losses are that the command line put in, and in whose place.
        training: what it shows of the trainings beside the paper's.
        said: by dataset and metric, the paper's marks: of two systems, whether it calls their difference significant;
            both where it says both.
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

    def family_size(self, dataset: str, n_tests: int) -> int:
        """Tests of the family to which a dataset's claims belong, of which the table makes `n_tests`."""
        declared = self.n_by_dataset.get(dataset, self.n_family) if self.by_dataset else self.n_family
        return max(declared, n_tests)

    def margin(self, value: float) -> float:
        """How far from a value ours may lie and still count as equal to it."""
        return self.margin_relative * abs(value) + self.margin_absolute

    @property
    def quick(self) -> bool:
        """Whether the profile cuts training short, so that nothing here is a reproduction."""
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
        beside: what `TableSpec.beside` prints, in its order.
        seedless: nothing random went into it, so its value is exact on these users.
        place: 1 for the best of the row, 2 for the second, 0 otherwise.
        keys: of the runs that went into it.
        same_digits: seeds (None: seedless) whose value prints as the paper's.
        disagrees: some of its runs printed other metrics than their ranks give.
        marked: some of its runs have a mark of their own.
        ties: scores tied with the held-out item's would change a printed digit.
        users: the mean over its trainings, with the error over users.
        noise: between its trainings; None where it is unknown.
        test: against the printed value, filled in with the verdict.
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
    """One run: `values` holds each metric's mean over users, empty where the run cannot be counted."""

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
    """A system's runs on one dataset; `ranges` holds each metric's least and greatest mean over seeds."""

    dataset: str
    system: str
    lines: tuple[SeedLine, ...]
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Training:
    """One fact of a system's trainings: the mean over its counted runs that tell it, and the paper's number.

    Nothing is judged: times were measured on different machines, and the paper's best epoch is that of its own seed.
    """

    dataset: str
    system: str
    fact: TrainingFact
    mean: float | None = None
    published: Published | None = None


@dataclass(frozen=True)
class Spread:
    """How far apart the seeds of `system` lie, the wider of a claim's two, beside what the paper gains by the claim."""

    dataset: str
    claim: Claim
    system: str
    width: float
    n_seeds: int
    paper_gain: float


@dataclass(frozen=True)
class Note:
    """Something a reader must know; rendering puts it into words.

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
    """A rebuilt artifact, equal to itself alone; claims and what is put in are corrected separately."""

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
        """Whether nothing random went into any value that is held against a published one."""
        held = [cell.seedless for row in self.rows for cell in row.cells if cell.published and cell.estimate]
        return bool(held) and all(held)
