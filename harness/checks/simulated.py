"""Simulated quarters of nights: rate of false alarms, and nights until a planted change is found.

The noise is that of the LastFM records (ten trained systems, five seeds). The self-test runs 200 quarters of it, a slow
test thousands; `docs/adr/0016` has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, Philox

from harness.stats import sequential

NIGHTS, WARM, SEEDS = 90, 60, 5
RUNS = 12  # a night
#: Coefficients of variation of NDCG@10 over five seeds on LastFM, of ten trained systems.
SPREADS = (0.045, 0.06, 0.08, 0.10, 0.12, 0.15, 0.18, 0.25, 0.35, 0.55)


class Found(NamedTuple):
    """The result of many quarters.

    Attributes:
        share: of quarters with an alarm. nights: until the first one, in those that had one.
    """

    share: float
    nights: tuple[int, ...]

    def quantile(self, share: float) -> float:
        """Nights within which this share of the alarms occurred; infinite if there was none."""
        return float(np.quantile(self.nights, share, method="higher")) if self.nights else float("inf")


@dataclass(frozen=True)
class World:
    """The simulated reruns.

    Attributes:
        systems: number of systems; each is a stream, and the upstream is a further one.
        new: share of reruns on unknown machine classes. leave: share of these that leave their path.
        changed: number of systems with a change of code. quiet_nights: as in harness.toml.
    """

    systems: int = 10
    new: float = 0.5
    leave: float = 0.05
    changed: int = 0
    quiet_nights: float = 1000


def path_quarters(world: World, quarters: int, seed: int) -> Found:
    """Quarters on processors: equality on known classes, the detector of paths on new ones.

    On a known class a changed system is found by the first rerun there, and an unchanged one never gives an alarm.
    """
    draw = Generator(Philox(seed))
    threshold = world.quiet_nights * (world.systems + 1)
    firsts = [first_path_alarm(world, threshold, draw) for _ in range(quarters)]
    found = tuple(first for first in firsts if first)
    return Found(len(found) / quarters, found)


def first_path_alarm(world: World, threshold: float, draw: Generator) -> int:
    """Night of the first alarm of one quarter, from 1; 0 for none."""
    nights: list[list[list[bool]]] = [[] for _ in range(world.systems + 1)]  # by stream, the upstream last
    for night in range(NIGHTS):
        left: list[list[bool]] = [[] for _ in range(world.systems + 1)]
        for run in range(RUNS):
            system = (night * RUNS + run) % world.systems
            changed = system < world.changed
            if draw.random() >= world.new:
                if changed:
                    return night + 1
                continue
            leaves = bool(draw.random() < (0.9 if changed else world.leave))
            left[system].append(leaves)
            left[-1].append(leaves)
        for stream, seen in enumerate(left):
            nights[stream].append(seen)
    steps = [sequential.paths(stream) for stream in nights]
    alarms = [n + 1 for found in steps for n, step in enumerate(found) if step.value >= threshold]
    return min(alarms, default=0)


def trend_quarters(
    drop: float, spreads: Sequence[float], quarters: int, seed: int, *, changed: int = 10, warm: int = WARM,
    quiet_nights: float = 1000,
) -> Found:  # fmt: skip
    """Quarters without determinism: every rerun has other random numbers, and the trend detector watches each system.

    Args:
        drop: relative, of the first `changed` systems, from the first night of the quarter on.
        spreads: coefficient of variation of each system.
        warm: quiet nights before.
    """
    draw = Generator(Philox(seed))
    threshold = quiet_nights * (len(spreads) + 1)
    each = max(1, round(RUNS / len(spreads)))
    firsts = []
    for _ in range(quarters):
        cells = []
        for system, spread in enumerate(spreads):
            means = np.ones(warm + NIGHTS)
            means[warm:] -= drop if system < changed else 0.0
            values = means[:, None] * (1 + spread * draw.standard_normal((warm + NIGHTS, each)))
            cells.append(((1 + spread * draw.standard_normal(SEEDS)).tolist(), values.tolist()))
        steps = [sequential.trend(cells), *(sequential.trend([cell]) for cell in cells)]
        alarms = [
            n - warm + 1 for stream in steps for n, step in enumerate(stream) if step.value >= threshold and n >= warm
        ]
        firsts.append(min(alarms, default=0))
    found = tuple(first for first in firsts if first)
    return Found(len(found) / quarters, found)
