"""Estimates, paired tests, correction and equivalence over users and seeds.

The unit is a user. Systems are compared on the same users, paired by id; different user sets are an error. Only
`scipy.special` is imported, since importing `scipy.stats` or statsmodels takes longer than a report may. The tests
compare with both instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

from harness.core.errors import MetricsError

Floats = npt.NDArray[np.float64]
Users = npt.NDArray[np.int64]
Basis = Literal["users", "seeds", "users x seeds"]

CONFIDENCE = 0.95
ALPHA = 0.05
#: Smaller differences between users' means over seeds are rounding errors, not wins or losses.
ROUNDING = 1e-12


class Interval(NamedTuple):
    """A mean with its two-sided confidence interval, and the basis of its variance."""

    mean: float
    low: float
    high: float
    standard_error: float
    df: float
    basis: Basis


class Estimate(NamedTuple):
    """A system's metric: mean over seeds of the mean over users. `sd` is that of the seeds' means, NaN for one seed."""

    mean: float
    low: float
    high: float
    n_seeds: int
    sd: float
    n_users: int
    standard_error: float
    df: float
    basis: Basis

    @property
    def ninety(self) -> tuple[float, float]:
        """Ends of the 90 % interval, which goes with two one-sided tests at 5 %."""
        half = float(stdtrit(self.df, 1 - ALPHA)) * self.standard_error
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class TestResult:
    """A paired t-test over users, two-sided, with the mean difference, its interval and Cohen's d_z."""

    __test__: ClassVar[bool] = False  # not a test class of pytest, despite its name

    statistic: float
    p: float
    n: int
    mean: float
    low: float
    high: float
    dz: float


class Wins(NamedTuple):
    """Number of users for whom the first system is better, equal, worse."""

    wins: int
    ties: int
    losses: int


class Equivalence(NamedTuple):
    """Two one-sided tests: `p` is the larger of the two, `low` and `high` are the bounds of equivalence."""

    p: float
    low: float
    high: float
    equivalent: bool
    different: bool


def in_order_of(users: Users, a_users: Users, a_values: Floats) -> Floats:
    """`a_values` sorted into the order of `users`.

    Raises:
        MetricsError: if the users differ or are not unique.
    """
    repeated = _repeated(users) or _repeated(a_users)
    if np.array_equal(users, a_users) and not repeated:
        return a_values
    missing = np.setxor1d(users, a_users)
    if len(missing) or repeated:
        what = f"cannot pair {len(users)} with {len(a_users)} users, {len(missing)} unmatched: {missing[:3].tolist()}"
        raise MetricsError("users", what + (", some repeated" if repeated else ""), "compare runs on the same split")
    order = np.argsort(a_users)
    return a_values[order[np.searchsorted(a_users, users, sorter=order)]]


def _repeated(users: Users) -> bool:
    ordered = np.sort(users)
    return bool(np.any(ordered[1:] == ordered[:-1]))


def align(a_users: Users, a_values: Floats, b_users: Users, b_values: Floats) -> tuple[Floats, Floats]:
    """Values of `a` and `b` for the same users, in the order of `a_users`.

    Raises:
        MetricsError: if the users differ or are not unique.
    """
    return a_values, in_order_of(a_users, b_users, b_values)


def t_interval(mean: float, standard_error: float, df: float, basis: Basis) -> Interval:
    """Mean with the 95 % t interval of a standard error; without variance both ends are the mean."""
    half = float(stdtrit(df, 0.5 + CONFIDENCE / 2)) * standard_error if standard_error > 0 else 0.0
    return Interval(mean, mean - half, mean + half, standard_error, df, basis)


def over_users(values: Floats) -> Interval:
    """Mean over users with its 95 % t interval; MetricsError for fewer than two users."""
    if len(values) < 2:
        raise MetricsError("statistics", f"{len(values)} user(s): no variance to estimate", "use at least two users")
    spread = float(values.std(ddof=1)) if np.ptp(values) > ROUNDING else 0.0
    return t_interval(float(values.mean()), spread / math.sqrt(len(values)), len(values) - 1.0, "users")


def paired_t(differences: Floats) -> TestResult:
    """Two-sided paired t-test of the mean difference against 0.

    Without variance t is undefined: equal systems give t = 0 and p = 1. A constant difference gives t = ±inf and the
    p of the exact sign-flip test, 2^(1 - n_users), since the number of users limits the evidence.

    Args:
        differences: shape (n_users,), first minus second system, one per user.
    Raises:
        MetricsError: for fewer than two users.
    """
    return t_test(over_users(differences), len(differences))


def t_test(interval: Interval, n: int) -> TestResult:
    """The t-test for the interval of a mean difference over `n` users; see `paired_t`."""
    mean, low, high, standard_error, df, _ = interval
    if standard_error > 0:
        statistic = mean / standard_error
        p = float(2 * stdtr(df, -abs(statistic)))
    elif abs(mean) <= ROUNDING:
        statistic, p = 0.0, 1.0
    else:
        statistic, p = math.copysign(math.inf, mean), 2.0 ** (1 - n)
    return TestResult(statistic, p, n, mean, low, high, statistic / math.sqrt(n))


def count_wins(differences: Floats) -> Wins:
    """Users with a positive, no and a negative difference; up to `ROUNDING` counts as none."""
    wins, losses = int((differences > ROUNDING).sum()), int((differences < -ROUNDING).sum())
    return Wins(wins, len(differences) - wins - losses, losses)


def seed_mean(values: Sequence[Floats]) -> Floats:
    """Each user's mean over seeds.

    Args:
        values: one array of shape (n_users,) per seed, all in the same order of users.
    """
    return values[0] if len(values) == 1 else np.mean(values, axis=0)


def mean_over_seeds(values: Sequence[Floats]) -> Estimate:
    """A system's mean with a 95 % interval: t over the seeds' means, i.e. training noise on these users.

    One seed gives no estimate of training noise; then the interval is over users. So it is if several seeds have
    equal means (metrics on few users are coarse), since a variance of 0 would claim certainty.

    Args:
        values: one array of shape (n_users,) per seed, all in the same order of users.
    Raises:
        MetricsError: for fewer than two users.
    """
    means = np.array([v.mean() for v in values])
    n_seeds, n_users, mean = len(values), len(values[0]), float(means.mean())
    sd = float(means.std(ddof=1)) if n_seeds > 1 else math.nan
    if n_seeds == 1 or sd <= ROUNDING:
        spread = over_users(seed_mean(values))
    else:
        spread = t_interval(mean, sd / math.sqrt(n_seeds), n_seeds - 1.0, "seeds")
    return Estimate(mean, spread.low, spread.high, n_seeds, sd, n_users, spread.standard_error, spread.df, spread.basis)


def tost(
    estimate: float, standard_error: float, df: float, published: float, half_width_rounding: float, margin: float
) -> Equivalence:
    """Equivalence of an estimate with a printed number: two one-sided t-tests at 5 % each.

    A printed number represents every value that rounds to it; the estimate is compared with the nearest of them, so the
    bounds are published ± (margin + half_width_rounding). `equivalent`: the 90 % interval lies within the bounds.
    `different`: it lies entirely outside. Neither: undecided. Without variance the estimate itself decides.

    Args:
        half_width_rounding: 0.5 · 10^-decimals of the printed number.
        margin: absolute, fixed before any run.
    Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
    """
    reach = margin + half_width_rounding + ROUNDING
    low, high = published - reach, published + reach
    if standard_error <= 0:
        inside = low <= estimate <= high
        return Equivalence(0.0 if inside else 1.0, low, high, inside, not inside)
    p_low = float(stdtr(df, (low - estimate) / standard_error))
    p_high = float(stdtr(df, (estimate - high) / standard_error))
    p = max(p_low, p_high)
    return Equivalence(p, low, high, p < 0.05, p > 0.95)
