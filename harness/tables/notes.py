"""The caveats of a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.core.results import Claim, Published
from harness.stats.metrics import of_view, parse
from harness.tables.claim_model import ClaimRow, Comparison, Gap
from harness.tables.claims import comparison, corrected, noise_pool
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import NO_SEED, Cell, Note, Row, TableSpec
from harness.tables.values import tie_bounds

RESERVED_ROWS = 2  # a code base may also rank its padding and its mask token, like S3Rec


def general_notes(spec: TableSpec, gaps: Sequence[Gap]) -> list[Note]:
    """Notes on the entire table, then one for each failed run and one for all runs missing for the same reason."""
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


def dataset_notes(
    spec: TableSpec, sample: ComparableRuns, rows: Sequence[Row], claims: Sequence[ClaimRow]
) -> list[Note]:
    """Notes on one dataset: disagreements, ties, systems below the floor, runs that could not be compared, seeds."""
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
    notes += _candidates(sample)
    below = floor_tests(spec, sample, rows)
    for row in rows:
        tied = [cell.system for cell in row.cells if cell.ties]
        ties = [(system, bound) for system in tied for bound in tie_bounds(sample, system, row.metric)]
        if ties:
            notes.append(Note("ties", row.dataset, metric=row.metric, values=tuple(ties)))
        notes += _below_floor(spec, row, below)
        notes += _same_digits(row)
    return notes + list(_gap_notes(sample, claims)) + list(_seed_notes(sample, spec))


def _trivial(spec: TableSpec, sample: ComparableRuns) -> Iterator[Note]:
    """HIT@k of users with k candidates or fewer, which is 1 for any scores: the largest share over seeds."""
    for name in spec.metrics:
        kind, k, _ = parse(name)
        shares: dict[str, float] = {}
        for (system, _), own in sample.ranks.items():
            share = float((of_view(own, name).candidates <= k).mean())
            shares[system] = max(share, shares.get(system, 0.0))
        if kind == "HIT" and (found := tuple((system, share) for system, share in shares.items() if share)):
            yield Note("trivial", sample.dataset, metric=name, values=found)


def _candidates(sample: ComparableRuns) -> Iterator[Note]:
    """Systems that rank different numbers of items, as for ids with gaps, each with its number."""
    found = {system: own.items for (system, _), own in sample.ranks.items() if own.items}
    if found and max(found.values()) - min(found.values()) > RESERVED_ROWS:
        yield Note("candidates", sample.dataset, values=tuple(found.items()))


def floor_tests(spec: TableSpec, sample: ComparableRuns, rows: Sequence[Row]) -> dict[tuple[str, str], Comparison]:
    """By system and metric: the best floor against the system, as claims are tested, corrected over the dataset."""
    pairs = [
        Claim(floor[1], cell.system, row.metric)
        for row in rows
        if (floor := best_floor(spec, row))
        for cell in row.cells
        if cell.estimate and not spec.system(cell.system).is_floor
    ]
    pool = noise_pool(spec, sample) if pairs else {}
    tested = [ClaimRow(sample.dataset, pair, comparison(spec, sample, pair, pool)) for pair in pairs]
    found = corrected(tested, "holm")
    return {(row.claim.worse, row.claim.metric): row.comparison for row in found if row.comparison}


def best_floor(spec: TableSpec, row: Row) -> tuple[float, str] | None:
    """The mean and the key of the best floor in a row."""
    floors = [(c.estimate.mean, c.system) for c in row.cells if c.estimate and spec.system(c.system).is_floor]
    return max(floors, default=None)


def _below_floor(spec: TableSpec, row: Row, tests: Mapping[tuple[str, str], Comparison]) -> Iterator[Note]:
    """Systems significantly below the best floor, and the paper's numbers below it. The first value is the floor's.

    Systems with too few trainings have a separate note, "by users only".
    """
    best = best_floor(spec, row)
    if best is None:
        return
    floor, name = best
    others = [cell for cell in row.cells if not spec.system(cell.system).is_floor]
    found = [(c, tests[c.system, row.metric]) for c in others if c.estimate]
    below = [(c, t) for c, t in found if t.significant and t.gain > 0]
    papers = [(c.system, c.published.value) for c in others if c.published and _prints_below(c.published, floor)]
    for few, text in ((False, ""), (True, "by users only")):
        ours = [(c.system, c.estimate.mean) for c, t in below if c.estimate and t.by_users_only is few]
        if ours:
            yield Note("floor", row.dataset, metric=row.metric, text=text, values=((name, floor), *ours))
    if papers:
        yield Note("paper floor", row.dataset, metric=row.metric, values=((name, floor), *papers))


def _prints_below(printed: Published, floor: float) -> bool:
    """Whether every number that rounds to it is below the floor."""
    return printed.value + printed.rounding < floor


def _gap_notes(sample: ComparableRuns, claims: Sequence[ClaimRow]) -> Iterator[Note]:
    """Runs that could not be compared, and a dataset with a single user."""
    if sample.ranks and len(sample.users) < 2:
        yield Note("not compared", sample.dataset, text="has one user, so nothing can be estimated")
    for pair in dict.fromkeys((row.claim.better, row.claim.worse) for row in claims if _has_no_seed(row)):
        values = tuple((system, float(NO_SEED)) for system in pair)
        yield Note("not compared", sample.dataset, text="have no seed in common", values=values)


def _has_no_seed(row: ClaimRow) -> bool:
    return row.gap is not None and row.gap.status == "finished"


def _same_digits(row: Row) -> Iterator[Note]:
    """Runs that print exactly the paper's number, and deterministic values that do so when truncated."""
    runs = [(cell.system, float(NO_SEED if seed is None else seed)) for cell in row.cells for seed in cell.same_digits]
    if runs:
        yield Note("same digits", row.dataset, metric=row.metric, values=tuple(runs))
    fixed = [cell for cell in row.cells if cell.seedless and cell.estimate and cell.published]
    cut = [(cell.system, float(NO_SEED)) for cell in fixed if _is_cut(cell) and not cell.same_digits]
    if cut and all(
        _is_cut(cell) for cell in fixed if cell.same_digits
    ):  # a paper that rounds one number up truncates none
        yield Note("cut digits", row.dataset, metric=row.metric, values=tuple(cut))


def _is_cut(cell: Cell) -> bool:
    """Whether the paper's number is ours truncated."""
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
