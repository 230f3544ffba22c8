"""Detection of changes in nightly runs: e-values, and detectors that can be evaluated every night.

An e-value has a mean of at most 1 without a change. A detector multiplies them and restarts whenever its product
falls below 1; the mean number of nights until it passes a threshold without a change is then at least that threshold,
for any dependence between nights (e-detectors of CUSUM kind: Shin, Ramdas and Rinaldo, 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness.core.errors import MetricsError

#: E-values of a rerun on an unknown machine class: it leaves its path in 0.9 of cases under a change of code, and
#: in 0.05 at most without one (0 of 56 reruns did; the upper 95 % bound is 0.052).
LEFT, STAYED = 0.9 / 0.05, 0.1 / 0.95
#: Shifts that the trend detects, in standard deviations of one more run.
SHIFTS = (-3.0, -1.0, -0.3, -0.1, 0.1, 0.3, 1.0, 3.0)
LEAST_RUNS = 4  # before a trend is tested


class Interval(NamedTuple):
    """A mean with a lower and an upper bound."""

    middle: float
    low: float
    high: float


class Step(NamedTuple):
    """A detector after one night.

    Attributes:
        value: compared with the threshold.
        evidence: of this night alone; above 1 it supports a change.
        onset: number of the night, from 0, at which the current evidence began.
    """

    value: float
    evidence: float
    onset: int


def one_more(values: Sequence[float], confidence: float) -> Interval:
    """The interval in which one more independent run lies with this confidence, where runs are normal.

    Raises:
        MetricsError: fewer than two values.
    Source: mean ± t · s · sqrt(1 + 1 / n), t with n - 1 degrees of freedom.
    """
    n = len(values)
    if n < 2:
        raise MetricsError("seeds", f"{n} accepted seed(s) give no variance", "run more seeds, or check on one thread")
    mean, sd = moments(values)
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * sd * math.sqrt(1 + 1 / n)
    return Interval(mean, mean - half, mean + half)


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of two values or more."""
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def paths(nights: Sequence[Sequence[bool]]) -> list[Step]:
    """The detector of paths: for each night, whether each rerun on a new machine class left its path."""
    return cusum([[math.prod(LEFT if left else STAYED for left in night)] for night in nights])


def trend(cells: Sequence[tuple[Sequence[float], Sequence[Sequence[float]]]]) -> list[Step]:
    """The detector of shifts in a metric, in one cell or in several of one upstream, which may all shift together.

    Args:
        cells: for each, values of the accepted seeds, and for each night values of the runs with other random
            numbers; equally many nights for all.
    """
    rows = zip(*(shift_factors(before, nights) for before, nights in cells), strict=True)
    return cusum([[math.prod(column) for column in zip(*row, strict=True)] for row in rows])


def shift_factors(before: Sequence[float], nights: Sequence[Sequence[float]]) -> list[list[float]]:
    """E-values of each night for each shift, against all earlier runs of a cell, including former nights."""
    known = list(before)
    factors = []
    for night in nights:
        product = [1.0] * len(SHIFTS)
        for value in night:
            if len(known) >= LEAST_RUNS:
                product = [p * ratio for p, ratio in zip(product, shift_ratios(known, value), strict=True)]
            known.append(value)
        factors.append(product)
    return factors


def shift_ratios(known: Sequence[float], value: float) -> list[float]:
    """E-values of one more run for each shift: Student's density around the shift over that around 0."""
    mean, sd = moments(known)
    if sd == 0:
        return [1.0] * len(SHIFTS)
    df = len(known) - 1
    z = (value - mean) / (sd * math.sqrt(1 + 1 / len(known)))
    return [((1 + z**2 / df) / (1 + (z - shift) ** 2 / df)) ** ((df + 1) / 2) for shift in SHIFTS]


def cusum(factors: Sequence[Sequence[float]]) -> list[Step]:
    """The mean of several products, each of which restarts when it falls below 1."""
    products = [1.0] * (len(factors[0]) if factors else 0)
    onsets = [0] * len(products)
    steps = []
    for night, row in enumerate(factors):
        for i, factor in enumerate(row):
            if products[i] <= 1.0:
                products[i], onsets[i] = 1.0, night
            products[i] *= factor
        largest = max(range(len(row)), key=lambda i: products[i])
        steps.append(Step(math.fsum(products) / len(products), row[largest], onsets[largest]))
    return steps


def smallest_shift(threshold: float, runs: int) -> float:
    """The approximate smallest shift, in standard deviations of one run, detectable by this number of runs.

    The evidence for a shift d grows by d² / 2 per run, and one product of the mean must reach the threshold alone.
    """
    return math.sqrt(2 * math.log(threshold * len(SHIFTS)) / runs) if runs else math.inf
