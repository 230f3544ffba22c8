"""Training noise: the effect of other seeds on a value or a gain, and the number of seeds needed for a decision.

The users of a test split are fixed; a training is random. A paper's number is one training, ours are a few. This module
is independent of tables: arrays in, numbers out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, stdtr, stdtrit  # type: ignore[import-untyped]

from harness.stats.estimates import ALPHA, CONFIDENCE, ROUNDING, Basis, Floats, Interval, Users

#: From this number of seeds on the variance between trainings is used; below, verdicts are by users only.
ENOUGH_SEEDS = 3
#: With fewer random systems on a dataset, no claim is stronger than an exact test over its seeds allows.
ENOUGH_SYSTEMS = 3
#: Represents "more than a thousand seeds".
MORE_SEEDS = 1001
POWER, SD_CONFIDENCE = 0.8, 0.8


class Noise(NamedTuple):
    """Variance of one training's mean over these users, with its degrees of freedom and the number of trainings."""

    variance: float
    df: float
    n: int


class GainTest(NamedTuple):
    """A gain over users and seeds.

    Attributes:
        p: two-sided, uncorrected; the larger of the two p-values of `gain_test`.
        p_equal: two one-sided tests that the true gain lies within the margin around 0.
        interval: 95 %, of the test with the larger standard error times t.
        seed_variance: of the gain of one pair of trainings; 0 if deterministic.
        seed_df: of that variance.
        user_variance: of the gain's mean over users, which more seeds do not reduce.
    """

    p: float
    p_equal: float
    interval: Interval
    seed_variance: float
    seed_df: float
    user_variance: float


class GainParts(NamedTuple):
    """A mean gain, its variance over users with the degrees of freedom, and the share of users × seeds in it."""

    mean: float
    users: float
    df_users: float
    rest: float


class SeedsNeeded(NamedTuple):
    """Seeds that decide a verdict with 80 % probability; `low` and `high` for an 80 % interval of the noise.

    `MORE_SEEDS` means more than 1,000, or that no number of seeds suffices.
    """

    likely: int
    low: int
    high: int


def noise_of(values: Sequence[Floats]) -> Noise | None:
    """The training noise of a system on these users; None for fewer than two trainings, or if nothing differs.

    The variance of the means over seeds contains that of single users' values between seeds, divided by the number of
    users. A few means may agree by chance, so the variance is at least that share.

    Args:
        values: one array of shape (n_users,) for each training, all in one order of users.
    """
    if len(values) < 2:
        return None
    stacked = np.stack(values)
    n_seeds, n_users = stacked.shape
    by_seed = stacked.mean(axis=1)
    variance = max(float(by_seed.var(ddof=1)), rest_variance(stacked) / n_users)
    return Noise(variance, n_seeds - 1.0, n_seeds) if math.sqrt(variance) > ROUNDING else None


def rest_variance(values: Floats) -> float:
    """The residual mean square after seed and user effects; shape of `values`: (n_seeds, n_users), each > 1.

    0 for one user.
    """
    n_seeds, n_users = values.shape
    if n_users < 2:
        return 0.0
    rest = values - values.mean(axis=1)[:, None] - values.mean(axis=0)[None, :] + values.mean()
    return float((rest**2).sum() / ((n_seeds - 1) * (n_users - 1)))


def noisier_half(noises: Sequence[Noise]) -> Noise:
    """The mean variance of the noisier half of some systems (rounded up), with all degrees of freedom of that half."""
    upper = sorted(noises)[len(noises) // 2 :]
    return Noise(math.fsum(n.variance for n in upper) / len(upper), sum(n.df for n in upper), sum(n.n for n in upper))


def gain_test(differences: Floats, own: Sequence[Noise], pool: Sequence[Noise], margin: float) -> GainTest:
    """Test of a gain over users and seeds.

    The variance of the mean gain is that over users plus that between trainings without the share of single users,
    which the first one already contains. The variance between trainings is estimated twice: from the two systems alone
    (Welch's sum, since their seeds share only the label) and from the noisier half of all systems of the table on this
    dataset and metric, because three seeds may agree by chance. p is the larger of the two. Degrees of freedom after
    Satterthwaite, each variance with its own.

    With fewer than `ENOUGH_SYSTEMS` systems in `pool`, p is at least the smallest p that an exact test over the seeds
    can give: 2 / (2n over n) for two random systems with n seeds each, 2^(1 - n) for one.

    Args:
        differences: shape (n_seeds, n_users), better minus worse; two users or more.
        own: the noise of the claim's random systems; none for one seed, or if deterministic.
        pool: the noise of all random systems of the table on this dataset and metric, `own` among them.
        margin: largest absolute true gain that counts as none.
    """
    n_seeds, n_users = differences.shape
    by_user = differences.mean(axis=0)
    spread = float(by_user.var(ddof=1)) if np.ptp(by_user) > ROUNDING else 0.0
    rest = rest_variance(differences) / (n_seeds * n_users) if n_seeds > 1 else 0.0
    parts = GainParts(float(differences.mean()), spread / n_users, n_users - 1.0, rest)
    return gain_from_parts(parts, own, pool, margin)


def gain_from_parts(found: GainParts, own: Sequence[Noise], pool: Sequence[Noise], margin: float) -> GainTest:
    """`gain_test` from summary statistics of users' differences."""
    mean, users, df_users, rest = found
    if not own:
        return _tested(mean, [(users, df_users)], margin, "users", (0.0, 0.0, users), 0.0)
    # 1. Two estimates of the variance of the mean gain between trainings: from the claim's systems, and from the pool.
    half = noisier_half(pool)
    means = [(math.fsum(n.variance / n.n for n in own), welch_df([n.variance / n.n for n in own], own))]
    means.append((half.variance * math.fsum(1 / n.n for n in own), half.df))
    # 2. For each, the total variance over users and seeds with its degrees of freedom.
    spreads = [_users_and_seeds(users, df_users, rest, *between) for between in means]
    # 3. The larger p of the two, and with few random systems at least that of an exact test over seeds.
    variances = [n.variance for n in own]
    parts = (math.fsum(variances), welch_df(variances, own), users)
    floor = 0.0 if len(pool) >= ENOUGH_SYSTEMS else exact_floor(min(n.n for n in own), len(own))
    return _tested(mean, spreads, margin, "users x seeds", parts, floor)


def welch_df(variances: Sequence[float], noises: Sequence[Noise]) -> float:
    """Degrees of freedom of a sum of variances (Welch, Biometrika 34, 1947), each with those of its noise."""
    squares = [v**2 / n.df for v, n in zip(variances, noises, strict=True)]
    return float(math.fsum(variances) ** 2 / math.fsum(squares))


def exact_floor(n_seeds: int, n_random: int) -> float:
    """The smallest two-sided p of an exact permutation test over the seeds of one or of two random systems."""
    return 2.0 / math.comb(2 * n_seeds, n_seeds) if n_random > 1 else math.ldexp(1.0, 1 - n_seeds)


def _users_and_seeds(users: float, df_users: float, rest: float, between: float, df: float) -> tuple[float, float]:
    """Variance of the mean gain and its degrees of freedom."""
    seeds = max(0.0, between - rest)
    total = users + seeds
    if seeds <= 0:
        return total, df_users
    return total, total**2 / (users**2 / df_users + between**2 / df)


def _tested(
    mean: float,
    spreads: Sequence[tuple[float, float]],
    margin: float,
    basis: Basis,
    parts: tuple[float, float, float],
    floor: float,
) -> GainTest:
    p = max(floor, *(_two_sided(mean, variance, df) for variance, df in spreads))
    p_equal = max(_equal(mean, variance, df, margin) for variance, df in spreads)
    variance, df = max(spreads, key=lambda s: math.sqrt(s[0]) * _quantile(0.5 + CONFIDENCE / 2, s[1]))
    half = math.sqrt(variance) * _quantile(0.5 + CONFIDENCE / 2, df)
    interval = Interval(mean, mean - half, mean + half, math.sqrt(variance), df, basis)
    return GainTest(min(1.0, p), max(floor, p_equal), interval, *parts)


def _two_sided(mean: float, variance: float, df: float) -> float:
    if abs(mean) <= ROUNDING:
        return 1.0
    # without variance only the exact test over users applies, by which the caller bounds p
    return float(2 * stdtr(df, -abs(mean) / math.sqrt(variance))) if variance > 0 else 0.0


def _equal(mean: float, variance: float, df: float, margin: float) -> float:
    """The larger p of two one-sided tests that the mean lies within ± margin; without variance it is 1."""
    if variance <= 0:
        return 1.0
    return float(stdtr(df, (abs(mean) - margin) / math.sqrt(variance)))


def _quantile(probability: float, df: float) -> float:
    return float(stdtrit(df, probability))


def prediction_half(noises: Sequence[Noise]) -> float:
    """Half the 95 % prediction interval, around our mean, for one more training (or one more pair) on these users.

    Args:
        noises: of the one or two random systems; none gives 0.
    """
    if not noises:
        return 0.0
    variances = [n.variance * (1 + 1 / n.n) for n in noises]
    return _quantile(0.5 + CONFIDENCE / 2, welch_df(variances, noises)) * math.sqrt(math.fsum(variances))


def seeds_needed(
    distance: float, seed_variance: float, df: float, fixed_variance: float = 0.0, alpha: float = ALPHA
) -> SeedsNeeded:
    """Seeds for a one-sided t-test at `alpha` to detect a distance with 80 % power, if the noise estimate is right.

    Args:
        distance: from our mean to the value to distinguish it from, assumed to be the true one.
        seed_variance: of one training's mean (for a gain: of one pair's).
        df: of `seed_variance`; its 80 % interval gives the range.
        fixed_variance: of the mean over users, which more seeds do not reduce.
    """
    low, likely, high = (_fewest(distance, v, fixed_variance, alpha) for v in variance_range(seed_variance, df))
    return SeedsNeeded(likely, low, high)


def seeds_until_beyond(distance: float, noise: Noise, n_systems: int, least: int) -> SeedsNeeded:
    """Seeds until a distance is beyond the 95 % prediction interval, if the noise estimate is right.

    Args:
        noise: of `n_systems` systems, all of which get more seeds.
        least: minimum result.
    """
    n = np.arange(max(least, ENOUGH_SEEDS), MORE_SEEDS)
    reach = stdtrit(n_systems * (n - 1), 0.5 + CONFIDENCE / 2) * np.sqrt(1 + 1 / n)
    enough = (n[reach * math.sqrt(v) < distance] for v in variance_range(noise.variance, noise.df))
    low, likely, high = (int(found[0]) if len(found) else MORE_SEEDS for found in enough)
    return SeedsNeeded(likely, low, high)


def variance_range(variance: float, df: float) -> tuple[float, float, float]:
    """The lower end of the 80 % interval of a variance, the variance, and the upper end."""
    tail = (1 - SD_CONFIDENCE) / 2
    return variance * df / float(chdtri(df, tail)), variance, variance * df / float(chdtri(df, 1 - tail))


def _fewest(distance: float, seed_variance: float, fixed: float, alpha: float) -> int:
    n, quantiles = _quantiles_by_seeds(alpha)
    enough = n[quantiles * np.sqrt(fixed + seed_variance / n) <= distance]
    return int(enough[0]) if len(enough) else MORE_SEEDS


@functools.lru_cache(maxsize=64)
def _quantiles_by_seeds(alpha: float) -> tuple[Users, Floats]:
    """Numbers of seeds, and the sum of the quantiles of t for `alpha` and for the power with this number."""
    n = np.arange(ENOUGH_SEEDS, MORE_SEEDS)
    return n, np.asarray(stdtrit(n - 1, 1 - alpha) + stdtrit(n - 1, POWER))
