"""Tables of several code bases side by side: orders within each, equal candidates in all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_tables import hits, run, spec

from harness.core.results import Claim, RunResult
from harness.report import joined as words
from harness.tables.build import build_table
from harness.tables.joined import JoinedPart, JoinedTable, of_equal_candidates
from harness.tables.verdicts import judge_table


def part(name: str, a: int, b: int | None, n_tests: int = 4) -> JoinedPart:
    """A code base in which a and b hit so many of 100 users; b is claimed to beat a."""
    runs = [run("a", 1, hits(a, 100)), run("b", 1, None if b is None else hits(b, 100), reason="killed")]
    asked = spec(
        systems=spec().systems[:2],
        seeds=(1,),
        claims=(Claim("b", "a", "HIT@10"),),
        n_family=n_tests,
        correction="bonferroni",
    )
    return JoinedPart(name, name.upper(), judge_table(build_table(asked, runs)))


def table(*parts: JoinedPart) -> JoinedTable:
    """The code bases joined."""
    differs = (("length", tuple("50" for _ in parts)),)
    return JoinedTable(
        "cross/two", "Two_losses", "Data", "items", ("HIT@10",), {"a": "bce", "b": "all"}, parts, differs
    )


def test_a_loss_has_the_same_place_everywhere_or_not() -> None:
    same = table(part("x", 10, 60), part("y", 20, 30))
    assert [same.order(p, "HIT@10") for p in same.parts] == [("b", "a")] * 2
    assert same.agrees("HIT@10", "a") is True
    other = table(part("x", 10, 60), part("y", 30, 20))
    assert other.agrees("HIT@10", "a") is False
    assert words.orders(other) == [("HIT@10", ("all > bce", "bce > all"), "no")]


def test_an_order_with_a_gap_is_unknown_and_the_gap_is_told() -> None:
    found = table(part("x", 10, 60), part("y", 20, None))
    assert found.agrees("HIT@10", "a") is None
    assert [line.agrees for line in words.lines(found)] == ["unknown", "unknown"]
    assert "Y: all, seed 1: killed" in words.notes(found)
    assert words.lines(found)[1].values[1].text == "failed"


def test_claims_are_tested_within_a_code_base_and_corrected_for_all() -> None:
    found = table(part("x", 10, 60), part("y", 20, 30))
    (first, second) = [(label, line.verdict) for label, line in words.claims(found)]
    assert first == ("X", "supported by users only")
    assert second[0] == "Y"
    (row,), (alone,) = (p.table.claims for p in (found.parts[1], part("y", 20, 30, n_tests=1)))
    assert row.comparison is not None
    assert alone.comparison is not None
    assert row.comparison.p_adjusted == pytest.approx(4 * alone.comparison.p_adjusted)


def test_what_differs_stands_as_rows_of_every_format() -> None:
    files = words.files(table(part("x", 10, 60), part("y", 20, 30)))
    assert "| length | 50 | 50 |" in files[".md"]
    assert "length & 50 & 50 \\\\" in files[".tex"]
    assert "Two\\_losses" in files[".tex"]
    rows = files[".csv"].splitlines()
    assert rows[1].startswith("cross/two,Data,items,HIT@10,a,x,0.1,2,a-1,")
    assert len(rows) == 1 + 2 * 2


def ranked(key: str, candidates: int, users: int = 3) -> RunResult:
    """A run with so many candidates for each user."""
    found = hits(1, users)
    return RunResult(key, "d", "a", 1, "finished", ranks=replace(found, candidates=np.full(users, candidates)))


def test_a_run_with_other_candidates_is_a_gap() -> None:
    runs = {"x": [ranked("1", 500)], "y": [ranked("2", 500)], "z": [ranked("3", 501), ranked("4", 500, users=4)]}
    found = of_equal_candidates(runs)
    assert [r.status for r in found["x"] + found["y"]] == ["finished", "finished"]
    assert [(r.status, r.ranks) for r in found["z"]] == [("failed", None)] * 2
    assert found["z"][0].reason == "its users or their candidates are not those of the other code bases"


def test_without_runs_nothing_is_checked() -> None:
    missing = RunResult("1", "d", "a", 1, "missing", "not run")
    assert of_equal_candidates({"x": [missing]}) == {"x": [missing]}
