"""The replication degree on numbers that can be worked out by hand; Kendall's tau against SciPy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from made_tables import hits, published, run, spec

from harness.core.results import Claim
from harness.report.formats import csv
from harness.report.formats import files as formats
from harness.tables.build import SystemSpec, Table, build_table
from harness.tables.replication import degrees, delta_relative_improvement, effect_ratio, kendall_tau
from harness.tables.verdicts import judge_table

SYSTEMS = (SystemSpec("a", "A"), SystemSpec("b", "B"), SystemSpec("c", "C"))


def table(a: float, b: float, c: float, **more: object) -> Table:
    """Ours are 0.1, 0.3 and 0.2; b is claimed to beat a, and c to beat b."""
    made = spec(systems=SYSTEMS, claims=(Claim("b", "a", "HIT@10"), Claim("c", "b", "HIT@10")), **more)
    runs = [run(s, seed, hits(n, 100)) for s, n in (("a", 10), ("b", 30), ("c", 20)) for seed in (1, 2, 3)]
    return judge_table(build_table(made, runs, [published(s, v) for s, v in (("a", a), ("b", b), ("c", c))]))


def test_rmse_and_tau_by_hand() -> None:
    (found,) = degrees(table(0.1, 0.26, 0.30))  # off by 0, 0.04 and -0.10; of three pairs two agree
    assert (found.dataset, found.metric, found.n_values) == ("d", "HIT@10", 3)
    assert found.rmse == pytest.approx(math.sqrt((0.04**2 + 0.1**2) / 3))
    assert found.tau == pytest.approx(1 / 3)


def test_effect_ratio_and_delta_of_relative_improvement_by_hand() -> None:
    first, second = table(0.1, 0.2, 0.3).claims
    assert effect_ratio(first) == pytest.approx(0.2 / 0.1)
    assert delta_relative_improvement(first) == pytest.approx(1.0 - 2.0)
    assert effect_ratio(second) == pytest.approx(-0.1 / 0.1)  # a loss where the paper has a gain
    assert delta_relative_improvement(second) == pytest.approx(0.5 + 1 / 3)
    same = table(0.2, 0.2, 0.3).claims[0]
    assert effect_ratio(same) is None


def test_a_printed_value_of_two_systems_counts_once_with_the_one_further_off() -> None:
    made = spec(systems=SYSTEMS)
    runs = [run(s, 1, hits(n, 100)) for s, n in (("a", 10), ("b", 30), ("c", 20))]
    shared = [replace(published(s, 0.12), row="one") for s in ("a", "b")]
    (found,) = degrees(build_table(made, runs, [*shared, published("c", 0.2)]))
    assert (found.n_values, found.rmse) == (2, pytest.approx(0.18 / math.sqrt(2)))
    assert found.tau == -1


def test_without_printed_values_or_after_short_training_there_is_none() -> None:
    runs = [run("a", 1, hits(10, 100)), run("b", 1, hits(30, 100))]
    assert degrees(build_table(spec(), runs)) == ()
    assert degrees(table(0.1, 0.2, 0.3, signature={"profile": "quick"})) == ()
    assert "-replication.csv" not in formats(build_table(spec(), runs), ["csv"])
    (alone,) = degrees(build_table(spec(), runs, [published("a", 0.1)]))
    assert alone.tau is None


def test_the_csv_has_them() -> None:
    found = csv.replication(table(0.1, 0.26, 0.30)).splitlines()
    assert found[0] == "artifact,dataset,metric,values,rmse,kendall_tau,signature"
    assert found[1].startswith("paper/table,d,HIT@10,3,0.06218253,0.33333333,")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_tau_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one, other = ([pair[side] / 10 for pair in pairs] for side in (0, 1))
    found, oracle = kendall_tau(one, other), scipy.stats.kendalltau(one, other).statistic
    assert found == pytest.approx(oracle) if not np.isnan(oracle) else found is None


def test_equal_values_up_to_rounding_are_ties() -> None:
    assert kendall_tau([0.1 + 0.2, 0.3, 0.5], [0.1, 0.2, 0.3]) == pytest.approx(2 / math.sqrt(2 * 3))
