from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from real_values import PAIRS, values
from statsmodels.stats.contingency_tables import mcnemar as oracle_mcnemar

from harness.core.errors import MetricsError
from harness.stats import estimates, paired_counts, parametric
from harness.stats.estimates import Floats


def table(wins: int, ties: int, losses: int) -> list[list[int]]:
    return [[ties, wins], [losses, 0]]


def of_counts(wins: int, ties: int, losses: int) -> paired_counts.Differences:
    return paired_counts.counted(np.array([1.0, 0.0, -1.0]), np.array([wins, ties, losses]))


@pytest.mark.parametrize("metric", ["HIT@10", "NDCG@10", "MRR"])
@pytest.mark.parametrize("pair", PAIRS)
def test_real_systems_as_in_scipy(pair: tuple[str, str], metric: str) -> None:
    a, b = (values(system, metric) for system in pair)
    d = paired_counts.differences(paired_counts.to_levels(a), paired_counts.to_levels(b))
    t, oracle = parametric.paired_t(d), scipy.stats.ttest_rel(a, b)
    assert (t.statistic, t.p) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-9)
    ranked = parametric.wilcoxon(d)
    # scipy is given rounded differences: it takes floats that differ in the last bit for no tie
    expected = scipy.stats.wilcoxon(np.round(a - b, 12), zero_method="wilcox", method="asymptotic")
    assert (ranked.statistic, ranked.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert ranked.too_many
    assert not ranked.exact


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=60), st.booleans())
def test_wilcoxon_is_that_of_scipy(whole: list[int], distinct: bool) -> None:
    jitter = np.arange(len(whole)) / 1000.0 if distinct else np.zeros(len(whole))
    x: Floats = np.array(whole, dtype=float) + np.where(np.array(whole) >= 0, jitter, -jitter)
    if not x.any():
        return
    found = parametric.wilcoxon(paired_counts.counted(x))
    n = np.count_nonzero(x)
    auto = "exact" if found.exact else "asymptotic"
    # scipy enumerates with ties only as a permutation test, so there the comparison is with all 2^n signs
    if found.exact and len(np.unique(np.abs(x[x != 0]))) < n:
        ranks = scipy.stats.rankdata(np.abs(x[x != 0]))
        signs = np.array(np.meshgrid(*[[0, 1]] * n)).reshape(n, -1).T
        lower = ((signs * ranks).sum(axis=1) <= found.statistic + 1e-9).mean()
        assert found.p == pytest.approx(min(1.0, 2 * lower), rel=1e-9)
    else:
        expected = scipy.stats.wilcoxon(x[x != 0], method=auto)
        assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert found.n_nonzero == n
    turned = parametric.wilcoxon(paired_counts.counted(-x))
    assert (turned.z, turned.p) == (pytest.approx(-found.z), found.p)


@pytest.mark.parametrize("n", [1000, 1001])
def test_wilcoxon_warns_of_many_users(n: int) -> None:
    assert parametric.wilcoxon(paired_counts.counted(np.ones(n))).too_many == (n > 1000)


def test_wilcoxon_without_any_difference() -> None:
    found = parametric.wilcoxon(paired_counts.counted(np.zeros(5)))
    assert (found.p, found.n_nonzero, found.z) == (1, 0, 0)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 50), st.integers(0, 300))
def test_mcnemar_is_that_of_statsmodels(wins: int, ties: int, losses: int) -> None:
    d = of_counts(wins, ties + 1, losses)
    exact = oracle_mcnemar(table(wins, ties, losses), exact=True) if wins + losses else None
    found = {method: parametric.mcnemar(d, method).p for method in ("exact", "mid-p", "chi-square", "corrected")}
    if exact is None:
        assert set(found.values()) == {1.0}
        return
    assert found["exact"] == pytest.approx(exact.pvalue, rel=1e-9)
    at = scipy.stats.binom.pmf(min(wins, losses), wins + losses, 0.5)
    mid = 2 * scipy.stats.binom.cdf(min(wins, losses), wins + losses, 0.5) - at
    assert found["mid-p"] == pytest.approx(min(1.0, mid), rel=1e-9)
    for method, corrected in (("chi-square", False), ("corrected", True)):
        oracle = oracle_mcnemar(table(wins, ties, losses), exact=False, correction=corrected)
        if wins != losses:  # statsmodels corrects below 0 there, and squares it
            assert found[method] == pytest.approx(oracle.pvalue, rel=1e-9)


@pytest.mark.parametrize("pair", PAIRS)
def test_mcnemar_of_real_systems(pair: tuple[str, str]) -> None:
    a, b = (values(system, "HIT@10") for system in pair)
    found = parametric.mcnemar(paired_counts.counted(a - b), "exact")
    wins, ties, losses = estimates.count_wins(a - b)
    assert found.p == pytest.approx(oracle_mcnemar(table(wins, ties, losses), exact=True).pvalue, rel=1e-9)
    assert (found.wins, found.losses) == (wins, losses)
    assert parametric.mcnemar(paired_counts.counted(a - b)).p < found.p  # mid-p


def test_equally_many_wins_and_losses_have_nothing_to_tell() -> None:
    assert parametric.mcnemar(of_counts(5, 1, 5), "exact").p == 1
    assert parametric.mcnemar(of_counts(5, 1, 5), "corrected").p == 1


def test_mcnemar_refuses_what_is_no_hit() -> None:
    for invalid in ([0.5, -0.5], [1.0, 0.2]):
        with pytest.raises(MetricsError, match="other than 0 and 1"):
            parametric.mcnemar(paired_counts.counted(np.array(invalid)))
