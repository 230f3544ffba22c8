"""E-values have mean one while nothing changes, and detectors find what was planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from harness.core.errors import MetricsError
from harness.stats import sequential
from harness.stats.sequential import LEFT, SHIFTS, STAYED, cusum, one_more, paths, shift_ratios, trend

SEEDS = [1.0, 1.1, 0.9, 1.05, 0.95]


def test_e_values_of_paths_have_mean_one_where_five_in_a_hundred_leave() -> None:
    assert math.isclose(0.05 * LEFT + 0.95 * STAYED, 1.0)
    assert 0.01 * LEFT + 0.99 * STAYED < 1


def test_e_values_of_shifts_are_ratios_of_students_densities() -> None:
    known = [1.0, 1.2, 0.9, 1.1, 1.05]
    mean, sd = float(np.mean(known)), float(np.std(known, ddof=1))
    z = (1.3 - mean) / (sd * math.sqrt(1 + 1 / 5))
    density = scipy.stats.t(df=4).pdf
    assert shift_ratios(known, 1.3) == pytest.approx([density(z - d) / density(z) for d in SHIFTS])
    assert shift_ratios([1.0] * 5, 2.0) == [1.0] * len(SHIFTS)


@pytest.mark.parametrize("n", [4, 8, 40])
def test_e_values_of_shifts_have_mean_one_without_a_change(n: int) -> None:
    """Monte Carlo over fresh samples: the mean of each is 1 within four standard errors."""
    draw = np.random.default_rng(n)
    samples = draw.standard_normal((20_000, n + 1))
    found = np.array([shift_ratios(row[:-1].tolist(), float(row[-1])) for row in samples])
    error = found.std(axis=0) / math.sqrt(len(found))
    assert np.all(found.mean(axis=0) <= 1 + 4 * error)


def test_a_detector_begins_anew_below_one_and_knows_its_onset() -> None:
    steps = cusum([[0.5], [0.5], [4.0], [0.5], [4.0], [0.1], [3.0]])
    assert [step.value for step in steps] == [0.5, 0.5, 4.0, 2.0, 8.0, 0.8, 3.0]
    assert [step.onset for step in steps] == [0, 1, 2, 2, 2, 2, 6]
    assert cusum([]) == []


def test_paths_that_are_left_add_up_over_a_night() -> None:
    (step,) = paths([[True, True, False]])
    assert step.value == pytest.approx(LEFT * LEFT * STAYED)


def test_a_trend_waits_for_four_runs_and_learns_from_earlier_nights() -> None:
    assert [step.value for step in trend([([1.0, 1.1], [[0.5], [0.5]])])] == [1.0, 1.0]
    calm = trend([(SEEDS, [[1.0]] * 30)])
    assert calm[-1].value <= 1.1
    fallen = trend([(SEEDS, [[0.5]] * 6)])
    assert fallen[0].value > 3
    assert fallen[0].onset == 0
    assert trend([(SEEDS, [[0.5]])] * 3)[0].evidence == pytest.approx(fallen[0].evidence ** 3)


def test_one_more_run_lies_in_its_interval_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    inside = 0
    for _ in range(4000):
        *known, new = draw.standard_normal(6).tolist()
        _, low, high = one_more(known, 0.99)
        inside += low <= new <= high
    assert 0.984 <= inside / 4000 <= 0.995
    assert one_more([1.0, 3.0], 0.95).middle == 2.0
    with pytest.raises(MetricsError, match="give no variance"):
        one_more([1.0], 0.99)


def test_more_runs_show_smaller_shifts() -> None:
    assert sequential.smallest_shift(1e4, 90) > sequential.smallest_shift(1e4, 900) > 0
    assert sequential.smallest_shift(1e4, 0) == math.inf
