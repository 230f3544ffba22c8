from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import hits, published, run, spec

from harness.core.results import Claim, RunResult
from harness.tables.build import Table, build_table
from harness.tables.verdicts import exit_code, judge_table, value_verdict


def judged(a: list[int], b: list[int], paper_a: float | None = None, paper_b: float | None = None) -> Table:
    """A table with so many hits of A and B among 100 users, one seed for each entry; B is claimed to beat A."""
    runs: list[RunResult] = []
    for seed, (n_a, n_b) in enumerate(zip(a, b, strict=True), start=1):
        runs += [run("a", seed, hits(n_a, 100)), run("b", seed, hits(n_b, 100))]
    papers = [published(s, v) for s, v in (("a", paper_a), ("b", paper_b)) if v is not None]
    systems = spec().systems[:2]
    return judge_table(build_table(spec(seeds=tuple(range(1, len(a) + 1)), systems=systems), runs, papers))


def verdicts(table: Table) -> list[str]:
    return [cell.verdict for row in table.rows for cell in row.cells]


def test_values_reproduced_differing_and_inconclusive() -> None:
    table = judged([20, 21, 20, 20, 20], [40, 60, 20, 50, 30], 0.202, 0.40)
    assert verdicts(table) == ["reproduced", "inconclusive"]
    assert verdicts(judged([20, 21, 20, 20, 20], [20, 20, 20, 20, 21], 0.15, 0.30)) == ["differs", "differs"]


def test_one_seed_rests_on_the_spread_over_users() -> None:
    assert verdicts(judged([20], [90], 0.2, 0.2)) == ["inconclusive", "differs"]


def test_a_system_without_randomness_is_compared_exactly() -> None:
    table = build_table(spec(), [run("pop", None, hits(8, 100))], [published("pop", 0.08)])
    cell = table.rows[0].cells[0]
    assert value_verdict(cell, 0.05) == "reproduced"
    assert value_verdict(replace(cell, seedless=False), 0.05) == "inconclusive"
    assert value_verdict(replace(cell, published=published("pop", 0.0842)), 0.05) == "reproduced"
    assert value_verdict(replace(cell, published=published("pop", 0.0846)), 0.05) == "differs"


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
        ([10, 10, 10], [11, 10, 10], "direction only"),
        ([10, 10, 10], [60, 12, 11], "direction only"),  # users find it, seeds might not
        ([60, 12, 11], [10, 10, 10], "inconclusive"),
        ([10, 10, 10], [10, 10, 10], "inconclusive"),
        ([10], [40], "supported by users only"),  # nobody knows what another seed would say
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
    rows = tuple(replace(r, cells=tuple(replace(c, disagrees=True) for c in r.cells)) for r in good.rows)
    assert exit_code(replace(good, rows=rows)) == 1


def test_a_demonstration_counts_its_claims() -> None:
    assert exit_code(judged([10, 11, 12], [40, 41, 42])) == 0


def test_nothing_holds_before_it_is_judged() -> None:
    table = build_table(spec(), [run("pop", None, hits(8, 100))])
    assert exit_code(table) == 1


def test_a_run_that_is_missing_is_not_forgiven() -> None:
    """Two of three seeds hold the claim, the third failed: what was asked for does not hold."""
    runs = [run(s, seed, hits(n, 100)) for seed in (1, 2) for s, n in (("a", 10 + seed), ("b", 40 + seed))]
    table = judge_table(
        build_table(spec(systems=spec().systems[:2]), [*runs, run("a", 3, None), run("b", 3, hits(43, 100))])
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
    runs = [run(s, seed, hits(n, 100)) for s, of in (("a", a), ("b", b)) for seed, n in enumerate(of, start=1)]
    made = spec(
        systems=spec().systems[:2], seeds=tuple(range(1, len(a) + 1)), claims=(Claim("b", "a", "HIT@10", own=True),)
    )
    table = judge_table(build_table(made, runs))
    assert [row.verdict for row in table.claims] == [verdict]
    assert exit_code(table) == 0
