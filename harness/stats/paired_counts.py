"""Two systems on the same users as counts, which suffice for tests and intervals.

With one held-out item per user HIT@k takes two values and NDCG@k k + 1, so a pair of systems is a small table of counts
for any number of users; with many distinct values (MRR, means over seeds) only the table is larger. Values are rounded
to `DIGITS` before counting, since floating point may give equal differences different last digits. Counts are sorted by
value and summed without BLAS, so the order of users, the number of threads and the order of systems change no bit of
the results. Pairing by user id is done before, by `harness.stats.estimates.align`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from harness.core.errors import MetricsError
from harness.stats.estimates import ROUNDING, Floats, Interval, Users, Wins, t_interval

DIGITS = 12
#: Numbers up to one step of 10^-DIGITS apart count as equal: a float may be rounded to either side of a step.
SAME = 1.5 * ROUNDING


class LevelCounts(NamedTuple):
    """A system's values on one metric.

    Attributes:
        levels: shape (n_levels,), the distinct values, ascending.
        codes: shape (n_users,), each user's row in `levels`.
    """

    levels: Floats
    codes: Users

    @property
    def mean(self) -> float:
        """Mean over users, bitwise independent of their order."""
        return float((np.bincount(self.codes) * self.levels).sum() / len(self.codes))

    @property
    def is_hit(self) -> bool:
        """Whether every user has 0 or 1, as with HIT@k of one seed."""
        return len(self.levels) <= 2 and set(self.levels.tolist()) <= {0.0, 1.0}


@dataclass(frozen=True, eq=False)
class Differences:
    """Users' differences, first minus second system, as counts.

    Attributes:
        sizes: shape (n_sizes,), the distinct differences without their sign, above 0, ascending.
        plus: shape (n_sizes,), users whose difference is +size.
        minus: shape (n_sizes,), users whose difference is -size.
        ties: users without a difference.
    """

    sizes: Floats
    plus: Users
    minus: Users
    ties: int

    @cached_property
    def n_nonzero(self) -> int:
        """Users with a difference."""
        return int(self.plus.sum() + self.minus.sum())

    @property
    def n(self) -> int:
        """The number of users."""
        return self.n_nonzero + self.ties

    @cached_property
    def total(self) -> float:
        """Sum of all differences."""
        return float((self.sizes * (self.plus - self.minus)).sum())

    @property
    def mean(self) -> float:
        """Mean difference."""
        return self.total / self.n

    @cached_property
    def sd(self) -> float:
        """Standard deviation of users' differences (n - 1), 0 if they differ only by rounding."""
        used = [self.sizes[self.plus > 0], -self.sizes[self.minus > 0], np.zeros(min(self.ties, 1))]
        if self.n < 2 or np.ptp(np.concatenate(used)) <= ROUNDING:
            return 0.0
        from_mean = self.plus * (self.sizes - self.mean) ** 2 + self.minus * (self.sizes + self.mean) ** 2
        return math.sqrt((float(from_mean.sum()) + self.ties * self.mean**2) / (self.n - 1))

    @property
    def wins(self) -> Wins:
        """Users for whom the first system is better, equal, worse."""
        return Wins(int(self.plus.sum()), self.ties, int(self.minus.sum()))

    def swapped(self) -> Differences:
        """The same with first and second system exchanged."""
        return Differences(self.sizes, self.minus, self.plus, self.ties)


def to_levels(values: Floats) -> LevelCounts:
    """A system's values as codes, computed once for all pairs with this system.

    Args:
        values: shape (n_users,), in an order of users that all systems share.
    Raises:
        MetricsError: for no users, or a value that is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise MetricsError("metrics", f"no users, or a value that is not finite, among {len(values)}", "check the run")
    rounded = values.round(DIGITS)
    levels = np.unique(rounded)
    return LevelCounts(levels + 0.0, np.searchsorted(levels, rounded))


def differences(a: LevelCounts, b: LevelCounts) -> Differences:
    """Differences of users, first minus second system; both must be in the same order of users.

    Raises:
        MetricsError: if the numbers of users differ.
    """
    if len(a.codes) != len(b.codes):
        raise MetricsError("users", f"cannot pair {len(a.codes)} with {len(b.codes)} users", "align them first")
    n_b = len(b.levels)
    if len(a.levels) * n_b > len(a.codes):  # a table of pairs would be larger than the list of users
        return counted(a.levels[a.codes] - b.levels[b.codes])
    table = np.bincount(a.codes * n_b + b.codes)
    used = np.flatnonzero(table)
    return counted(a.levels[used // n_b] - b.levels[used % n_b], table[used])


def counted(values: Floats, counts: Users | None = None) -> Differences:
    """Arbitrary differences as counts; those within `SAME` of 0 are ties.

    Args:
        values: shape (n,), finite, in any order, repeated or not.
        counts: shape (n,), users with each value; one each by default.
    Raises:
        MetricsError: for no value, or one that is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise MetricsError("differences", f"no value, or one that is not finite, among {len(values)}", "check the runs")
    counts = np.ones(len(values), dtype=np.int64) if counts is None else counts
    sizes: Floats = np.abs(values).round(DIGITS)
    order = np.argsort(sizes)
    sizes = sizes[order]
    n_same = int(np.searchsorted(sizes, SAME, side="right"))
    ties, sizes, order = int(counts[order[:n_same]].sum()), sizes[n_same:], order[n_same:]
    users = counts[order]
    if not len(order):
        return Differences(sizes, users, users, ties)
    first = np.flatnonzero(np.append(True, sizes[1:] - sizes[:-1] > SAME))
    both, plus = (np.add.reduceat(of, first) for of in (users, users * (values[order] > 0)))
    return Differences(sizes[first], plus, both - plus, ties)


def over_users(d: Differences) -> Interval:
    """Mean difference with its 95 % t interval over users.

    Raises:
        MetricsError: for fewer than two users.
    """
    if d.n < 2:
        raise MetricsError("statistics", f"{d.n} user(s): no variance to estimate", "use at least two users")
    return t_interval(d.mean, d.sd / math.sqrt(d.n), d.n - 1.0, "users")
