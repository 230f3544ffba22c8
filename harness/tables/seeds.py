"""The seeds block: every run's epochs beside its values, and the range over seeds.

Early stopping has a large effect: on a small dataset it may stop on a plateau for one seed and not for the next. The
difference may then look like an effect of the loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.core.results import PRINTED_FACTS, Published, TrainingFact
from harness.tables.claim_model import ClaimRow
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import SeedLine, Spread, SystemSeeds, TableSpec, Training


def system_seeds(spec: TableSpec, sample: ComparableRuns) -> list[SystemSeeds]:
    """For each system with any run: its runs in the order of the seeds, and each metric's range."""
    blocks = []
    for system in spec.columns:
        lines = tuple(_line(spec, sample, *place) for place in sample.runs if place[0] == system.key)
        if lines:
            blocks.append(SystemSeeds(sample.dataset, system.key, lines, _ranges(spec, lines)))
    return blocks


def _line(spec: TableSpec, sample: ComparableRuns, system: str, seed: int | None) -> SeedLine:
    run = sample.runs[system, seed]
    counted = (system, seed) in sample.ranks or (system, seed) in sample.repeated
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
        run.training,
    )


def _ranges(spec: TableSpec, lines: Sequence[SeedLine]) -> dict[str, tuple[float, float]]:
    values = {metric: [line.values[metric] for line in lines if line.values] for metric in spec.metrics}
    return {metric: (min(of), max(of)) for metric, of in values.items() if of}


def training(
    spec: TableSpec, dataset: str, blocks: Sequence[SystemSeeds], published: Sequence[Published]
) -> list[Training]:
    """The requested facts of each system's trainings; facts that neither we nor the paper report are left out."""
    found = []
    for fact in spec.training:
        papers = {
            p.system: p for p in published if (p.dataset, p.metric, p.beside) == (dataset, PRINTED_FACTS[fact], "")
        }
        lines = [Training(dataset, s.key, fact, _mean(s.key, fact, blocks), papers.get(s.key)) for s in spec.columns]
        found += lines if any(line.published or line.mean is not None for line in lines) else []
    return found


def _mean(system: str, fact: TrainingFact, blocks: Sequence[SystemSeeds]) -> float | None:
    lines = [line for block in blocks if block.system == system for line in block.lines if line.values]
    reported = [line.training[fact] for line in lines if fact in line.training]
    return math.fsum(reported) / len(reported) if reported else None


def spreads(sample: ComparableRuns, rows: Sequence[ClaimRow]) -> list[Spread]:
    """For each claim with a printed gain: the one of its systems with the wider range over two or more seeds."""
    found = []
    for row in rows:
        systems = [s for s in (row.claim.better, row.claim.worse) if len(sample.seeds(s)) > 1]
        if systems and row.paper_gain is not None:
            width, system = max((_width(sample, s, row.claim.metric), s) for s in systems)
            found.append(Spread(sample.dataset, row.claim, system, width, len(sample.seeds(system)), row.paper_gain))
    return found


def _width(sample: ComparableRuns, system: str, metric: str) -> float:
    means = [float(values.mean()) for values in sample.per_seed(system, metric)]
    return max(means) - min(means)
