"""Tests with closed formulas, from counts: paired t, Wilcoxon's signed ranks, McNemar.

Each equals its counterpart in scipy or statsmodels to the last digits, on 281,000 users in well under a millisecond.
All are two-sided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import bdtr, chdtrc, ndtr, stdtr  # type: ignore[import-untyped]

from harness.core.errors import MetricsError
from harness.stats import estimates
from harness.stats.estimates import Floats, TestResult
from harness.stats.paired_counts import SAME, Differences, over_users

#: Above this number of users the signed-rank test exceeds its error rate on differences not symmetric around 0,
#: which is the case for recommenders (Ihemelandu & Ekstrand, SIGIR 2023).
WILCOXON_USERS = 1000
#: Up to this number of users without ties the distribution of ranks is enumerated; with ties up to `EXACT_TIED`.
EXACT_RANKS, EXACT_TIED = 50, 13
McNemarMethod = Literal["mid-p", "exact", "chi-square", "corrected"]


@dataclass(frozen=True)
class SignedRanks:
    """Wilcoxon's test.

    Attributes:
        statistic: the smaller sum of ranks.
        z: the sum of positive ranks, standardised; above 0 if they exceed the negative ones.
        n_nonzero: users with a difference; the others have no rank.
        exact: p comes from the enumerated distribution, not from the normal one.
        too_many: too many users for this test; prefer the t-test.
    """

    statistic: float
    z: float
    p: float
    n_nonzero: int
    exact: bool
    too_many: bool


@dataclass(frozen=True)
class McNemar:
    """McNemar's test.

    Attributes:
        statistic: chi-square, or the smaller of `wins` and `losses` if the test is binomial.
        wins: users with a hit by the first system only.
        losses: users with a hit by the second system only.
    """

    statistic: float
    p: float
    wins: int
    losses: int
    method: McNemarMethod


def paired_t(d: Differences) -> TestResult:
    """Paired t-test over users, as `harness.stats.estimates.paired_t`.

    Raises:
        MetricsError: for fewer than two users.
    """
    return estimates.t_test(over_users(d), d.n)


def wilcoxon(d: Differences) -> SignedRanks:
    """Wilcoxon's signed-rank test: users without a difference are left out, equal sizes share their mean rank.

    No continuity correction. Exact or normal is chosen as scipy does. Without any difference p is 1.
    Source: Wilcoxon, Biometrics Bulletin 1, 1945; the variance corrected for ties as in scipy.stats.wilcoxon.
    """
    counts, n = d.plus + d.minus, d.n_nonzero
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    up, down = float((ranks * d.plus).sum()), float((ranks * d.minus).sum())
    variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - float((counts**3.0 - counts).sum()) / 48.0
    too_many = d.n > WILCOXON_USERS
    if not n:
        return SignedRanks(0.0, 0.0, 1.0, 0, True, too_many)
    z = (up - n * (n + 1.0) / 4.0) / math.sqrt(variance)
    exact = d.n <= EXACT_TIED or (d.n <= EXACT_RANKS and not d.ties and bool((counts == 1).all()))
    p = _p_of_ranks(np.repeat(ranks, counts), min(up, down)) if exact else float(2 * ndtr(-abs(z)))
    return SignedRanks(min(up, down), z, p, n, exact, too_many)


def _p_of_ranks(ranks: Floats, smaller: float) -> float:
    """Twice the share of all assignments of signs in which the positive ranks add up to `smaller` or less."""
    doubled = np.round(2 * ranks).astype(np.int64)  # mean ranks may be halves
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1.0
    for step in doubled:
        share[step:] = (share[step:] + share[: len(share) - step]) / 2
        share[:step] /= 2
    return min(1.0, 2 * float(share[: round(2 * smaller) + 1].sum()))


def mcnemar(d: Differences, method: McNemarMethod = "mid-p") -> McNemar:
    """McNemar's test of HIT@k, from the users with a hit by one system only.

    Under the null hypothesis half of them are the first system's, so p is binomial. The exact test counts the observed
    table in full, so it is conservative (error rate 3 to 4 % instead of 5 % for about a hundred such users). So is
    Edwards' correction, which approximates it. The mid-p test counts that table by half and has an error rate of 5 %;
    it is the default.

    Args:
        method: "exact" equals the exact randomisation test; "corrected" is the chi-square with Edwards' correction.
    Raises:
        MetricsError: if a user's difference is not -1, 0 or 1 (NDCG@k, means over seeds).
    Source: McNemar, Psychometrika 12, 1947; Edwards, Psychometrika 13, 1948; mid-p: Fagerland, Lydersen & Laake, BMC
        Medical Research Methodology 13, 2013.
    """
    if len(d.sizes) > 1 or np.any(np.abs(d.sizes - 1.0) > SAME):
        sizes = d.sizes[:3].tolist()
        raise MetricsError("McNemar", f"differences other than 0 and 1: {sizes}", "use it on HIT@k of one seed")
    wins, _, losses = d.wins
    n, fewer = wins + losses, min(wins, losses)
    if not n:
        return McNemar(0.0, 1.0, 0, 0, method)
    if method in ("exact", "mid-p"):
        upto, below = float(bdtr(fewer, n, 0.5)), float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0
        p = upto + below if method == "mid-p" else 2 * upto
        return McNemar(float(fewer), min(1.0, p), wins, losses, method)
    statistic = max(abs(wins - losses) - int(method == "corrected"), 0) ** 2 / n
    return McNemar(statistic, float(chdtrc(1, statistic)), wins, losses, method)


def paired_p(a: Floats, b: Floats) -> float:
    """Two-sided p of the paired t-test of two systems' values for the same users, shape (n_users,) each."""
    return estimates.paired_t(a - b).p


def unpaired_p(a: Floats, b: Floats) -> float:
    """Two-sided p of Student's t-test, as if the systems had different users; shape (n_users,) each.

    It is what the significance scripts of two code bases compute; users who are easy for both systems add noise to it.
    """
    n, m = len(a), len(b)
    pooled = ((n - 1) * float(a.var(ddof=1)) + (m - 1) * float(b.var(ddof=1))) / (n + m - 2)
    if pooled <= 0:
        return 1.0 if float(a.mean()) == float(b.mean()) else 0.0
    statistic = float(a.mean() - b.mean()) / math.sqrt(pooled * (1 / n + 1 / m))
    return float(2 * stdtr(n + m - 2, -abs(statistic)))
