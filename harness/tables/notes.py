"""What a reader must know before believing a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.stats.metrics import parse
from harness.tables.claim_model import Gap
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import NO_SEED, Cell, Note, Row, TableSpec


def general_notes(spec: TableSpec, gaps: Sequence[Gap]) -> list[Note]:
    """Notes on the table as a whole, then one for each failed run and one for all runs missing for the same reason."""
    notes = [Note("demonstration")] if spec.demonstration else []
    notes += [Note("quick")] if spec.quick else []
    notes += [Note("changed", text=", ".join(spec.changed))] if spec.changed else []
    notes += [Note("failed", g.dataset, g.system, seed=g.seed, text=g.reason) for g in gaps if g.status == "failed"]
    absent: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for gap in gaps:
        if gap.status != "failed":
            absent.setdefault((gap.dataset, gap.reason), []).append(
                (gap.system, NO_SEED if gap.seed is None else gap.seed)
            )
    return notes + [Note("missing", data, text=reason, values=tuple(runs)) for (data, reason), runs in absent.items()]


def dataset_notes(spec: TableSpec, sample: ComparableRuns, rows: Sequence[Row]) -> list[Note]:
    """Notes on one dataset: disagreements, ties, systems below the floor, seeds."""
    notes = [
        Note("disagrees", sample.dataset, system, seed=seed, text=line)
        for (system, seed), lines in sample.disagreements.items()
        for line in lines
    ]
    notes += [
        Note("marked", sample.dataset, system, seed=seed, text=line)
        for system, seed in sample.ranks
        for line in sample.runs[system, seed].marks
    ]
    notes += _trivial(spec, sample)
    for row in rows:
        ties = [(cell.system, 0.0) for cell in row.cells if cell.ties]
        if ties:
            notes.append(Note("ties", row.dataset, metric=row.metric, values=tuple(ties)))
        notes += _below_floor(spec, row)
        notes += _same_digits(row)
    return notes + list(_seed_notes(sample, spec))


def _trivial(spec: TableSpec, sample: ComparableRuns) -> Iterator[Note]:
    """HIT@k of users with k candidates or fewer is 1 whatever the scores; the first value is the share of users."""
    for name in spec.metrics:
        kind, k = parse(name)
        shares = {place[0]: float((own.candidates <= k).mean()) for place, own in sample.ranks.items()}
        if kind == "HIT" and (found := tuple((system, share) for system, share in shares.items() if share)):
            yield Note("trivial", sample.dataset, metric=name, values=found)


def _below_floor(spec: TableSpec, row: Row) -> Iterator[Note]:
    """Systems below the best floor: ours, and by the paper's numbers. The first value is the floor's."""
    floors = [(c.estimate.mean, c.system) for c in row.cells if c.estimate and spec.system(c.system).is_floor]
    if not floors:
        return
    floor, name = max(floors)
    others = [cell for cell in row.cells if not spec.system(cell.system).is_floor]
    ours = [(c.system, c.estimate.mean) for c in others if c.estimate and c.estimate.mean < floor]
    papers = [(c.system, c.published.value) for c in others if c.published and c.published.value < floor]
    if ours:
        yield Note("floor", row.dataset, metric=row.metric, values=((name, floor), *ours))
    if papers:
        yield Note("paper floor", row.dataset, metric=row.metric, values=((name, floor), *papers))


def _same_digits(row: Row) -> Iterator[Note]:
    """Runs that print the paper's very number, and values without randomness that do so where digits are cut off."""
    runs = [(cell.system, float(NO_SEED if seed is None else seed)) for cell in row.cells for seed in cell.same_digits]
    if runs:
        yield Note("same digits", row.dataset, metric=row.metric, values=tuple(runs))
    fixed = [cell for cell in row.cells if cell.seedless and cell.estimate and cell.published]
    cut = [(cell.system, float(NO_SEED)) for cell in fixed if _is_cut(cell) and not cell.same_digits]
    if cut and all(_is_cut(cell) for cell in fixed if cell.same_digits):  # who rounds one number up cuts none off
        yield Note("cut digits", row.dataset, metric=row.metric, values=tuple(cut))


def _is_cut(cell: Cell) -> bool:
    """Whether the paper's number is ours without its further digits."""
    if cell.estimate is None or cell.published is None:
        return False
    shift = 10.0**cell.published.decimals
    return math.floor(cell.estimate.mean * shift + 1e-9) == round(cell.published.value * shift)


def _seed_notes(sample: ComparableRuns, spec: TableSpec) -> Iterator[Note]:
    counts = {s.key: len(sample.seeds(s.key)) for s in spec.columns if sample.seeds(s.key) not in ((), (None,))}
    most = max(counts.values(), default=0)
    if most in (1, 2):
        yield Note("one seed" if most == 1 else "two seeds", sample.dataset)
    for system in dict.fromkeys(system for system, _ in sample.repeated):
        own = [(seed, first) for (name, seed), first in sample.repeated.items() if name == system]
        seeds = sorted({seed for pair in own for seed in pair if seed is not None})
        yield Note("repeated seeds", sample.dataset, values=tuple((system, float(seed)) for seed in seeds))
    fewer = tuple((system, float(n)) for system, n in counts.items() if n < len(spec.seeds))
    if fewer:
        yield Note("unequal seeds", sample.dataset, values=fewer)
