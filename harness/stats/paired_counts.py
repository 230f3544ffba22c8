"""Two systems on the same users as counts, which is all that tests and intervals need.

With one held-out item per user HIT@k takes two values and NDCG@k k + 1, so a pair of systems is a small table of counts
whatever the number of users; where values are many (MRR, means over seeds) only the table is larger. Values are rounded
to `DIGITS` before counting, since the same difference may come out of floats in several ways. Counts are kept sorted by
value and summed without BLAS: the order of users, the number of threads and which system comes first change no bit of
what follows from them. Pairing by user id is done before, by `harness.stats.estimates.align`.
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
#: Numbers on the grid of 10^-DIGITS up to one step apart are one number: a float may fall to either side of a step.
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
        """Mean over users, to the last bit the same in any order of users."""
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
        """How many users there are."""
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
        """Standard deviation of users' differences (n - 1), 0 where they differ by rounding alone."""
        used = [self.sizes[self.plus > 0], -self.sizes[self.minus > 0], np.zeros(min(self.ties, 1))]
        if self.n < 2 or np.ptp(np.concatenate(used)) <= ROUNDING:
            return 0.0
        from_mean = self.plus * (self.sizes - self.mean) ** 2 + self.minus * (self.sizes + self.mean) ** 2
        return math.sqrt((float(from_mean.sum()) + self.ties * self.mean**2) / (self.n - 1))

    @property
    def wins(self) -> Wins:
        """Users whom the first system serves better, equally well, worse."""
        return Wins(int(self.plus.sum()), self.ties, int(self.minus.sum()))

    def swapped(self) -> Differences:
        """The same with first and second system exchanged."""
        return Differences(self.sizes, self.minus, self.plus, self.ties)


def to_levels(values: Floats) -> LevelCounts:
    """A system's values as codes, made once for all the pairs that the system is part of.

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
        MetricsError: if the two do not have equally many users.
    """
    if len(a.codes) != len(b.codes):
        raise MetricsError("users", f"cannot pair {len(a.codes)} with {len(b.codes)} users", "align them first")
    n_b = len(b.levels)
    if len(a.levels) * n_b > len(a.codes):  # a table of pairs would be larger than the users
        return counted(a.levels[a.codes] - b.levels[b.codes])
    table = np.bincount(a.codes * n_b + b.codes)
    used = np.flatnonzero(table)
    return counted(a.levels[used // n_b] - b.levels[used % n_b], table[used])


def counted(values: Floats, counts: Users | None = None) -> Differences:
    """Differences of any origin as counts; those within `SAME` of 0 are ties.

    Args:
        values: shape (n,), finite, in any order, repeated or not.
        counts: shape (n,), users with each value; one each by default.
    Raises:
        MetricsError: for none, or a value that is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise MetricsError("differences", f"none, or one that is not finite, among {len(values)}", "check the runs")
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
        raise MetricsError("statistics", f"{d.n} user(s): no spread to estimate", "use at least two users")
    return t_interval(d.mean, d.sd / math.sqrt(d.n), d.n - 1.0, "users")
