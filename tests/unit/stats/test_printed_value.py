"""A value against a printed one: what decides by hand, and where a few agreeing seeds must not make it differ."""

from __future__ import annotations

import math

import pytest
import scipy.stats

from harness.stats.estimates import Interval
from harness.stats.printed_value import Printed, ValueTest, hold_against
from harness.stats.seed_noise import Noise

USERS = Interval(0.2, 0.19, 0.21, 0.005, 999.0, "users")


def held(printed: float, own: Noise | None, *others: Noise, seedless: bool = False) -> ValueTest:
    pool = [own, *others] if own else list(others)
    return hold_against(0.2, Printed(printed, 0.00005, 0.05 * printed), USERS, own, pool, seedless=seedless)


def test_both_intervals_are_those_of_a_t_over_seeds() -> None:
    found = held(0.21, Noise(0.0004, 4.0, 5))
    assert (found.low, found.high) == pytest.approx(scipy.stats.t.interval(0.90, 4, 0.2, 0.02 / math.sqrt(5)))
    ends = scipy.stats.t.interval(0.95, 4, 0.2, 0.02 * math.sqrt(6 / 5))
    assert (found.prediction_low, found.prediction_high) == pytest.approx(ends)
    inner = scipy.stats.t.sf((0.2 - (0.21 - 0.0105)) / (0.02 / math.sqrt(5)), 4)  # the nearer edge has the larger p
    assert found.p == pytest.approx(inner)
    assert (found.over, found.equivalent, found.predicted, found.differs) == ("seeds", False, True, False)


def test_seeds_that_agree_by_chance_do_not_differ_where_other_systems_are_noisy() -> None:
    """Three seeds of bimodal noise agree in a quarter of cases, and the paper's one training may lie in the other."""
    quiet, noisy = Noise(1e-8, 2.0, 3), Noise(1e-3, 2.0, 3)
    assert held(0.26, quiet, quiet, quiet).differs
    assert not held(0.26, quiet, quiet, noisy).differs
    assert held(0.26, quiet, quiet, noisy).needed == (5, 3, 1001)
    assert held(0.9, quiet, quiet, noisy).differs


def test_few_trainings_in_all_make_nothing_differ() -> None:
    own = Noise(1e-8, 2.0, 3)
    assert not held(0.26, own).differs
    assert held(0.26, own).needed == (7, 7, 7)
    assert not held(0.26, own, own).differs
    assert held(0.26, own, own).needed == (4, 4, 4)
    assert held(0.26, Noise(1e-8, 6.0, 7)).differs


def test_a_system_alone_differs_beyond_the_99_percent_interval() -> None:
    noise = Noise(0.0001, 6.0, 7)
    reach = scipy.stats.t.ppf(0.995, 6) * 0.01 * math.sqrt(8 / 7)
    assert held(0.2 + reach + 0.0002, noise).differs
    assert not held(0.2 + reach - 0.0002, noise).differs


def test_users_stand_in_for_seeds_and_nothing_random_is_exact() -> None:
    by_users = held(0.26, None)
    reach = scipy.stats.t.ppf(0.975, 999) * 0.005 * math.sqrt(2)
    assert (by_users.over, by_users.prediction_high) == ("users", pytest.approx(0.2 + reach))
    assert by_users.differs
    exact = held(0.2, None, seedless=True)
    assert (exact.over, exact.low, exact.high, exact.equivalent) == ("nothing", 0.2, 0.2, True)
