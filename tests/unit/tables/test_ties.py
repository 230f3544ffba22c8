"""What ties do to a table: bounds where a printed digit depends on them, and verdicts that turn with their rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_tables import hits, published, run, spec

from harness.core.results import Ranks, RunResult
from harness.report.sentences import note_line
from harness.tables.model import SystemSpec, Table
from harness.tables.ties import judged_table
from harness.tables.verdicts import judge_table


def tied(found: Ranks, n_users: int, n_tied: int) -> Ranks:
    """The ranks with that many equal scores for the first users."""
    return replace(found, tied=np.where(np.arange(len(found.users)) < n_users, n_tied, found.tied))


def runs(n_users: int, n_tied: int) -> list[RunResult]:
    """Three seeds: a has 40 hits, b at best 60 to 62, the first of them where scores of so many users are tied."""
    found = [run("a", seed, hits(40 + seed, 100, first=50)) for seed in (1, 2, 3)]
    return found + [run("b", seed, tied(hits(60 + seed, 100), n_users, n_tied)) for seed in (1, 2, 3)]


def lines(table: Table, *kinds: str) -> list[str]:
    return [note_line(table.spec, note) for note in table.notes if note.kind in kinds]


def test_bounds_stand_where_ties_change_a_printed_digit() -> None:
    """Regression: constant scores gave 0.0000 or 1.0000 without a note."""
    found = lines(judged_table(spec(), runs(30, 40)), "ties")
    assert found[0] == (
        "‡ HIT@10: tied scores would change a printed digit of B (0.3200 with the held-out item last among equals, "
        "0.6200 with it first)."
    )
    assert not lines(judged_table(spec(), runs(0, 1)), "ties")


def test_a_verdict_that_turns_with_the_tie_rule_says_so() -> None:
    table = judged_table(spec(), runs(30, 40), [published("b", 0.32)])
    (claim,) = table.claims
    assert claim.verdict == "opposite direction"
    first = "with the held-out item first among equal scores"
    assert lines(table, "tie rule") == [
        f"‡ HIT@10, B: consistent, but inconclusive {first}.",
        f"‡ HIT@10, B > A: opposite direction, but direction only {first}.",
    ]


def test_ties_that_turn_no_verdict_add_no_line_and_change_nothing() -> None:
    few = judged_table(spec(), runs(2, 12))
    assert lines(few, "ties")
    assert not lines(few, "tie rule")
    assert judge_table(few).claims == few.claims


def test_below_the_floor_only_by_the_tie_rule_says_so() -> None:
    """Scores of b are equal for most users: 0 by the rule for ties, above popularity with the other one."""
    three = spec(systems=(*spec().systems, SystemSpec("c", "C")), claims=())
    others = [run(name, seed, hits(80 + 3 * seed, 100)) for name in "ac" for seed in (1, 2, 3)]
    unlucky = [run("b", seed, tied(hits(92 + seed, 100), 92, 40)) for seed in (1, 2, 3)]
    table = judged_table(three, [run("pop", None, hits(40, 100)), *others, *unlucky])
    assert lines(table, "floor") == ["HIT@10: significantly below Popularity (0.4000): B 0.0200."]
    first = "with the held-out item first among equal scores"
    assert lines(table, "tie rule") == [f"‡ HIT@10, B: significantly below the floor, but not {first}."]
    bad = [run("b", seed, hits(2 + seed, 100, first=50)) for seed in (1, 2, 3)]
    table = judged_table(three, [run("pop", None, tied(hits(40, 100), 2, 30)), *others, *bad])
    assert lines(table, "ties")
    assert lines(table, "floor")
    assert not lines(table, "tie rule")


def test_below_the_floor_by_one_training_is_by_users_only() -> None:
    table = judged_table(spec(seeds=(1,)), [run("pop", None, hits(40, 100)), run("b", 1, hits(2, 100))])
    assert lines(table, "floor") == ["HIT@10: significantly below Popularity (0.4000), by users only: B 0.0200."]
