"""A table as text, laid out for reading: systems as rows, numbers rounded, nothing escaped.

Every format starts from this. Systems are rows because ten of them do not fit side by side; metrics go side by side in
pairs, seeds in fives.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.render import numbers, words
from harness.tables import Cell, ClaimRow, Comparison, DatasetSpec, SeedLine, SystemSeeds, Table

ABSENT = "–"
_METRICS_ABREAST, _SEEDS_ABREAST = 2, 5


@dataclass(frozen=True)
class ValueText:
    """A cell: `basis` is "u" where its interval is over users, `marks` are † and ‡, `place` 1 is the best."""

    ours: str
    half: str
    basis: str
    marks: str
    paper: str
    percent: str
    verdict: str
    place: int


@dataclass(frozen=True)
class ValueLine:
    """A system with a cell for each metric of the block."""

    system: str
    is_floor: bool
    cells: tuple[ValueText, ...]


@dataclass(frozen=True)
class ValueBlock:
    """Values on one dataset for as many metrics as fit side by side."""

    metrics: tuple[str, ...]
    lines: tuple[ValueLine, ...]


@dataclass(frozen=True)
class ClaimLine:
    """A claim's row; all texts "–" where nothing could be compared. `alarm` where seeds contradict users."""

    claim: str
    metric: str
    paper: str
    verdict: str
    alarm: bool = False
    gain: str = ABSENT
    interval: str = ABSENT
    basis: str = ""
    percent: str = ABSENT
    statistic: str = ABSENT
    p: str = ABSENT
    p_holm: str = ABSENT
    dz: str = ABSENT
    wins: str = ABSENT
    seeds: str = ABSENT
    per_seed: str = ABSENT


@dataclass(frozen=True)
class SeedRow:
    """A system's metric for each seed with the epochs run, then least to greatest and the paper's."""

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
    """Everything about one run."""

    system: str
    seed: str
    epochs: str
    values: tuple[str, ...]
    seconds: str
    memory: str
    key: str


@dataclass(frozen=True)
class DatasetView:
    """All that a table shows of one dataset; `slug` is its key in letters, digits and hyphens.

    `own` holds the comparisons of losses that the command line put in, which are no claims.
    """

    slug: str
    label: str
    users: str
    values: tuple[ValueBlock, ...]
    notes: tuple[str, ...]
    claims: tuple[ClaimLine, ...]
    own: tuple[ClaimLine, ...]
    alarms: tuple[str, ...]
    seeds: tuple[SeedBlock, ...]
    spreads: tuple[str, ...]
    runs: tuple[RunLine, ...]


@dataclass(frozen=True)
class TableView:
    """A table, ready for any format; `slug` is its artifact in letters, digits and hyphens."""

    slug: str
    artifact: str
    title: str
    metrics: tuple[str, ...]
    banners: tuple[str, ...]
    summary: str
    datasets: tuple[DatasetView, ...]
    value_caption: str
    claim_caption: str
    own_caption: str
    footnotes: tuple[str, ...]
    signature: str

    @property
    def alarms(self) -> tuple[str, ...]:
        """Those of all datasets."""
        return tuple(alarm for dataset in self.datasets for alarm in dataset.alarms)


@functools.lru_cache(maxsize=1)  # all formats of one table are made of one view
def view(table: Table) -> TableView:
    """The table as text."""
    return TableView(
        _slug(table.spec.artifact),
        table.spec.artifact,
        table.spec.title,
        table.spec.metrics,
        tuple(words.banners(table)),
        words.summary(table),
        tuple(_dataset(table, dataset) for dataset in table.spec.datasets),
        words.value_caption(table),
        words.claim_caption(table),
        words.own_caption(table),
        table.spec.footnotes,
        words.signature(table.spec),
    )


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _dataset(table: Table, dataset: DatasetSpec) -> DatasetView:
    own = [block for block in table.seeds if block.dataset == dataset.key]
    notes = (words.note_line(table.spec, note) for note in table.notes if note.dataset == dataset.key)
    n_users = table.n_users[dataset.key]
    return DatasetView(
        _slug(dataset.key),
        dataset.label,
        f"{numbers.count(n_users)} users" if n_users else "no usable run",
        tuple(_value_block(table, dataset.key, metrics) for metrics in _abreast(table.spec.metrics, _METRICS_ABREAST)),
        tuple(note for note in notes if note),
        _claim_lines(table, dataset.key, own=False),
        _claim_lines(table, dataset.key, own=True),
        tuple(words.alarms(table, dataset.key)),
        tuple(_seed_blocks(table, dataset.key, own)),
        tuple(words.spread_line(table.spec, s) for s in table.spreads if s.dataset == dataset.key),
        tuple(_run_line(table, block, line) for block in own for line in block.lines),
    )


def _abreast(metrics: tuple[str, ...], n: int) -> Iterator[tuple[str, ...]]:
    return (metrics[start : start + n] for start in range(0, len(metrics), n))


def _value_block(table: Table, dataset: str, metrics: tuple[str, ...]) -> ValueBlock:
    rows = [row for row in table.rows if row.dataset == dataset and row.metric in metrics]
    lines = [
        ValueLine(system.label, system.is_floor, tuple(_value_text(row.cells[place]) for row in rows))
        for place, system in enumerate(table.spec.columns)
    ]
    return ValueBlock(metrics, tuple(lines))


def _value_text(cell: Cell) -> ValueText:
    paper = f"{cell.published.value:.{cell.published.decimals}f}{cell.published.mark}" if cell.published else ABSENT
    verdict = ABSENT if cell.verdict == "unpublished" else cell.verdict
    if cell.estimate is None:
        return ValueText(ABSENT, "", "", "", paper, ABSENT, verdict, 0)
    half = numbers.metric(cell.estimate.high - cell.estimate.mean)
    basis = "u" if cell.estimate.basis == "users" else ""
    marks = "†" * cell.disagrees + "‡" * cell.ties
    percent = numbers.percent(cell.relative) or ABSENT
    return ValueText(numbers.metric(cell.estimate.mean), half, basis, marks, paper, percent, verdict, cell.place)


def _claim_lines(table: Table, dataset: str, *, own: bool) -> tuple[ClaimLine, ...]:
    rows = [row for row in table.claims if row.dataset == dataset and row.claim.own == own]
    return tuple(_claim_line(table, row) for row in rows)


def _claim_line(table: Table, row: ClaimRow) -> ClaimLine:
    paper, c = numbers.percent(row.paper_relative) or ABSENT, row.comparison
    line = ClaimLine(words.claim_name(table.spec, row), row.claim.metric, paper, row.verdict)
    if c is None:
        return line
    return replace(
        line,
        alarm=c.overruled or bool(c.misleading_seeds),
        gain=numbers.signed(c.gain),
        interval=f"[{numbers.signed(c.interval.low)}, {numbers.signed(c.interval.high)}]",
        basis="" if c.seed_aware else "u",
        percent=numbers.percent(c.relative) or ABSENT,
        statistic=numbers.plain(c.test.statistic, 2),
        p=numbers.p_value(c.test.p),
        p_holm=numbers.p_value(c.p_holm),
        dz=numbers.plain(c.test.dz, 3),
        wins=f"{c.wins.wins}/{c.wins.ties}/{c.wins.losses}",
        seeds=f"{sum(g.gain > 0 for g in c.per_seed)}/{len(c.per_seed)}",
        per_seed=_per_seed(c),
    )


def _per_seed(c: Comparison) -> str:
    def told(seed: int | None, gain: float, p: float) -> str:
        return ("" if seed is None else f"{seed}: ") + f"{numbers.signed(gain)} (p {numbers.p_value(p)})"

    return "; ".join(told(g.seed, g.gain, g.p) for g in c.per_seed)


def _seed_blocks(table: Table, dataset: str, own: Sequence[SystemSeeds]) -> Iterator[SeedBlock]:
    seeds = table.spec.seeds
    for metric in table.spec.metrics:
        papers = {
            c.system: c for row in table.rows if (row.dataset, row.metric) == (dataset, metric) for c in row.cells
        }
        for start in range(0, len(seeds), _SEEDS_ABREAST):
            part = seeds[start : start + _SEEDS_ABREAST]
            rows = [_seed_row(table, block, metric, part, papers[block.system]) for block in own]
            yield SeedBlock(metric, part, tuple(rows))


def _seed_row(table: Table, block: SystemSeeds, metric: str, seeds: Sequence[int], cell: Cell) -> SeedRow:
    lines = {line.seed: line for line in block.lines}
    texts = tuple("" if None in lines else _seed_text(lines.get(seed), metric) for seed in seeds)
    low, high = (numbers.metric(end) for end in block.ranges.get(metric, (None, None)))
    reach = low if low == high else f"{low}–{high}"
    return SeedRow(table.spec.system(block.system).label, texts, reach or ABSENT, _value_text(cell).paper)


def _seed_text(line: SeedLine | None, metric: str) -> str:
    if line is None or metric not in line.values:
        return line.status if line else ABSENT
    if line.epochs is None:
        return numbers.metric(line.values[metric])
    capped = "*" if line.epochs == line.epoch_cap else ""
    return f"{numbers.metric(line.values[metric])} ({line.epochs}{capped})"


def _run_line(table: Table, block: SystemSeeds, line: SeedLine) -> RunLine:
    values = tuple(numbers.metric(line.values.get(metric)) or ABSENT for metric in table.spec.metrics)
    parts = [(line.epochs, "{}"), (line.epoch_cap, "of {}"), (line.best_epoch, "(best {})")]
    known = [form.format(value) for value, form in parts if value is not None and line.epochs is not None]
    return RunLine(
        table.spec.system(block.system).label,
        ABSENT if line.seed is None else str(line.seed),
        " ".join(known) or ABSENT,
        values if line.values else (line.status, *[ABSENT] * (len(values) - 1)),
        numbers.seconds(line.seconds) or ABSENT,
        numbers.megabytes(line.peak_memory_mb) or ABSENT,
        line.key,
    )
