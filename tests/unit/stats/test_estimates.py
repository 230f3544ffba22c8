from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from made_seeds import crossed, over_users_and_seeds
from statsmodels.stats.weightstats import DescrStatsW

from harness.core.errors import MetricsError
from harness.stats import estimates


def test_pairing_is_by_user_and_not_by_position() -> None:
    a, b = estimates.align(
        np.array([1, 2, 3]), np.array([0.1, 0.2, 0.3]), np.array([3, 1, 2]), np.array([30.0, 10, 20])
    )
    assert a.tolist() == [0.1, 0.2, 0.3]
    assert b.tolist() == [10, 20, 30]


@pytest.mark.parametrize("other", [[1, 2], [1, 2, 4], [1, 2, 2], [1, 2, 3, 3]])
def test_other_users_cannot_be_paired(other: list[int]) -> None:
    with pytest.raises(MetricsError, match="cannot pair 3 with"):
        estimates.align(np.array([1, 2, 3]), np.zeros(3), np.array(other), np.zeros(len(other)))


def test_repeated_users_cannot_be_paired_even_with_themselves() -> None:
    twice = np.array([1, 1, 2])
    with pytest.raises(MetricsError, match="repeated"):
        estimates.align(twice, np.zeros(3), twice, np.zeros(3))


def test_paired_t_by_hand() -> None:
    # mean 2, sd sqrt(10/4), so t = 2 / (sqrt(2.5) / sqrt(5)) = 2.828...
    found = estimates.paired_t(np.array([0.0, 1, 2, 3, 4]))
    assert found.statistic == pytest.approx(2 * math.sqrt(2))
    assert found.dz == pytest.approx(2 / math.sqrt(2.5))
    assert (found.n, found.mean) == (5, 2)


@pytest.mark.parametrize("n", [2, 3, 50, 1090])
def test_paired_t_is_that_of_scipy_and_its_interval_that_of_statsmodels(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.random(n), rng.random(n)
    found, oracle = estimates.paired_t(a - b), scipy.stats.ttest_rel(a, b)
    assert found.statistic == pytest.approx(oracle.statistic, rel=1e-12)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx(DescrStatsW(a - b).tconfint_mean(), rel=1e-9)


def test_the_order_of_users_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    d = crossed(rng, 4, 300, 0.1)
    order = rng.permutation(300)
    one, other = estimates.paired_t(d[0]), estimates.paired_t(d[0][order])
    assert one.p == pytest.approx(other.p, rel=1e-9)
    assert over_users_and_seeds(d)[:5] == pytest.approx(over_users_and_seeds(d[:, order])[:5], rel=1e-9)


def test_equal_systems_give_p_one_and_a_constant_difference_that_of_the_exact_test() -> None:
    same, shifted = estimates.paired_t(np.zeros(9)), estimates.paired_t(np.full(9, -0.1))
    assert (same.statistic, same.p, same.dz) == (0, 1, 0)
    assert (shifted.statistic, shifted.p, shifted.dz) == (-math.inf, 2.0**-8, -math.inf)
    assert shifted.low == shifted.high == pytest.approx(-0.1)


def test_one_user_is_too_few() -> None:
    with pytest.raises(MetricsError, match="1 user"):
        estimates.paired_t(np.array([0.5]))


def test_wins_ties_and_losses() -> None:
    rounding = (0.1 + 0.2) - 0.3
    assert estimates.count_wins(np.array([0.5, 0.0, rounding, -0.2, 0.1])) == (2, 2, 1)


def test_mean_over_seeds_has_the_t_interval_of_the_seeds_means() -> None:
    rng = np.random.default_rng(2)
    values = [rng.random(40) for _ in range(5)]
    means = [v.mean() for v in values]
    found = estimates.mean_over_seeds(values)
    assert (found.low, found.high) == pytest.approx(DescrStatsW(means).tconfint_mean())
    assert (found.mean, found.sd) == pytest.approx((np.mean(means), np.std(means, ddof=1)))
    assert (found.n_seeds, found.n_users, found.df, found.basis) == (5, 40, 4, "seeds")
    np.testing.assert_allclose(estimates.seed_mean(values), np.mean(values, axis=0))


def test_one_seed_has_the_interval_over_users() -> None:
    values = np.random.default_rng(2).random(40)
    found = estimates.mean_over_seeds([values])
    assert (found.low, found.high) == pytest.approx(DescrStatsW(values).tconfint_mean())
    assert found.basis == "users"
    assert math.isnan(found.sd)


def test_seeds_that_coincide_in_the_mean_alone_claim_no_certainty() -> None:
    one, other = np.array([1.0, 0, 0, 0]), np.array([0.0, 0, 1, 0])
    found = estimates.mean_over_seeds([one, other])
    assert found.basis == "users"
    assert found.high > found.mean
    exact = estimates.mean_over_seeds([one, one])
    assert (exact.basis, exact.low) == ("users", pytest.approx(0.25 - 0.25 * scipy.stats.t.ppf(0.975, 3)))


def test_tost_is_that_of_statsmodels() -> None:
    values = np.random.default_rng(4).normal(0.05, 0.01, 30)
    described = DescrStatsW(values)
    for margin in (0.001, 0.004, 0.01):
        found = estimates.tost(values.mean(), described.std_mean, 29, 0.0512, 0.0, margin)
        expected = described.ttost_mean(0.0512 - margin, 0.0512 + margin)[0]
        assert found.p == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_tost_says_equivalent_different_or_neither() -> None:
    def asked(estimate: float, standard_error: float) -> tuple[bool, bool]:
        found = estimates.tost(estimate, standard_error, 100, 0.04, 0.00005, 0.002)
        return found.equivalent, found.different

    assert asked(0.0401, 0.0001) == (True, False)
    assert asked(0.0450, 0.0001) == (False, True)
    assert asked(0.0401, 0.0100) == (False, False)
    assert asked(0.0420, 0.0001) == (False, False)


def test_rounding_of_the_printed_number_is_on_top_of_the_margin() -> None:
    assert estimates.tost(0.0424, 0, 4, 0.040, 0.0005, 0.002).equivalent
    assert not estimates.tost(0.0424, 0, 4, 0.040, 0.00005, 0.002).equivalent
    assert estimates.tost(0.0424, 0, 4, 0.040, 0.00005, 0.002).different


def test_start_up_stays_cheap() -> None:
    """A finished table is rerun in less than two seconds, so reports must not import scipy.stats or statsmodels."""
    import subprocess
    import sys

    modules = "sys, harness.tables.verdicts, harness.report.formats"
    code = f"import {modules}; print([m for m in sys.modules if m in sys.argv[1:]])"
    heavy = ["scipy.stats", "statsmodels", "pandas", "jinja2", "rich", "matplotlib"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
