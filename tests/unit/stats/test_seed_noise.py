"""The test over users and seeds on small cases that can be worked out by hand, and its bounds."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api
from made_seeds import crossed, over_users_and_seeds
from numpy.random import default_rng

from harness.stats.estimates import paired_t
from harness.stats.seed_noise import (
    MORE_SEEDS,
    GainParts,
    Noise,
    exact_floor,
    gain_from_parts,
    gain_test,
    noise_of,
    noisier_half,
    prediction_half,
    rest_variance,
    seeds_needed,
)


def test_noise_is_the_variance_of_means_and_at_least_the_share_of_users() -> None:
    one, other, third = np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 0]), np.array([1.0, 1, 1, 0])
    found = noise_of([one, other, third])
    assert found == Noise(pytest.approx(1 / 16), 2.0, 3)  # type: ignore[comparison-overlap]
    turned = noise_of([np.array([1.0, 0]), np.array([0.0, 1])])  # equal means, other users
    assert turned is not None
    assert turned.variance == pytest.approx(rest_variance(np.array([[1.0, 0], [0, 1]])) / 2)
    assert noise_of([one]) is None
    assert noise_of([one, one, one]) is None  # an observed variance of 0 is not an estimate


def test_without_seeds_it_is_the_paired_t_test() -> None:
    d = default_rng(1).normal(0.1, 1, (1, 50))
    assert gain_test(d, [], [], 0.0).p == pytest.approx(paired_t(d[0]).p)


def test_with_far_more_users_than_noise_it_is_welch_over_seeds() -> None:
    b, w = np.array([0.5, 0.55, 0.6, 0.52]), np.array([0.4, 0.41, 0.42, 0.43])
    own = [Noise(float(x.var(ddof=1)), 3.0, 4) for x in (b, w)]
    quiet = [Noise(1e-9, 3.0, 4)] * 3
    found = gain_from_parts(GainParts(float(b.mean() - w.mean()), 1e-14, 1e6, 0.0), own, [*own, *quiet], 0.0)
    oracle = scipy.stats.ttest_ind(b, w, equal_var=False)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-6)
    assert found.interval.df == pytest.approx(oracle.df, rel=1e-6)


def test_the_noisier_half_of_other_systems_can_only_raise_p() -> None:
    own = [Noise(1e-6, 2.0, 3), Noise(2e-6, 2.0, 3)]
    parts = GainParts(0.01, 1e-6, 999.0, 0.0)
    alone = gain_from_parts(parts, own, [*own, own[0]], 0.0)
    noisy = gain_from_parts(parts, own, [*own, Noise(1e-4, 2.0, 3)], 0.0)
    assert noisy.p > alone.p
    assert noisy.interval.low < alone.interval.low
    assert noisier_half([Noise(1.0, 2.0, 3), Noise(5.0, 2.0, 3), Noise(3.0, 4.0, 5)]) == Noise(4.0, 6.0, 8)


def test_few_systems_bound_p_by_the_exact_test_over_seeds() -> None:
    assert [exact_floor(n, 2) for n in (2, 3, 5)] == pytest.approx([1 / 3, 0.1, 2 / 252])
    assert [exact_floor(n, 1) for n in (2, 3, 6)] == [0.5, 0.25, 0.03125]
    own = [Noise(1e-9, 2.0, 3), Noise(1e-9, 2.0, 3)]
    assert gain_from_parts(GainParts(1.0, 1e-9, 99.0, 0.0), own, own, 0.0).p == pytest.approx(0.1)


def test_a_gain_and_its_mirror_image_have_one_p() -> None:
    own = [Noise(1e-4, 2.0, 3), Noise(2e-4, 2.0, 3)]
    up, down = (gain_from_parts(GainParts(g, 1e-4, 99.0, 0.0), own, [*own, *own], 0.02) for g in (0.03, -0.03))
    assert (up.p, up.p_equal) == (down.p, down.p_equal)
    assert (up.interval.low, up.interval.high) == (-down.interval.high, -down.interval.low)


def test_a_spread_of_zero_proves_no_equality() -> None:
    assert gain_test(np.zeros((1, 9)), [], [], 0.5).p_equal == 1.0


def test_prediction_covers_one_more_training_in_nineteen_of_twenty() -> None:
    rng, inside, n = default_rng(4), 0, 4000
    for _ in range(n):
        *ours, new = rng.standard_normal(6)
        half = prediction_half([Noise(float(np.var(ours, ddof=1)), 4.0, 5)])
        inside += abs(new - np.mean(ours)) <= half
    assert inside / n == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / n))


def test_seeds_needed_have_the_power_that_they_promise() -> None:
    needed = seeds_needed(0.01, 1e-4, 4.0)
    rng, n = default_rng(8), needed.likely
    means = 0.01 + rng.standard_normal((4000, n)) * 0.01
    t = means.mean(axis=1) / (means.std(axis=1, ddof=1) / math.sqrt(n))
    assert np.mean(t > scipy.stats.t.ppf(0.95, n - 1)) == pytest.approx(0.8, abs=0.05)
    assert needed.low <= needed.likely <= needed.high


def test_no_number_of_seeds_makes_up_for_too_few_users() -> None:
    assert seeds_needed(0.01, 1e-4, 4.0, fixed_variance=1e-4).likely == MORE_SEEDS


def test_users_and_seeds_by_hand() -> None:
    # Two seeds, two users: S = var([1, 3]) / 2 = 1, U = var([1.5, 2.5]) / 2 = 1/4, R = 1 / (2 * 2); U + S - R = 1.
    found = over_users_and_seeds(np.array([[1.0, 1.0], [2.0, 4.0]]))
    assert (found.mean, found.standard_error) == pytest.approx((2, 1))
    assert found.df == pytest.approx(1 / (0.25**2 + 1))


def test_users_and_seeds_is_that_of_a_mixed_model() -> None:
    d = crossed(default_rng(11), 4, 12, 0.5, mean=0.3)
    table = pd.DataFrame(
        {"y": d.ravel(), "seed": np.repeat(np.arange(4), 12), "user": np.tile(np.arange(12), 4), "one": 1}
    )
    model = statsmodels.api.MixedLM.from_formula(
        "y ~ 1", groups="one", re_formula="0", vc_formula={"seed": "0 + C(seed)", "user": "0 + C(user)"}, data=table
    )
    fit = model.fit(reml=True)
    found = over_users_and_seeds(d)
    assert found.mean == pytest.approx(fit.params["Intercept"], abs=1e-6)
    assert found.standard_error == pytest.approx(fit.bse["Intercept"], rel=1e-3)


@pytest.mark.parametrize("seed_sd", [0.0, 0.02, 0.1])
def test_users_and_seeds_covers_the_truth_where_the_test_over_users_does_not(seed_sd: float) -> None:
    rng, covered, naive, n = default_rng(6), 0, 0, 1500
    for _ in range(n):
        d = crossed(rng, 5, 200, seed_sd, mean=0.5)
        found, over_users = over_users_and_seeds(d), paired_t(d.mean(axis=0))
        covered += found.low <= 0.5 <= found.high
        naive += over_users.low <= 0.5 <= over_users.high
    assert 0.93 <= covered / n <= 0.975
    if seed_sd == 0.1:
        assert naive / n < 0.7


def test_without_a_seed_effect_only_users_count() -> None:
    d = np.tile(default_rng(1).random(50), (3, 1))
    found, over_users = over_users_and_seeds(d), paired_t(d[0])
    assert (found.low, found.high) == pytest.approx((over_users.low, over_users.high))
    assert found.basis == "users"  # an observed variance of 0 is not an estimate


def test_one_seed_and_no_spread_at_all_have_the_interval_over_users() -> None:
    one = default_rng(1).random((1, 50))
    assert over_users_and_seeds(one).basis == "users"
    none = over_users_and_seeds(np.full((3, 4), 0.25))
    assert (none.low, none.high, none.standard_error) == (0.25, 0.25, 0)
