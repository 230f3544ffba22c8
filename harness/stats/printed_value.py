"""Is our value the printed one? Two one-sided tests within a margin, and an interval for one more training.

The paper's number and ours are of the very same users, so sampling of users cannot explain a difference between them;
the noise of training can, in ours and in the paper's alike, which is one training itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit  # type: ignore[import-untyped]

from harness.stats.estimates import ALPHA, CONFIDENCE, ROUNDING, Interval, tost
from harness.stats.seed_noise import ENOUGH_SEEDS, MORE_SEEDS, Noise, SeedsNeeded, prediction_half, seeds_needed

#: A prediction interval that reaches further than so many margins to each side is too wide to mean anything.
WIDEST = 4
#: So many standard deviations hold 95 % of trainings; no number of seeds narrows the prediction interval further.
FINAL = 1.96


@dataclass(frozen=True)
class Printed:
    """A printed value: `half` is half a unit of its last digit, `margin` what counts as equal to it."""

    value: float
    half: float
    margin: float


@dataclass(frozen=True)
class ValueTest:
    """How a value of ours lies to a printed one.

    Attributes:
        p: of the two one-sided tests, the larger one; below 5 % the values are equivalent within the margin.
        low, high: the 90 % interval that decides: within printed ± margin the values are equivalent.
        prediction_low, prediction_high: the 95 % interval of one more training of ours.
        over: what the intervals allow to vary: seeds, users (a stand-in for one or two seeds), nothing.
        equivalent: by the two tests.
        outside: the 90 % interval lies wholly outside the margin.
        predicted: some value that rounds to the printed one lies within the prediction interval.
        narrow: the prediction interval reaches no further than `WIDEST` margins to each side.
        needed: seeds that would settle it; None where it is settled, or nothing is known of the noise.
    """

    p: float
    low: float
    high: float
    margin: float
    prediction_low: float
    prediction_high: float
    over: Literal["seeds", "users", "nothing"]
    equivalent: bool
    outside: bool
    predicted: bool
    narrow: bool
    needed: SeedsNeeded | None


def hold_against(mean: float, printed: Printed, users: Interval, noise: Noise | None, *, seedless: bool) -> ValueTest:
    """A mean of ours against a printed value.

    The margin is the whole deviation allowed: the rounding of the printed value is not added to it. Rounding only
    widens the prediction interval, so it can keep a value from differing and never makes one equivalent.

    With `ENOUGH_SEEDS` trainings the standard error is that over seeds, for these users. With fewer it is that over
    users, as a stand-in, and for the prediction interval sqrt(2) times as much. A value without randomness is exact.

    Args:
        users: the mean over users with its standard error.
        noise: between trainings; None where it is unknown.
        seedless: nothing is random.
    """
    by_seeds = noise is not None and noise.n >= ENOUGH_SEEDS
    error, df, reach = 0.0, 1.0, 0.0
    if by_seeds and noise is not None:
        error, df, reach = math.sqrt(noise.variance / noise.n), noise.df, prediction_half([noise])
    elif not seedless:
        error, df = users.standard_error, users.df
        reach = float(stdtrit(df, 0.5 + CONFIDENCE / 2)) * error * math.sqrt(2)
    answer = tost(mean, error, df, printed.value, 0.0, printed.margin)
    known = error > 0 or seedless  # without any spread nothing is known of the error
    ninety = float(stdtrit(df, 1 - ALPHA)) * error
    off = abs(mean - printed.value)
    equivalent, outside = known and answer.equivalent, known and answer.different
    predicted = off <= reach + printed.half + ROUNDING
    settled = equivalent or (outside and not predicted)
    return ValueTest(
        answer.p if known else 1.0,
        mean - ninety,
        mean + ninety,
        printed.margin,
        mean - reach,
        mean + reach,
        "nothing" if seedless else "seeds" if by_seeds else "users",
        equivalent,
        outside,
        predicted,
        known and reach <= WIDEST * printed.margin,
        None if settled or noise is None else _needed(off, printed, noise),
    )


def _needed(off: float, printed: Printed, noise: Noise) -> SeedsNeeded:
    """Seeds until the value is equivalent, or outside the margin and outside what one more training may give."""
    lasting = off - printed.half > FINAL * math.sqrt(noise.variance)
    if off > printed.margin and not lasting:
        return SeedsNeeded(MORE_SEEDS, MORE_SEEDS, MORE_SEEDS)
    return seeds_needed(abs(printed.margin - off), noise.variance, noise.df)
