"""The parts of a table as text for all formats, rounded but not escaped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ABSENT = "–"
LONG_NAME = 24  # characters
CLAIM_TESTS = (
    "p users × seeds", "p equal", "margin", "size", "effect ratio", "Δ rel. improvement", "seeds needed",
)  # fmt: skip
VALUE_TESTS = (
    "90 % interval", "over", "margin", "p (TOST)", "one more training, 95 %", "differs beyond",
    "seeds needed",
)  # fmt: skip


@dataclass(frozen=True)
class ValueText:
    """A cell.

    Attributes:
        basis: "u" if the interval is over users.
        sign: ∗, ° or ↓, by the tests of its claims; see `sentences`.
        marks: †, ‡ and §.
        place: 1 for the best of the row, 2 for the second.
        beside: a text for each of the table's.
    """

    ours: str
    half: str
    basis: str
    sign: str
    marks: str
    paper: str
    percent: str
    verdict: str
    place: int
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValueLine:
    """A system with a cell for each metric of the block; its runs are listed at `anchor`.

    Attributes:
        training: for each of the block's facts ours and the paper's.
    """

    system: str
    anchor: str
    is_floor: bool
    cells: tuple[ValueText, ...]
    training: tuple[str, ...] = ()

    @property
    def linked(self) -> bool:
        """Whether there are runs to link to."""
        return any(cell.half for cell in self.cells)


@dataclass(frozen=True)
class ValueBlock:
    """Values on one dataset for the metrics that fit side by side.

    Attributes:
        training: names of its facts of trainings.
    """

    metrics: tuple[str, ...]
    lines: tuple[ValueLine, ...]
    training: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValueTestLine:
    """A value's tests against the printed one: a text for each of `VALUE_TESTS`."""

    system: str
    metric: str
    ours: str
    paper: str
    texts: tuple[str, ...]
    verdict: str


@dataclass(frozen=True)
class ClaimLine:
    """A claim's row; all texts "–" if nothing could be compared.

    Attributes:
        alarm: seeds contradict users.
        tests: behind the verdict and the size, one text for each of `CLAIM_TESTS`.
        details: one text for each of the table's `detail_titles`.
    """

    claim: str
    metric: str
    paper: str
    verdict: str
    alarm: bool = False
    gain: str = ABSENT
    interval: str = ABSENT
    basis: str = ""
    percent: str = ABSENT
    p_adjusted: str = ABSENT
    seeds: str = ABSENT
    tests: tuple[str, ...] = (ABSENT,) * len(CLAIM_TESTS)
    details: tuple[str, ...] = ()
    per_seed: str = ABSENT


@dataclass(frozen=True)
class SeedRow:
    """A system's metric for each seed with the epochs run, then their range and the paper's."""

    system: str
    cells: tuple[str, ...]
    range: str
    paper: str


@dataclass(frozen=True)
class SeedBlock:
    """One metric on one dataset by seed."""

    metric: str
    seeds: tuple[int, ...]
    rows: tuple[SeedRow, ...]


@dataclass(frozen=True)
class RunLine:
    """Everything about one run; `anchor` is at a system's first one, `href` is its record's folder."""

    system: str
    anchor: str
    seed: str
    epochs: str
    values: tuple[str, ...]
    seconds: str
    memory: str
    key: str
    href: str


@dataclass(frozen=True)
class DatasetView:
    """Everything that a table shows of one dataset; `slug` is its key in letters, digits and hyphens.

    Attributes:
        degrees: for each metric: name, number of printed values, root mean square error, Kendall's tau.
        own: added comparisons (losses and datasets of the command line), which are not claims.
        keys: each system's runs by seed, by the first digits of their keys.
    """

    slug: str
    label: str
    users: str
    values: tuple[ValueBlock, ...]
    value_tests: tuple[ValueTestLine, ...]
    degrees: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    claims: tuple[ClaimLine, ...]
    own: tuple[ClaimLine, ...]
    alarms: tuple[str, ...]
    seeds: tuple[SeedBlock, ...]
    spreads: tuple[str, ...]
    runs: tuple[RunLine, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """A table, ready for any format.

    Attributes:
        published_in: name of the source of published values.
        beside: further sources, for reference.
        slug: its artifact in letters, digits and hyphens.
        correction: the name of the correction, for a heading.
        detail_titles: of test results that the claims' table does not show.
        legend: meaning of the signs at values, "" if there are none.
        mark: first digits of the signature's hash, used where the signature would be too long.
    """

    slug: str
    artifact: str
    title: str
    metrics: tuple[str, ...]
    banners: tuple[str, ...]
    summary: str
    datasets: tuple[DatasetView, ...]
    value_caption: str
    test_caption: str
    claim_caption: str
    own_title: str
    own_caption: str
    claim_test_caption: str
    detail_caption: str
    detail_titles: tuple[str, ...]
    footnotes: tuple[str, ...]
    correction: str
    legend: str
    signature: str
    mark: str
    published_in: str
    beside: tuple[str, ...]

    @property
    def has_paper(self) -> bool:
        """Whether any value, time or best epoch is printed somewhere."""
        return any(
            text != ABSENT for line in self._lines() for text in (*(c.paper for c in line.cells), *line.training[1::2])
        )

    @property
    def has_long_names(self) -> bool:
        """Whether names of systems need separate lines."""
        return max((len(line.system) for line in self._lines()), default=0) > LONG_NAME

    def _lines(self) -> Iterator[ValueLine]:
        return (line for dataset in self.datasets for block in dataset.values for line in block.lines)

    @property
    def value_titles(self) -> tuple[str, ...]:
        """The columns of tests against printed values."""
        return VALUE_TESTS

    @property
    def claim_titles(self) -> tuple[str, ...]:
        """The columns of tests behind verdicts on claims."""
        return CLAIM_TESTS

    @property
    def seeded(self) -> bool:
        """Whether any run has a seed."""
        return any(dataset.seeds for dataset in self.datasets)

    @property
    def alarms(self) -> tuple[str, ...]:
        """Those of all datasets."""
        return tuple(alarm for dataset in self.datasets for alarm in dataset.alarms)
