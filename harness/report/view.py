"""A table as text: systems as rows, numbers rounded, unescaped.

Every format is made from this. Systems are rows because ten of them do not fit side by side; metrics are columns in
pairs, seeds in fives.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.core.results import SECONDS
from harness.report import captions, details, paper_marks, rounding, sentences, verdict_words
from harness.report.view_model import (
    ABSENT,
    ClaimLine,
    DatasetView,
    RunLine,
    SeedBlock,
    SeedRow,
    TableView,
    ValueBlock,
    ValueLine,
    ValueText,
)
from harness.tables.build import Cell, ClaimRow, DatasetSpec, SeedLine, SystemSeeds, Table, Training

_METRICS_ABREAST, _SEEDS_ABREAST = 2, 5


@functools.lru_cache(maxsize=1)  # all formats of one table share one view
def view(table: Table) -> TableView:
    """The table as text."""
    datasets = tuple(_dataset(table, dataset) for dataset in table.spec.datasets)
    shown = _shown_details(datasets)
    return TableView(
        slug(table.spec.artifact),
        table.spec.artifact,
        table.spec.title,
        table.spec.metrics,
        tuple(sentences.banners(table)),
        verdict_words.summary(table),
        tuple(_with_details(dataset, shown) for dataset in datasets),
        sentences.value_caption(table),
        captions.TEST_CAPTION,
        sentences.claim_caption(table) + paper_marks.caption(table),
        "comparison" if table.spec.compared else "added comparison, not a claim of the paper",
        sentences.own_caption(table),
        captions.CLAIM_TEST_CAPTION,
        sentences.detail_caption(table.spec),
        tuple(details.DETAILS[i] for i in shown),
        table.spec.footnotes,
        sentences.CORRECTIONS[table.spec.correction],
        sentences.legend(table),
        sentences.signature(table.spec),
        sentences.mark(table.spec),
        table.spec.published_in,
        table.spec.beside,
    )


def _shown_details(datasets: Sequence[DatasetView]) -> list[int]:
    """Indices of the details that any claim has: McNemar's test is not possible for means over seeds."""
    rows = [c.details for dataset in datasets for c in (*dataset.claims, *dataset.own)]
    return [i for i in range(len(details.DETAILS)) if any(row[i] != ABSENT for row in rows)]


def _with_details(dataset: DatasetView, shown: Sequence[int]) -> DatasetView:
    claims, own = (
        tuple(replace(c, details=tuple(c.details[i] for i in shown)) for c in lines)
        for lines in (dataset.claims, dataset.own)
    )
    return replace(dataset, claims=claims, own=own)


def slug(text: str) -> str:
    """A text in letters, digits and hyphens, for names and anchors."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def _dataset(table: Table, dataset: DatasetSpec) -> DatasetView:
    own = [block for block in table.seeds if block.dataset == dataset.key]
    notes = (sentences.note_line(table.spec, note) for note in table.notes if note.dataset == dataset.key)
    n_users = table.n_users[dataset.key]
    return DatasetView(
        slug(dataset.key),
        dataset.label,
        f"{rounding.count(n_users)} users" if n_users else "no valid run",
        tuple(_value_blocks(table, dataset.key)),
        tuple(details.value_tests(table, dataset.key)),
        tuple(details.degrees(table, dataset.key)),
        (*(note for note in notes if note), *paper_marks.lines(table, dataset.key)),
        _claim_lines(table, dataset.key, own=False),
        _claim_lines(table, dataset.key, own=True),
        tuple(sentences.alarms(table, dataset.key)),
        tuple(_seed_blocks(table, dataset.key, own)),
        tuple(sentences.spread_line(table.spec, s) for s in table.spreads if s.dataset == dataset.key),
        tuple(_run_line(table, block, line) for block in own for line in block.lines),
        tuple(_keys(table, block) for block in own if block.lines),
    )


def _keys(table: Table, block: SystemSeeds) -> str:
    known = [line for line in block.lines if line.key]
    facts_of = ", ".join(line.key[:8] if line.seed is None else f"{line.seed} {line.key[:8]}" for line in known)
    return f"{table.spec.system(block.system).label}: {facts_of}"


def _abreast(metrics: tuple[str, ...], n: int) -> Iterator[tuple[str, ...]]:
    return (metrics[start : start + n] for start in range(0, len(metrics), n))


def _value_blocks(table: Table, dataset: str) -> Iterator[ValueBlock]:
    """Metrics side by side; one fact of trainings is beside the last ones, several have a separate block."""
    training = [line for line in table.training if line.dataset == dataset]
    facts = tuple(dict.fromkeys(line.fact for line in training))
    facts_of = {
        s.key: tuple(t for line in training if line.system == s.key for t in _told(line)) for s in table.spec.columns
    }
    blocks = [_value_block(table, dataset, metrics) for metrics in _abreast(table.spec.metrics, _METRICS_ABREAST)]
    if len(facts) > 1:
        blocks.append(
            replace(blocks[-1], metrics=(), lines=tuple(replace(line, cells=()) for line in blocks[-1].lines))
        )
    if facts:
        keyed = zip(blocks[-1].lines, table.spec.columns, strict=True)
        lines = tuple(replace(line, training=facts_of[system.key]) for line, system in keyed)
        blocks[-1] = replace(blocks[-1], lines=lines, training=facts)
    yield from blocks


def _told(line: Training) -> tuple[str, str]:
    """Ours and the paper's; a time of the paper with its printed digits if the unit is the same."""
    write = rounding.mean_count if line.fact == "best epoch" else rounding.training_time
    ours = ABSENT if line.mean is None else write(line.mean)
    paper = line.published
    if paper is None:
        return ours, ABSENT
    unit = {"minutes": "min", "seconds": "s"}.get(line.fact, paper.unit)
    if paper.unit == unit:
        return ours, f"{paper.value:.{paper.decimals}f}"
    return ours, rounding.training_time(paper.seconds / SECONDS[unit])


def _value_block(table: Table, dataset: str, metrics: tuple[str, ...]) -> ValueBlock:
    rows = [row for row in table.rows if row.dataset == dataset and row.metric in metrics]
    lines = [
        ValueLine(
            system.label,
            _anchor(dataset, system.key),
            system.is_floor,
            tuple(_value_text(row.cells[place], sentences.sign(table, row, system.key)) for row in rows),
        )
        for place, system in enumerate(table.spec.columns)
    ]
    return ValueBlock(metrics, tuple(lines))


def _anchor(dataset: str, system: str) -> str:
    return f"runs-{slug(dataset)}-{slug(system)}"


def _value_text(cell: Cell, sign: str = "") -> ValueText:
    paper, beside = details.printed(cell.published), tuple(map(details.printed, cell.beside))
    verdict = ABSENT if cell.verdict == "unpublished" else cell.verdict
    if cell.estimate is None:
        return ValueText(ABSENT, "", "", "", "", paper, ABSENT, verdict, 0, beside)
    half = rounding.metric(cell.estimate.high - cell.estimate.mean)
    basis = "u" if cell.estimate.basis == "users" else ""
    marks = "†" * cell.disagrees + "‡" * cell.ties + "§" * cell.marked
    percent = rounding.percent(cell.relative) or ABSENT
    ours, place = rounding.metric(cell.estimate.mean), cell.place
    return ValueText(ours, half, basis, sign, marks, paper, percent, verdict, place, beside)


def _claim_lines(table: Table, dataset: str, *, own: bool) -> tuple[ClaimLine, ...]:
    rows = [row for row in table.claims if row.dataset == dataset and row.claim.own == own]
    return tuple(_claim_line(table, row) for row in rows)


def _claim_line(table: Table, row: ClaimRow) -> ClaimLine:
    paper = (
        " ".join(filter(None, (rounding.percent(row.paper_relative), paper_marks.marked(table.spec, row)))) or ABSENT
    )
    c = row.comparison
    line = ClaimLine(sentences.claim_name(table.spec, row), row.claim.metric, paper, row.verdict)
    if c is None:
        return replace(line, details=(ABSENT,) * len(details.DETAILS))
    return replace(
        line,
        alarm=c.overruled or bool(c.misleading_seeds),
        gain=rounding.signed(c.gain),
        interval=f"[{rounding.signed(c.interval.low)}, {rounding.signed(c.interval.high)}]",
        basis="" if c.seed_aware else "u",
        percent=rounding.percent(c.relative) or ABSENT,
        p_adjusted=rounding.p_value(c.p_adjusted),
        seeds=f"{sum(g.gain > 0 for g in c.per_seed)}/{len(c.per_seed)}",
        tests=details.of_verdict(row, c),
        details=details.of_claim(c),
        per_seed=details.per_seed(c),
    )


def _seed_blocks(table: Table, dataset: str, own: Sequence[SystemSeeds]) -> Iterator[SeedBlock]:
    seedless = {line.seed for block in own for line in block.lines} == {None}
    seeds = () if seedless else table.spec.seeds
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
    low, high = (rounding.metric(end) for end in block.ranges.get(metric, (None, None)))
    reach = low if low == high else f"{low}–{high}"
    return SeedRow(table.spec.system(block.system).label, texts, reach or ABSENT, _value_text(cell).paper)


def _seed_text(line: SeedLine | None, metric: str) -> str:
    if line is None or metric not in line.values:
        return line.status if line else ABSENT
    if line.epochs is None:
        return rounding.metric(line.values[metric])
    capped = "*" if line.epochs == line.epoch_cap else ""
    return f"{rounding.metric(line.values[metric])} ({line.epochs}{capped})"


def _run_line(table: Table, block: SystemSeeds, line: SeedLine) -> RunLine:
    values = tuple(rounding.metric(line.values.get(metric)) or ABSENT for metric in table.spec.metrics)
    parts = [(line.epochs, "{}"), (line.epoch_cap, "of {}"), (line.best_epoch, "(best {})")]
    known = [form.format(value) for value, form in parts if value is not None and line.epochs is not None]
    return RunLine(
        table.spec.system(block.system).label,
        _anchor(block.dataset, block.system) if line is block.lines[0] else "",
        ABSENT if line.seed is None else str(line.seed),
        " ".join(known) or ABSENT,
        values if line.values else (line.status, *[ABSENT] * (len(values) - 1)),
        rounding.seconds(line.seconds) or ABSENT,
        rounding.megabytes(line.peak_memory_mb) or ABSENT,
        line.key,
        "../" * (table.spec.artifact.count("/") + 3) + f"runs/{line.key}" if line.key else "",
    )
