"""The seeds block: every run's epochs beside its values, and how far seeds lie apart.

Early stopping decides much: on a small dataset it may fire on a plateau for one seed and not for the next, and the
difference then looks like that of a loss.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.tables.cells import ClaimRow, SeedLine, Spread, SystemSeeds, TableSpec
from harness.tables.claims import common_seeds
from harness.tables.sample import Sample


def system_seeds(spec: TableSpec, sample: Sample) -> list[SystemSeeds]:
    """For each system with any run: its runs in the order of the seeds, and each metric's range."""
    blocks = []
    for system in spec.columns:
        lines = tuple(_line(spec, sample, *place) for place in sample.runs if place[0] == system.key)
        if lines:
            blocks.append(SystemSeeds(sample.dataset, system.key, lines, _ranges(spec, lines)))
    return blocks


def _line(spec: TableSpec, sample: Sample, system: str, seed: int | None) -> SeedLine:
    run = sample.runs[system, seed]
    counted = (system, seed) in sample.ranks
    return SeedLine(
        seed,
        "failed" if run.status == "finished" and not counted else run.status,
        run.key,
        {m: float(sample.values[system, seed, m].mean()) for m in spec.metrics} if counted else {},
        run.epochs,
        run.best_epoch,
        run.epoch_cap,
        run.seconds,
        run.peak_memory_mb,
    )


def _ranges(spec: TableSpec, lines: Sequence[SeedLine]) -> dict[str, tuple[float, float]]:
    values = {metric: [line.values[metric] for line in lines if line.values] for metric in spec.metrics}
    return {metric: (min(of), max(of)) for metric, of in values.items() if of}


def spreads(sample: Sample, rows: Sequence[ClaimRow]) -> list[Spread]:
    """For each claim with two or more seeds and a printed gain: how far its systems' seeds lie apart."""
    found = []
    for row in rows:
        seeds = common_seeds(sample, row.claim)
        if row.comparison is None or row.paper_gain is None or len(seeds) < 2:
            continue
        better, worse = (_spread(sample, system, row.claim.metric) for system in (row.claim.better, row.claim.worse))
        found.append(Spread(sample.dataset, row.claim, better, worse, row.paper_gain, len(seeds)))
    return found


def _spread(sample: Sample, system: str, metric: str) -> float:
    means = [float(values.mean()) for values in sample.per_seed(system, metric)]
    return max(means) - min(means)
