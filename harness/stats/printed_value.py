"""Comparison of our value with the printed one: two one-sided tests within a margin, and a prediction interval.

The paper's number and ours are of the same users, so sampling of users cannot explain a difference;
training noise can, in our value and in the paper's, which is a single training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness.stats.estimates import ALPHA, CONFIDENCE, ROUNDING, Interval, tost
from harness.stats.seed_noise import (
    ENOUGH_SEEDS,
    Noise,
    SeedsNeeded,
    noisier_half,
    prediction_half,
    seeds_needed,
    seeds_until_beyond,
)

#: A prediction interval wider than this many margins to each side is not informative.
WIDEST = 4
#: Confidence of the interval beyond which a value differs, if no other random system gives an estimate of noise.
ALONE = 0.99
#: With fewer trainings of a table's random systems in total, no value differs: they may agree by chance.
ENOUGH_TRAININGS = 7


@dataclass(frozen=True)
class Printed:
    """A printed value: `half` is half a unit of its last digit, `margin` the allowed deviation."""

    value: float
    half: float
    margin: float


@dataclass(frozen=True)
class ValueTest:
    """The comparison of our value with a printed one.

    Attributes:
        p: of the two one-sided tests, the larger one; below 5 % the values are equivalent within the margin.
        low, high: the 90 % interval that decides: within printed ± margin the values are equivalent.
        prediction_low, prediction_high: the 95 % interval of one more training of ours.
        over: basis of the intervals: seeds, users (a substitute for one or two seeds), nothing.
        equivalent: by the two tests.
        predicted: some value that rounds to the printed one is within the prediction interval.
        narrow: the prediction interval reaches no further than `WIDEST` margins to each side.
        beyond: minimum deviation of a differing value, without rounding; see `_largest_reach`.
        differs: the 90 % interval is entirely outside the margin, and the printed value further off than `beyond`.
        needed: seeds needed for a decision; None if decided, or the noise is unknown.
    """

    p: float
    low: float
    high: float
    margin: float
    prediction_low: float
    prediction_high: float
    over: Literal["seeds", "users", "nothing"]
    equivalent: bool
    predicted: bool
    narrow: bool
    beyond: float
    differs: bool
    needed: SeedsNeeded | None


def hold_against(
    mean: float, printed: Printed, users: Interval, noise: Noise | None, pool: Sequence[Noise], *, seedless: bool
) -> ValueTest:
    """Our mean against a printed value.

    The margin is the total allowed deviation: the rounding of the printed value is not added. Rounding only
    widens the prediction interval, so it can keep a value from differing and never makes one equivalent.

    With `ENOUGH_SEEDS` trainings the standard error is that over seeds, for these users. With fewer it is that over
    users, as a substitute, and for the prediction interval sqrt(2) times as much. A value without randomness is exact.

    Args:
        users: the mean over users with its standard error.
        noise: between trainings; None if unknown.
        pool: the noise of all random systems of the table on this dataset and metric, `noise` among them.
        seedless: deterministic.
    """
    by_seeds = noise is not None and noise.n >= ENOUGH_SEEDS
    error, df, reach, most = 0.0, 1.0, 0.0, 0.0
    if noise is not None and by_seeds:
        error, df, reach = math.sqrt(noise.variance / noise.n), noise.df, prediction_half([noise])
        most = _largest_reach(noise, pool)
    elif not seedless:
        error, df = users.standard_error, users.df
        reach = most = _quantile(0.5 + CONFIDENCE / 2, df) * error * math.sqrt(2)
    answer = tost(mean, error, df, printed.value, 0.0, printed.margin)
    known = error > 0 or seedless  # without variance the error is unknown
    ninety, off = _quantile(1 - ALPHA, df) * error, abs(mean - printed.value)
    equivalent, outside = known and answer.equivalent, known and answer.different
    differs = outside and off > most + printed.half + ROUNDING
    return ValueTest(
        answer.p if known else 1.0,
        mean - ninety,
        mean + ninety,
        printed.margin,
        mean - reach,
        mean + reach,
        "nothing" if seedless else "seeds" if by_seeds else "users",
        equivalent,
        off <= reach + printed.half + ROUNDING,
        known and reach <= WIDEST * printed.margin,
        most,
        differs,
        None if equivalent or differs or noise is None else _needed(off, printed, noise, pool),
    )


def _largest_reach(noise: Noise, pool: Sequence[Noise]) -> float:
    """The minimum deviation of a differing value: one more training may deviate so far, if the few agree by chance.

    The larger of two prediction intervals, one with the system's own noise and one with that of the noisier half of
    `pool`. A single system uses its own, at `ALONE`. Fewer than `ENOUGH_TRAININGS` give infinity.
    """
    if sum(of.n for of in pool) < ENOUGH_TRAININGS:
        return math.inf
    probability = 0.5 + (CONFIDENCE if len(pool) > 1 else ALONE) / 2
    variances = ((of.df, of.variance * (1 + 1 / noise.n)) for of in (noise, noisier_half(pool)))
    return max(_quantile(probability, df) * math.sqrt(variance) for df, variance in variances)


def _needed(off: float, printed: Printed, noise: Noise, pool: Sequence[Noise]) -> SeedsNeeded:
    """Seeds until the value is equivalent, or outside the margin and the range of one more training."""
    if off <= printed.margin:
        return seeds_needed(printed.margin - off, noise.variance, noise.df)
    least = math.ceil(ENOUGH_TRAININGS / len(pool))
    outside = seeds_needed(off - printed.margin, noise.variance, noise.df)
    half = seeds_until_beyond(off - printed.half, noisier_half(pool), len(pool) - len(pool) // 2, least)
    own = seeds_until_beyond(off - printed.half, noise, 1, least)
    return SeedsNeeded(*map(max, outside, half, own))


def _quantile(probability: float, df: float) -> float:
    return float(stdtrit(df, probability))
