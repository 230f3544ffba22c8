"""Which runs of a system count as trainings of their own, and the noise between them.

Runs with equal ranks for every user are one training under several seeds: a code base that ignores its seed gives them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.core.results import Ranks
from harness.stats.seed_noise import Noise, noise_of
from harness.tables.comparable_runs import ComparableRuns

Seed = int | None


def distinct_seeds(sample: ComparableRuns, system: str, seeds: Sequence[Seed]) -> tuple[Seed, ...]:
    """The seeds, in order, without those whose ranks are those of an earlier one."""
    kept: list[Seed] = []
    for seed in seeds:
        if not any(_same(sample.ranks[system, seed], sample.ranks[system, other]) for other in kept):
            kept.append(seed)
    return tuple(kept)


def trainings(sample: ComparableRuns, system: str) -> tuple[Seed, ...]:
    """The seeds of a system's trainings; (None,) where it has no randomness, () where no run counts."""
    return distinct_seeds(sample, system, sample.seeds(system))


def repeated_seeds(sample: ComparableRuns, system: str) -> tuple[Seed, ...]:
    """The seeds that count for nothing, since an earlier one gave the same ranks."""
    kept = trainings(sample, system)
    return tuple(seed for seed in sample.seeds(system) if seed not in kept)


def noise(sample: ComparableRuns, system: str, metric: str, seeds: Sequence[Seed]) -> Noise | None:
    """The noise between trainings with these seeds; None for one seed, no randomness, or no difference."""
    return noise_of([sample.values[system, seed, metric] for seed in seeds])


def _same(one: Ranks, other: Ranks) -> bool:
    return np.array_equal(one.above, other.above) and np.array_equal(one.tied, other.tied)
