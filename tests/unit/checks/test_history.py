"""The history: complete after a kill, anchors by class and depth, acceptance; and the order that follows from it."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checks import history as histories
from harness.checks.history import History
from harness.checks.order import Candidate, choose, learned_speed, looked, order

FIRST = date(2026, 11, 1)


def line(key: str = "aa", night: int = 0, outcome: str = "held", **more: Any) -> dict[str, Any]:
    """A line of a rerun."""
    return {
        "night": (FIRST + timedelta(night)).isoformat(), "key": key, "class": "c1", "depth": "full", "outcome": outcome,
        "upstream": "u", "dataset": "d", "system": f"s-{key}", "seed": 1, "ranks": f"r-{outcome}", **more,
    }  # fmt: skip


def of(*lines: dict[str, Any], accepted: list[dict[str, Any]] | None = None) -> History:
    """A history in memory."""
    made = History(None).with_lines(list(lines))
    made.__dict__["accepted"] = accepted or []
    return made


def test_lines_come_back_and_half_a_line_is_passed_over(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add("2026-11-01", [line("aa"), line("bb")])
    path = tmp_path / "2026-11.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"night": "2026-11-02", "key')  # killed while writing
    assert [found["key"] for found in History(tmp_path).lines] == ["aa", "bb"]
    History(tmp_path).add("2026-11-03", [line("cc", 2)])
    assert [found["key"] for found in History(tmp_path).lines] == ["aa", "bb", "cc"]
    assert History(tmp_path).lines[-1] == line("cc", 2)
    assert path.read_bytes().startswith(whole)


def test_nights_classes_and_acceptance_have_files_of_their_own(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add_night({"night": "2026-11-02", "exit": 0})
    history.add_night({"night": "2026-11-01", "exit": 1})
    history.add_classes({"c1": {"machine": "x"}})
    history.add_classes({"c2": {"machine": "y"}})
    history.accept([{"night": "2026-11-01", "key": "aa"}])
    fresh = History(tmp_path)
    assert [night["exit"] for night in fresh.nights] == [1, 0]
    assert json.loads((tmp_path / "classes.json").read_text()) == {"c1": {"machine": "x"}, "c2": {"machine": "y"}}
    assert fresh.accepted == [{"night": "2026-11-01", "key": "aa"}]
    assert History(None).lines == History(tmp_path / "none").nights == []


def test_an_anchor_is_of_one_key_class_and_depth() -> None:
    history = of(line(), line(night=1, outcome="changed"), line("bb", depth="prefix", curve="c", outcome="near"))
    assert history.anchor("aa", "c1", "full") == "r-held"  # a changed run is not an anchor
    assert history.anchor("aa", "c2", "full") is None
    assert history.anchor("aa", "c1", "prefix") is None
    assert history.anchor("bb", "c1", "prefix") == "c"
    assert of(line(outcome="left")).anchor("aa", "c1", "full") is None


def test_an_accepted_change_is_the_anchor_from_then_on() -> None:
    entry = {"night": "2026-11-02", "key": "aa", "class": "c1", "depth": "full", "digest": "new"}
    before, changed = line(), line(night=1, outcome="changed")
    assert of(before, changed, accepted=[entry]).anchor("aa", "c1", "full") == "new"
    later = line(night=5, ranks="newest")
    assert of(before, changed, later, accepted=[entry]).anchor("aa", "c1", "full") == "newest"


def candidate(key: str, seconds: float = 10, system: str = "", **more: Any) -> Candidate:
    """A run that may be run again."""
    return Candidate(key, "u", "d", system or f"s-{key}", 1, "c1", seconds, **more)


def keys(history: History, *candidates: Candidate, night: int = 20, **asked: Any) -> list[tuple[str, str]]:
    """Keys and depths of a night's choices."""
    given_ = {"depth": "full", "seconds": 1e6, "speed": 1.0, **asked}
    return [(c.key, depth) for c, depth in choose(candidates, history, FIRST + timedelta(night), **given_)]


def test_the_order_of_urgency() -> None:
    history = of(
        line("held", 19), line("old", 15), line("suspect", 19, "left"), line("stale", 3), line("known", 18),
        line("second", 3, system="s-stale"),
    )  # fmt: skip
    there = [
        candidate("held"), candidate("old"), candidate("suspect"), candidate("stale"),
        candidate("rekeyed", rekeyed=True), candidate("second", system="s-stale"), candidate("new", system="s-held"),
    ]  # fmt: skip
    found = [key for key, _ in keys(history, *there)]
    assert found == ["suspect", "rekeyed", "second", "new", "stale", "old", "held"]


def test_one_seed_of_each_system_goes_first_after_a_week() -> None:
    seeds = [candidate(f"{system}{seed}", system=system) for system in "ab" for seed in range(3)]
    found = [key for key, _ in keys(of(line("z", 0)), *seeds)]
    assert [key[0] for key in found[:2]] == ["a", "b"]
    assert sorted(found) == sorted(seed.key for seed in seeds)
    assert len(keys(of(), *seeds, one_seed=True)) == 2


def test_the_budget_keeps_a_part_for_confirmations_and_never_takes_what_does_not_fit() -> None:
    there = [candidate("a", 40), candidate("b", 30), candidate("c", 20)]
    assert keys(of(), *there, seconds=100) == [("c", "full"), ("b", "full")]  # 85 s: 20 + 30, then 40 does not fit
    assert keys(of(), *there, seconds=100, speed=2.0) == [("c", "full")]
    assert keys(of(), *there, seconds=10) == []


def test_every_prefix_that_fits_then_the_stalest_to_the_end() -> None:
    there = [candidate("a", 40, prefix_s=5), candidate("b", 40, prefix_s=5), candidate("floor", 1)]
    history = of(line("a", 10), line("b", 9))
    found = keys(history, *there, depth="auto", seconds=60)
    assert sorted(found) == [("a", "prefix"), ("b", "full"), ("floor", "full")]
    assert sorted(keys(history, *there, depth="prefix")) == [("a", "prefix"), ("b", "prefix"), ("floor", "full")]
    suspect = of(line("a", 19, "left"))
    assert keys(suspect, *there, depth="auto", seconds=60)[0] == ("a", "full")


def test_speed_is_learned_on_each_class() -> None:
    lines = [line(seconds=20.0, expected=10.0), line(seconds=30.0, expected=10.0), line(seconds=5.0, expected=5.0)]
    assert learned_speed(lines, "c1", 1.5) == 2.0
    assert learned_speed(lines, "c2", 1.5) == 1.5


KEYS = st.sampled_from([f"k{i}" for i in range(8)])
LINES = st.lists(
    st.tuples(KEYS, st.integers(0, 25), st.sampled_from(["held", "near", "left", "changed", "failed", "unchecked"])),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(0, 2**16), st.floats(1, 200), st.sampled_from(["auto", "prefix", "full"]))
def test_a_night_is_a_function_of_history_and_date_within_its_budget(
    rows: list[tuple[str, int, str]], shuffle: int, seconds: float, depth: str
) -> None:
    history = of(*(line(key, night, outcome) for key, night, outcome in rows))
    there = [candidate(f"k{i}", 3.0 + i, system=f"s{i % 3}", prefix_s=1.0 if i % 2 else None) for i in range(8)]
    other = random.Random(shuffle).sample(there, len(there))
    first, second = (
        choose(found, history, FIRST + timedelta(26), depth=depth, seconds=seconds, speed=1.5)
        for found in (there, other)
    )
    assert first == second
    assert sum(c.seconds(deep) * 1.5 for c, deep in first) <= 0.85 * seconds + 1e-9
    assert len({c.key for c, _ in first}) == len(first)
    ordered = order(there, history, looked(history.lines), FIRST + timedelta(26))
    assert sorted(c.key for c in ordered) == sorted(c.key for c in there)


@pytest.mark.parametrize("text", ["", "[]\n", "not json\n", '{"key": 1}\n'])
def test_what_is_no_line_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "2026-11.jsonl").write_text(text)
    assert list(histories.read_lines(tmp_path / "2026-11.jsonl")) == []
