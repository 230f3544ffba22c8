"""The value block: our means beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.core.results import Published
from harness.stats import metrics
from harness.stats.estimates import ROUNDING, Floats, mean_over_seeds, over_users, seed_mean
from harness.stats.seed_noise import noise_of
from harness.tables.claim_model import Gap
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import Cell, Row, TableSpec

PRINTED_DECIMALS = 4


def value_rows(spec: TableSpec, sample: ComparableRuns, published: Sequence[Published]) -> list[Row]:
    """One row for each metric: a cell for each system, best and second marked."""
    numbers = {(p.system, p.metric, p.beside): p for p in published if p.dataset == sample.dataset}
    rows = []
    for metric in spec.metrics:
        cells = [_cell(sample, s.key, metric, numbers.get((s.key, metric, ""))) for s in spec.columns]
        beside = [tuple(numbers.get((s.key, metric, name)) for name in spec.beside) for s in spec.columns]
        cells = [replace(cell, beside=found) for cell, found in zip(cells, beside, strict=True)]
        rows.append(Row(sample.dataset, metric, _placed(cells)))
    return rows


def _cell(sample: ComparableRuns, system: str, metric: str, published: Published | None) -> Cell:
    seeds = sample.seeds(system)
    if not seeds:
        return Cell(system, published=published, gap=sample.gap(system))
    if few := too_few_users(sample, system):
        return Cell(system, published=published, gap=few)
    values = sample.per_seed(system, metric)
    return Cell(
        system,
        mean_over_seeds(values),
        published,
        seedless=seeds == (None,),
        keys=tuple(sample.runs[system, seed].key for seed in seeds),
        same_digits=tuple(s for s, v in zip(seeds, values, strict=True) if published and _prints_as(v, published)),
        disagrees=any(sample.disagreements[system, seed] for seed in seeds),
        marked=any(sample.runs[system, seed].marks for seed in seeds),
        ties=_ties_matter(sample, system, metric, published.decimals if published else PRINTED_DECIMALS),
        users=over_users(seed_mean(values)),
        noise=noise_of(values),
    )


def too_few_users(sample: ComparableRuns, system: str) -> Gap | None:
    """A gap if a dataset has a single user, from whom nothing can be estimated; else None."""
    n = len(sample.users)
    return Gap(sample.dataset, system, None, "failed", f"{n} user: no variance to estimate") if n < 2 else None


def _prints_as(values: Floats, published: Published) -> bool:
    return abs(float(values.mean()) - published.value) <= 0.5 * 10.0**-published.decimals + 1e-12


def tie_bounds(sample: ComparableRuns, system: str, metric: str) -> metrics.Bounds:
    """The mean over seeds with the held-out item last, and first, among equal scores."""
    bounds = [metrics.means_bounds(sample.ranks[system, seed], metric) for seed in sample.seeds(system)]
    return metrics.Bounds(*(math.fsum(side) / len(bounds) for side in zip(*bounds, strict=True)))


def _ties_matter(sample: ComparableRuns, system: str, metric: str, decimals: int) -> bool:
    """Whether optimistic and pessimistic ties give means over seeds that print differently."""
    pessimistic, optimistic = tie_bounds(sample, system, metric)
    return round(pessimistic, decimals) != round(optimistic, decimals)


def _placed(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells with the best and the second best mean marked; means that are equal up to rounding share a rank."""
    means = sorted((cell.estimate.mean for cell in cells if cell.estimate), reverse=True)
    steps = [mean for before, mean in zip([math.inf, *means], means, strict=False) if before - mean > ROUNDING][:2]
    return tuple(replace(c, place=_place(c.estimate.mean, steps)) if c.estimate else c for c in cells)


def _place(mean: float, steps: Sequence[float]) -> int:
    return next((place for place, step in enumerate(steps, start=1) if abs(step - mean) <= ROUNDING), 0)
