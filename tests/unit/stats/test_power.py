from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from made_seeds import over_users_and_seeds
from real_values import PAIRS, seed_differences, values
from statsmodels.stats.power import TTestPower

from harness.stats import estimates, power

SIZES = st.integers(3, 300_000)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.floats(0, 5), st.sampled_from([0.05, 0.01, 0.05 / 28]))
def test_power_is_that_of_statsmodels(n: int, shift: float, alpha: float) -> None:
    expected = TTestPower().power(shift / math.sqrt(n), n, alpha)
    assert power.power(shift * 0.2, 0.2, n - 1.0, alpha) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("n", [5, 20, 200, 1090, 6040, 281_000])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 28])
def test_the_smallest_detectable_difference_is_that_of_statsmodels(n: int, alpha: float) -> None:
    sd = 0.3
    found = power.smallest_detectable(sd / math.sqrt(n), n - 1.0, alpha)
    assert power.power(found, sd / math.sqrt(n), n - 1.0, alpha) == pytest.approx(
        0.8, abs=2e-6
    )  # 1e-6 finds it the wrong way round
    assert TTestPower().power(found / sd, n, alpha) == pytest.approx(0.8, abs=1e-5)


@pytest.mark.parametrize("pair", PAIRS)
def test_real_systems_over_users_and_over_seeds(pair: tuple[str, str]) -> None:
    d = values(pair[0], "NDCG@10") - values(pair[1], "NDCG@10")
    found = power.smallest_detectable(d.std(ddof=1) / math.sqrt(len(d)), len(d) - 1.0)
    expected = TTestPower().solve_power(nobs=len(d), alpha=0.05, power=0.8, effect_size=None) * d.std(ddof=1)
    assert found == pytest.approx(float(np.squeeze(expected)), rel=1e-5)
    assert found == pytest.approx(2.8 * d.std(ddof=1) / math.sqrt(len(d)), rel=0.01)
    both = over_users_and_seeds(seed_differences(*pair, "NDCG@10"))
    few = power.smallest_detectable(both.standard_error, both.df)
    assert few >= 2.8 * both.standard_error  # fewer degrees of freedom see less
    assert power.power(few, both.standard_error, both.df) == pytest.approx(0.8, abs=2e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 5000), st.floats(-0.5, 0.5))
def test_the_interval_of_dz_holds_the_effects_that_are_not_rejected(n: int, dz: float) -> None:
    found = power.effect_size(dz * math.sqrt(n), n)
    assert found.dz == pytest.approx(dz)
    for end, tail in ((found.low, 0.975), (found.high, 0.025)):
        if abs(end) * math.sqrt(n) < 37:  # further out scipy.stats gives up
            assert scipy.stats.nct.cdf(dz * math.sqrt(n), n - 1, end * math.sqrt(n)) == pytest.approx(tail, abs=1e-7)
    other = power.effect_size(-dz * math.sqrt(n), n)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low), abs=1e-7)


def test_the_interval_of_dz_covers_the_truth() -> None:
    rng, n, dz, covered = np.random.default_rng(3), 30, 0.4, 0
    for _ in range(2000):
        found = power.effect_size(estimates.paired_t(rng.normal(dz, 1, n)).statistic, n)
        covered += found.low <= dz <= found.high
    assert 0.94 <= covered / 2000 <= 0.96


def test_without_spread() -> None:
    assert power.smallest_detectable(0.0, 9) == 0
    assert (power.power(0.1, 0.0, 9), power.power(0.0, 0.0, 9)) == (1, 0.05)
    assert power.effect_size(math.inf, 10) == (math.inf, math.inf, math.inf)
    assert power.power(0.0, 0.1, 50) == pytest.approx(0.05)
