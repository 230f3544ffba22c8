from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from made_seeds import over_users_and_seeds
from real_values import PAIRS, seed_differences, values

from harness.core.errors import MetricsError
from harness.stats import paired_counts, parametric, resampling
from harness.stats.estimates import Floats
from harness.stats.resampling import bootstrap, randomisation

FEW = st.lists(st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 0.631, -0.431]), min_size=2, max_size=10)
MANY = st.lists(st.one_of(st.sampled_from([-0.5, 0.0, 0.5]), st.floats(-1, 1)), min_size=30, max_size=120)
METRICS = ("HIT@10", "NDCG@10", "MRR")


def of(pair: tuple[str, str], metric: str, n: int | None = None) -> tuple[paired_counts.Differences, Floats]:
    """A real pair, of the first `n` users, as counts and as values."""
    x = (values(pair[0], metric) - values(pair[1], metric))[:n]
    return paired_counts.counted(x), x


@settings(deadline=None)
@given(FEW)
def test_the_exact_test_counts_every_assignment_of_signs(x: list[float]) -> None:
    found = randomisation(paired_counts.counted(np.array(x)))
    totals = [
        abs(sum(s * v for s, v in zip(signs, x, strict=True))) for signs in itertools.product([1, -1], repeat=len(x))
    ]
    assert found.exact
    assert found.p == pytest.approx(np.mean([total >= abs(sum(x)) - 1e-9 for total in totals]), rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=11))
def test_the_exact_test_is_that_of_scipy(x: list[float]) -> None:
    rounded = np.round(x, 3)
    expected = scipy.stats.permutation_test(
        (rounded, np.zeros(len(x))), lambda a, b: np.sum(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert randomisation(paired_counts.counted(rounded)).p == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("pair", PAIRS)
def test_on_hits_it_is_the_exact_mcnemar_test(pair: tuple[str, str]) -> None:
    d, _ = of(pair, "HIT@10")
    found = randomisation(d, resamples=1)
    assert found.exact
    assert found.p == pytest.approx(parametric.mcnemar(d, "exact").p, rel=1e-9)
    many = paired_counts.counted(np.array([1.0, 0.0, -1.0]), np.array([20_300, 240_000, 20_000]))  # a large dataset
    assert randomisation(many).p == pytest.approx(parametric.mcnemar(many, "exact").p, rel=1e-8)


@pytest.mark.parametrize("metric", ["NDCG@10", "MRR"])
@pytest.mark.parametrize("pair", PAIRS)
def test_drawn_counts_agree_with_drawn_signs(pair: tuple[str, str], metric: str) -> None:
    d, x = of(pair, metric)
    found = randomisation(d, resamples=40_000)
    expected = _drawn_signs(x, 40_000)
    assert not found.exact
    assert found.p == pytest.approx(expected, abs=4 * np.sqrt(2 * expected / 40_000))


def _drawn_signs(x: Floats, resamples: int) -> float:
    rng, beyond = np.random.default_rng(1), 0
    for _ in range(resamples // 1000):
        signs = rng.integers(0, 2, (1000, len(x))) * 2 - 1
        beyond += int((np.abs(signs @ x) >= abs(x.sum()) - 1e-9).sum())
    return (beyond + 1) / (resamples + 1)


def test_p_is_never_0_and_its_floor_is_one_resample() -> None:
    x = np.random.default_rng(1).uniform(0.5, 1.5, 400)
    assert randomisation(paired_counts.counted(x), resamples=99).p == 1 / 100
    assert randomisation(paired_counts.counted(np.zeros(9))) == (1.0, 0, True)


@settings(deadline=None, max_examples=30)
@given(MANY, st.randoms(), st.integers(0, 3))
def test_order_and_naming_change_no_digit(x: list[float], random: object, seed: int) -> None:
    d, shuffled = paired_counts.counted(np.array(x)), list(x)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other, turned = paired_counts.counted(np.array(shuffled)), paired_counts.counted(-np.array(x))
    assert randomisation(d, 200, seed) == randomisation(other, 200, seed) == randomisation(turned, 200, seed)
    found, swapped = bootstrap(d, 200, seed), bootstrap(turned, 200, seed)
    assert bootstrap(other, 200, seed) == found
    assert (swapped.mean, swapped.low, swapped.high) == (-found.mean, -found.high, -found.low)
    assert swapped.standard_error == found.standard_error


def test_another_seed_gives_other_digits() -> None:
    d, _ = of(PAIRS[0], "NDCG@10")
    assert randomisation(d, seed=1) != randomisation(d, seed=2)
    assert bootstrap(d, seed=1) != bootstrap(d, seed=2)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 200, resampling.BITS, resampling.BITS + 1])
def test_coins_are_fair_and_as_many_as_asked_for(count: int) -> None:
    heads = resampling._heads(np.random.Generator(np.random.Philox(7)), count, 40_000)
    assert (heads.min() >= 0, heads.max() <= count) == (True, True)
    assert heads.mean() == pytest.approx(count / 2, abs=4 * np.sqrt(count / 4 / 40_000))
    assert heads.var() == pytest.approx(count / 4, rel=0.04)
    if count == 1:
        assert set(heads.tolist()) == {0, 1}


@pytest.mark.parametrize("pair", PAIRS)
def test_merged_sizes_keep_the_variance_and_move_no_p_beyond_noise(pair: tuple[str, str]) -> None:
    d, _ = of(pair, "MRR")
    counts = d.plus + d.minus
    sizes, users = resampling.merged(d.sizes, counts)
    assert len(sizes) <= resampling.MERGED < resampling.MANY_SIZES < len(d.sizes)
    assert users.sum() == counts.sum()
    assert (users * sizes**2).sum() == pytest.approx((counts * d.sizes**2).sum(), rel=1e-12)
    # What a p-value is moved by is, by Edgeworth's expansion, less than 0.05 of the excess kurtosis that changed.
    kurtosis = [-2 * (n * s**4).sum() / (n * s**2).sum() ** 2 for s, n in ((d.sizes, counts), (sizes, users))]
    assert 0.05 * abs(kurtosis[0] - kurtosis[1]) < 1e-5


def test_few_sizes_are_not_merged() -> None:
    d, _ = of(PAIRS[0], "NDCG@10")
    assert resampling.merged(d.sizes, d.plus + d.minus)[0] is d.sizes


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("pair", PAIRS)
def test_representatives_have_the_moments_of_all(pair: tuple[str, str], metric: str) -> None:
    all_values, shares = resampling.distribution(of(pair, metric)[0])
    few, weights = resampling.representatives(all_values, shares)
    assert len(few) == min(resampling.POINTS, len(all_values))
    for power in range(2 * resampling.POINTS):
        assert (weights * few**power).sum() == pytest.approx((shares * all_values**power).sum(), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("metric", ["NDCG@10", "MRR"])
@pytest.mark.parametrize("n", [resampling.SMALL, 1090])
def test_the_percentile_interval_is_that_of_resampled_users(n: int, metric: str) -> None:
    d, x = of(PAIRS[1], metric, n)
    found = bootstrap(d, 40_000)
    means = np.concatenate([x[np.random.default_rng(i).integers(0, n, (1000, n))].mean(axis=1) for i in range(40)])
    expected, noise = np.quantile(means, [0.025, 0.975]), means.std() * 0.0135 * 1.42  # error of two such quantiles
    assert (found.low, found.high) == pytest.approx(expected, abs=4 * noise)
    assert found.standard_error == pytest.approx(means.std(), rel=0.02)
    assert found.method == "percentile"


@pytest.mark.parametrize("metric", METRICS)
def test_bca_of_few_users_is_that_of_scipy(metric: str) -> None:
    d, x = of(PAIRS[2], metric, 150)
    found = bootstrap(d, 40_000)
    expected = scipy.stats.bootstrap((x,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(1))
    noise = expected.standard_error * 0.0135 * 1.42
    interval = expected.confidence_interval
    lattice = 1 / 150 if metric == "HIT@10" else 0.0
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=5 * noise + lattice)
    assert found.method == "bca"


def test_bca_bounds_are_those_of_scipy_for_the_same_resamples() -> None:
    d, x = of(PAIRS[2], "MRR", 150)
    drawn = scipy.stats.bootstrap((x,), np.mean, n_resamples=5000, method="BCa", rng=np.random.default_rng(2))
    found = np.quantile(drawn.bootstrap_distribution, resampling.bca_tails(d, drawn.bootstrap_distribution, 0.95))
    assert found == pytest.approx(list(drawn.confidence_interval), rel=1e-6)


def test_without_spread_the_interval_is_the_mean() -> None:
    for n in (5, 300):
        found = bootstrap(paired_counts.counted(np.full(n, 0.25)), 10)
        assert (found.mean, found.low, found.high, found.standard_error) == (0.25, 0.25, 0.25, 0)


@pytest.mark.parametrize("pair", PAIRS[:2])
def test_users_and_seeds_drawn_together(pair: tuple[str, str]) -> None:
    x = seed_differences(*pair, "NDCG@10")
    rng = np.random.default_rng(4)
    means = [x[rng.integers(0, 5, 5)][:, rng.integers(0, 1090, 1090)].mean() for _ in range(4000)]
    assert np.std(means) > 1.1 * bootstrap(paired_counts.counted(x.mean(axis=0))).standard_error
    assert np.std(means) == pytest.approx(over_users_and_seeds(x).standard_error, rel=0.25)


@pytest.mark.parametrize("resamples", [0, -1])
def test_too_few_resamples_or_users_are_refused(resamples: int) -> None:
    d = paired_counts.counted(np.array([0.1, 0.2]))
    for test in (randomisation, bootstrap):
        with pytest.raises(MetricsError, match="resamples"):
            test(d, resamples)
    with pytest.raises(MetricsError, match="1 user"):
        bootstrap(paired_counts.counted(np.ones(1)))
