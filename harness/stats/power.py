"""Power, the smallest detectable difference, and the effect size with its interval.

All three come from the noncentral t distribution, so they fit the paired t-test over users (standard error
sd / sqrt(n), n - 1 degrees of freedom) and the test over users and seeds (those of
`harness.stats.seed_noise.gain_test`) alike. A detectable difference is computed from the variance, never from
the observed difference: power at the observed difference only restates the p-value (Hoenig & Heisey, The
American Statistician 55, 2001).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import nctdtr, nctdtrinc, stdtrit  # type: ignore[import-untyped]

from harness.stats.estimates import ALPHA, CONFIDENCE

POWER = 0.8


class EffectSize(NamedTuple):
    """Cohen's d_z, the mean difference in standard deviations of users' differences, with its confidence interval."""

    dz: float
    low: float
    high: float


def power(difference: float, standard_error: float, df: float, alpha: float = ALPHA) -> float:
    """The probability that a two-sided t-test at `alpha` detects a true mean difference.

    Without variance every difference is detected.

    Args:
        standard_error: of the mean difference, in the unit of `difference`.
        alpha: of this one test: for Bonferroni's (or Holm's first) correction over m tests, the family's over m.
    """
    if standard_error <= 0:
        return 1.0 if difference else alpha
    limit, shift = float(stdtrit(df, 1 - alpha / 2)), abs(difference) / standard_error
    wrong_way = float(nctdtr(df, shift, -limit))  # NaN where it is far below 1e-9
    return float(nctdtr(df, -shift, -limit)) + (0.0 if math.isnan(wrong_way) else wrong_way)


def smallest_detectable(
    standard_error: float, df: float, alpha: float = ALPHA, power: float = POWER
) -> float:  # fmt: skip
    """The true mean difference, above 0, that a two-sided t-test at `alpha` finds with probability `power`.

    A rejection in the wrong direction is not counted, which matters only if `power` is near `alpha`.

    Args:
        standard_error: of the mean difference; 0 gives 0.
        alpha: see `power`.
    """
    if standard_error <= 0:
        return 0.0
    return _noncentrality(df, 1 - power, float(stdtrit(df, 1 - alpha / 2))) * standard_error


def effect_size(statistic: float, n: int, confidence: float = CONFIDENCE) -> EffectSize:
    """d_z with the interval of all effects whose t distribution does not reject the statistic found.

    Args:
        statistic: the paired t, which is d_z · sqrt(n); without variance all three values are infinite.
        n: users.
    Source: Steiger & Fouladi in Harlow, Mulaik & Steiger (eds), What if there were no significance tests?, 1997.
    """
    root, tail, df = math.sqrt(n), (1 - confidence) / 2, n - 1.0
    if not math.isfinite(statistic):
        return EffectSize(statistic, statistic, statistic)
    low, high = (_noncentrality(df, p, abs(statistic)) / root for p in (1 - tail, tail))
    dz = statistic / root
    return EffectSize(dz, low, high) if statistic >= 0 else EffectSize(dz, -high, -low)


def _noncentrality(df: float, p: float, t: float) -> float:
    """Of the noncentral t distribution that is below `t` with probability `p`."""
    guess = float(nctdtrinc(df, p, t))  # accurate to about four digits
    low, high = guess - 0.01 * (1 + abs(guess)), guess + 0.01 * (1 + abs(guess))
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if nctdtr(df, middle, t) > p else (low, middle)
    return (low + high) / 2
