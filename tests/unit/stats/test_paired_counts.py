from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_values import PAIRS, mean_values, values

from harness.core.errors import MetricsError
from harness.stats import estimates, paired_counts
from harness.stats.estimates import Floats

#: Values as metrics give them (few, shared) and any others.
LEVELS = st.sampled_from([0.0, 1.0, 1 / math.log2(3), 0.5, 1 / 3, 0.1 + 0.2, 0.3, 1 / 7])
VALUES = st.one_of(LEVELS, st.floats(-2, 2, allow_subnormal=False))
PAIRED = st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=40).map(lambda rows: np.array(rows, dtype=float).T)


def of(a: Floats, b: Floats) -> paired_counts.Differences:
    return paired_counts.differences(paired_counts.to_levels(a), paired_counts.to_levels(b))


def same_digits(one: paired_counts.Differences, other: paired_counts.Differences) -> bool:
    columns = ((one.sizes, other.sizes), (one.plus, other.plus), (one.minus, other.minus))
    return one.ties == other.ties and all(np.array_equal(a, b) for a, b in columns)


@settings(deadline=None)
@given(PAIRED, st.randoms())
def test_counts_say_what_the_users_say_in_any_order(ab: Floats, random: object) -> None:
    a, b = ab
    d, plain = of(a, b), a - b
    wins = estimates.count_wins(plain)
    assert d.n == len(a)
    assert d.wins == wins or np.any((np.abs(plain) > 0) & (np.abs(plain) < 1e-11))  # a rounding may fall either side
    assert d.mean == pytest.approx(plain.mean(), abs=1e-11)
    assert d.sd == pytest.approx(plain.std(ddof=1), abs=1e-10)
    order = np.arange(len(a))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = of(a[order], b[order])
    assert same_digits(d, other)
    assert (d.mean, d.sd) == (other.mean, other.sd)


@settings(deadline=None)
@given(PAIRED)
def test_exchanging_the_systems_turns_the_sign_and_nothing_else(ab: Floats) -> None:
    d, other = of(*ab), of(*ab[::-1])
    assert same_digits(d, other.swapped())
    assert (other.mean, other.sd, other.wins) == (-d.mean, d.sd, d.wins[::-1])


@pytest.mark.parametrize("metric", ["HIT@10", "NDCG@10", "MRR"])
@pytest.mark.parametrize("pair", PAIRS)
def test_real_systems(pair: tuple[str, str], metric: str) -> None:
    a, b = (values(system, metric) for system in pair)
    d, expected = of(a, b), estimates.paired_t(a - b)
    found = paired_counts.over_users(d)
    assert (found.mean, found.low, found.high) == pytest.approx((expected.mean, expected.low, expected.high), rel=1e-9)
    assert d.wins == estimates.count_wins(a - b)
    one_by_one = np.round(a, paired_counts.DIGITS) - np.round(b, paired_counts.DIGITS)
    assert same_digits(d, paired_counts.counted(one_by_one))  # the table of pairs says what the users say
    assert paired_counts.to_levels(a).mean == pytest.approx(a.mean(), rel=1e-13)


def test_few_values_make_a_small_table_and_means_over_seeds_a_larger_one() -> None:
    hit, ndcg, means = (
        of(of_values("sasrec/ce-all", metric), of_values("sasrec/bce", metric))
        for of_values, metric in ((values, "HIT@10"), (values, "NDCG@10"), (mean_values, "HIT@10"))
    )
    assert hit.sizes.tolist() == [1.0]
    assert len(ndcg.sizes) <= 55
    np.testing.assert_allclose(means.sizes, [0.2, 0.4, 0.6, 0.8, 1.0][: len(means.sizes)], rtol=1e-12)


def test_one_difference_that_floats_give_in_two_ways_is_one() -> None:
    d = of(np.array([0.1 + 0.2, 0.3, 0.6]), np.array([0.2, 0.2, 0.7]))
    assert len(d.sizes) == 1
    assert (d.plus.tolist(), d.minus.tolist(), d.ties) == ([2], [1], 0)


def test_a_shift_and_no_difference_at_all_have_no_spread() -> None:
    a = np.array([0.1, 0.25, 1.0])
    assert of(a + 0.1, a).sd == 0
    none = of(a, a)
    assert (none.ties, none.n, none.mean, none.sd, len(none.sizes)) == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("bad", [[], [0.0, math.nan], [math.inf]])
def test_values_that_cannot_be_are_refused(bad: list[float]) -> None:
    with pytest.raises(MetricsError, match="not finite"):
        paired_counts.to_levels(np.array(bad, dtype=float))
    with pytest.raises(MetricsError, match="not finite"):
        paired_counts.counted(np.array(bad, dtype=float))


def test_other_users_and_too_few_are_refused() -> None:
    with pytest.raises(MetricsError, match="cannot pair 2 with 3"):
        of(np.zeros(2), np.zeros(3))
    with pytest.raises(MetricsError, match="1 user"):
        paired_counts.over_users(of(np.zeros(1), np.ones(1)))
