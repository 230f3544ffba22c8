"""The words of verdicts: those of ADR 13, which took the place of the words of ADR 3."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import hits, published, ranks, run, spec

from harness.core.results import Claim, RunResult
from harness.tables.build import Cell, SystemSpec, Table, ValueVerdict, build_table
from harness.tables.verdicts import exit_code, judge_table, value_test, value_verdict

SYSTEMS = (*spec().systems[:2], SystemSpec("c", "C"))


def judged(a: list[int], b: list[int], paper_a: float | None = None, paper_b: float | None = None) -> Table:
    """A table with so many hits of A and B among 100 users, one training for each entry; B is claimed to beat A.

    C is a third random system, since two alone tell too little of training noise.
    """
    runs: list[RunResult] = []
    for seed, (n_a, n_b) in enumerate(zip(a, b, strict=True), start=1):
        runs += [run("a", seed, hits(n_a, 100, at=seed)), run("b", seed, hits(n_b, 100, at=seed))]
        runs += [run("c", seed, hits(30 + seed % 2, 100, at=seed))]
    papers = [published(s, v) for s, v in (("a", paper_a), ("b", paper_b)) if v is not None]
    return judge_table(build_table(spec(seeds=tuple(range(1, len(a) + 1)), systems=SYSTEMS), runs, papers))


def verdicts(table: Table) -> list[str]:
    return [cell.verdict for row in table.rows for cell in row.cells if cell.system != "c"]


def test_values_reproduced_consistent_differing_and_inconclusive() -> None:
    table = judged([20, 20, 21, 20, 20], [40, 60, 20, 50, 30], 0.202, 0.40)
    assert verdicts(table) == ["reproduced", "inconclusive"]
    assert verdicts(judged([40, 42, 41, 40, 42], [42, 40, 41, 42, 40], 0.43, 0.43)) == ["consistent", "consistent"]
    assert verdicts(judged([20, 21, 20, 21, 20], [20, 20, 21, 20, 21], 0.15, 0.30)) == ["differs", "differs"]


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_seeds_speak_by_users_only(n: int) -> None:
    assert verdicts(judged([20] * n, [90] * n, 0.2, 0.2)) == ["inconclusive", "differs by users only"]
    table = judged([10] * n, [98] * n, 0.2, 0.98)
    assert verdicts(table)[1] == "reproduced by users only"
    assert exit_code(table) == 1


def test_a_number_that_one_more_training_may_give_does_not_differ() -> None:
    """The paper's number was treated as exact; with more seeds it differed more significantly."""
    assert verdicts(judged([30, 40, 35, 45, 25] * 2, [50, 51] * 5, 0.42, 0.505)) == ["inconclusive", "reproduced"]


def popularity(value: float, decimals: int = 4) -> Cell:
    table = build_table(spec(), [run("pop", None, hits(8, 100))], [published("pop", value, decimals=decimals)])
    return table.rows[0].cells[0]


def word(cell: Cell) -> ValueVerdict:
    return value_verdict(cell, value_test(cell, spec(margin_relative=0.05), []))


def test_a_system_without_randomness_is_compared_exactly() -> None:
    cell = popularity(0.08)
    assert word(cell) == "reproduced"
    assert word(replace(cell, seedless=False)) == "inconclusive"
    assert word(popularity(0.0838)) == "reproduced"
    assert word(popularity(0.0846)) == "differs"


def test_the_margin_is_all_that_may_be_off() -> None:
    """Rounding was added to the margin: 12.6 % off was reproduced in a table that says 5 %."""
    assert word(popularity(0.0842)) == "reproduced"  # 4.99 %
    assert word(popularity(0.0843)) == "differs"  # 5.1 %, and it does not print so
    assert word(popularity(0.1, decimals=1)) == "consistent"  # 20 %, and it prints so


def test_gaps_and_unpublished_values_have_verdicts_of_their_own() -> None:
    runs = [run("a", 1, None, reason="boom"), run("pop", None, hits(8, 100))]
    table = judge_table(build_table(spec(seeds=(1,)), runs, [published("a", 0.1)]))
    assert verdicts(table) == ["unpublished", "failed", "not run"]
    assert [row.verdict for row in table.claims] == ["not run"]  # b, the better one, comes first
    assert exit_code(table) == 1


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([10, 11, 12], [40, 41, 42], "supported"),
        ([40, 41, 42], [10, 11, 12], "contradicted"),
        ([10, 10, 10], [11, 12, 11], "direction only"),
        ([11, 12, 11], [10, 10, 10], "opposite direction"),
        ([10, 10, 10], [60, 12, 11], "direction only"),  # users find it, seeds might not
        ([60, 12, 11], [10, 10, 10], "opposite direction"),
        ([10, 10, 10], [10, 12, 10], "inconclusive"),
        ([10, 10, 10], [10, 10, 10], "inconclusive"),
        ([10], [40], "supported by users only"),  # the result of another seed is unknown
        ([40], [10], "contradicted by users only"),
    ],
)
def test_claims(a: list[int], b: list[int], verdict: str) -> None:
    (row,) = judged(a, b).claims
    assert row.verdict == verdict


def test_exit_code_is_zero_only_where_all_holds() -> None:
    good = judged([20, 21, 20, 20, 20], [40, 41, 40, 40, 40], 0.202, 0.402)
    assert exit_code(good) == 0
    assert exit_code(judged([20, 21, 20, 20, 20], [40, 41, 40, 40, 40], 0.202, 0.5)) == 1
    assert exit_code(judged([20, 21, 20, 20, 20], [21, 20, 20, 20, 20])) == 1
    assert exit_code(judged([20], [40], 0.2, 0.4)) == 1  # one seed, for any verdict
    rows = tuple(replace(r, cells=tuple(replace(c, disagrees=True) for c in r.cells)) for r in good.rows)
    assert exit_code(replace(good, rows=rows)) == 1


def test_a_demonstration_counts_its_claims() -> None:
    assert exit_code(judged([10, 11, 12], [40, 41, 42])) == 0


def test_nothing_holds_before_it_is_judged() -> None:
    table = build_table(spec(), [run("pop", None, hits(8, 100))])
    assert exit_code(table) == 1


def test_a_run_that_is_missing_is_not_forgiven() -> None:
    """Three of four seeds hold the claim, the fourth failed: what was asked for does not hold."""
    found = [(seed, s, n + seed) for seed in (1, 2, 3) for s, n in (("a", 10), ("b", 40), ("c", 30))]
    runs = [run(s, seed, hits(n, 100)) for seed, s, n in found]
    table = judge_table(
        build_table(spec(systems=SYSTEMS, seeds=(1, 2, 3, 4)), [*runs, run("a", 4, None), run("b", 4, hits(44, 100))])
    )
    assert [row.verdict for row in table.claims] == ["supported"]
    assert exit_code(table) == 1


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([10, 11, 12], [40, 41, 42], "better"),
        ([40, 41, 42], [10, 11, 12], "worse"),
        ([10, 10, 10], [11, 10, 10], "inconclusive"),
        ([10], [40], "better by users only"),
        ([40], [10], "worse by users only"),
    ],
)
def test_a_loss_that_was_put_in_supports_nothing_and_contradicts_nothing(
    a: list[int], b: list[int], verdict: str
) -> None:
    every = (("a", a), ("b", b), ("c", [30 + n for n in range(len(a))]))
    runs = [run(s, seed, hits(n, 100, at=seed)) for s, of in every for seed, n in enumerate(of, start=1)]
    made = spec(systems=SYSTEMS, seeds=tuple(range(1, len(a) + 1)), claims=(Claim("b", "a", "HIT@10", own=True),))
    table = judge_table(build_table(made, runs))
    assert [row.verdict for row in table.claims] == [verdict]
    assert exit_code(table) == 0


def constant(better: int, worse: int, n_users: int, n_seeds: int) -> Table:
    """Every user has one rank with one system and another with the other, for all seeds."""
    runs = [
        run(s, seed, ranks([place] * n_users, tied=[seed] * n_users))
        for seed in range(1, n_seeds + 1)
        for s, place in (("a", worse), ("b", better))
    ]
    made = spec(
        systems=spec().systems[:2], seeds=tuple(range(1, n_seeds + 1)), datasets=(replace(DATA, users=n_users),)
    )
    return judge_table(build_table(made, runs, [published("a", 0.0), published("b", 1.0)]))


DATA = spec().datasets[0]


@pytest.mark.parametrize("n_seeds", [1, 2, 5])
def test_two_users_support_nothing_however_sure_a_spread_of_zero_seems(n_seeds: int) -> None:
    """Two users and two seeds were "supported" with p < 0.001, despite exact tests with 0.50."""
    table = constant(1, 100, 2, n_seeds)
    (row,) = table.claims
    assert row.comparison is not None
    assert row.comparison.p == 0.5
    assert row.verdict == "direction only"
    assert set(verdicts(table)) == {"inconclusive"}  # seeds that never differ tell nothing of their noise


def test_a_gain_of_rounding_is_no_gain() -> None:
    """0.1 + 0.2 against 0.3: the difference of 1e-17 had a direction."""
    runs = [run("a", s, hits(n, 100)) for s, n in ((1, 1), (2, 2), (3, 3))]
    runs += [run("b", s, hits(n, 100, first=50)) for s, n in ((1, 3), (2, 2), (3, 1))]
    (row,) = judge_table(build_table(spec(systems=spec().systems[:2]), runs)).claims
    assert row.comparison is not None
    assert row.comparison.gain == 0
    assert row.verdict == "inconclusive"


def test_what_is_not_random_needs_no_seeds() -> None:
    """Two systems without randomness could never be supported, so the exit code was 1 for ever."""
    runs = [run("a", None, hits(10, 100)), run("b", None, hits(40, 100))]
    table = judge_table(build_table(spec(systems=spec().systems[:2]), runs, [published("b", 0.4)]))
    assert [row.verdict for row in table.claims] == ["supported"]
    assert exit_code(table) == 0


def test_a_tight_null_is_no_difference() -> None:
    users = 20_000
    made = spec(systems=SYSTEMS, datasets=(replace(DATA, users=users),), seeds=(1, 2, 3, 4, 5))
    runs = []
    for seed in made.seeds:
        runs += [run("a", seed, hits(10_000 + seed % 2, users, at=seed))]
        runs += [run("b", seed, hits(10_001 - seed % 2, users, at=seed))]
        runs += [run("c", seed, hits(9_000 + seed, users))]
    (row,) = judge_table(build_table(made, runs)).claims
    assert row.verdict == "no difference"


def test_systems_without_a_common_seed_are_not_compared() -> None:
    runs = [run("a", 1, hits(10, 100)), run("b", 2, hits(10, 100))]
    table = judge_table(build_table(spec(systems=spec().systems[:2]), runs))
    assert [row.verdict for row in table.claims] == ["not compared"]
    assert [note.text for note in table.notes if note.kind == "not compared"] == ["have no seed in common"]


@pytest.mark.parametrize(
    ("paper", "size"),
    [((0.10, 0.40), "as printed"), ((0.10, 0.95), "smaller than printed"), ((0.1, 0.15), "larger than printed")],
)
def test_beside_the_sign_of_a_gain_stands_its_size(paper: tuple[float, float], size: str) -> None:
    """A gain of 1 % "supported" a printed one of 380 %."""
    table = judged([10, 11, 12, 10, 11], [40, 41, 42, 41, 40], *paper)
    assert table.claims[0].verdict == "supported"
    assert table.claims[0].size == size
    assert judged([10], [40], *paper).claims[0].size == "unclear"


def test_open_verdicts_say_how_many_seeds_would_settle_them() -> None:
    table = judged([10, 14, 18], [20, 14, 23], 0.14, 0.19)
    (row,) = table.claims
    cell = table.rows[0].cells[0]
    assert row.comparison is not None
    assert cell.test is not None
    for needed in (row.comparison.needed, cell.test.needed):
        assert needed is not None
        assert 3 < needed.low <= needed.likely <= needed.high
    settled = judged([20, 21, 20, 20, 20], [40, 41, 40, 40, 40], 0.202, 0.402)
    assert settled.claims[0].comparison is not None
    assert settled.claims[0].comparison.needed is None


def test_released_weights_are_one_training_although_nothing_is_random() -> None:
    """Two files of weights gave an unqualified "supported", which does not generalise to other trainings."""
    runs = [run("a", None, hits(10, 100)), run("b", None, hits(60, 100))]
    exact = judge_table(build_table(spec(), runs))
    assert [row.verdict for row in exact.claims] == ["supported"]
    systems = tuple(replace(system, trained_once=system.key != "pop") for system in spec().systems)
    released = judge_table(build_table(spec(systems=systems), runs, [published("a", 0.1)]))
    assert [row.verdict for row in released.claims] == ["supported by users only"]
    assert (verdicts(released)[1], exit_code(released)) == ("reproduced", 1)
