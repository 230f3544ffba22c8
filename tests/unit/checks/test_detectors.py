"""Alarms: opened once, open, closed after three calm nights, accepted; and how rarely they are false (slow)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from harness.checks import simulated
from harness.checks.detectors import alarms
from harness.checks.history import History
from harness.checks.simulated import SPREADS, World, path_quarters, trend_quarters

FIRST = date(2026, 11, 1)


def line(night: int, outcome: str = "left", known: bool = False, value: float = 0.04, **more: Any) -> dict[str, Any]:
    """A line of a rerun."""
    return {
        "night": (FIRST + timedelta(night)).isoformat(), "key": "aa", "class": "c1", "depth": "full",
        "outcome": outcome, "upstream": "u", "dataset": "d", "system": "s", "seed": 1, "known": known, "cell": "cell",
        "metrics": {"NDCG@10": value, "HIT@10": 2 * value}, **more,
    }  # fmt: skip


def tonight(lines: list[dict[str, Any]], night: int, accepted: tuple[int, ...] = ()) -> dict[tuple[str, str], str]:
    """States of alarms by stream and metric, with 11 streams."""
    history = History(None).with_lines([n for n in lines if n["night"] <= (FIRST + timedelta(night)).isoformat()])
    history.__dict__["accepted"] = [
        {"night": (FIRST + timedelta(n)).isoformat(), "streams": ["s on d", "u"]} for n in accepted if n <= night
    ]
    seeds = {"cell": {"NDCG@10": [0.04, 0.041, 0.039, 0.0405, 0.0395], "HIT@10": [0.08, 0.081, 0.079, 0.0805, 0.0795]}}
    found = alarms(history, seeds, 11, 1000, (FIRST + timedelta(night)).isoformat())
    return {(alarm.stream, alarm.metric): alarm.state for alarm in found}


def test_paths_that_are_left_again_and_again_open_an_alarm_once() -> None:
    lines = [line(n) for n in range(8)]
    states = [tonight(lines, night).get(("s on d", "paths")) for night in range(8)]
    assert states == [None, None, None, "opened", "open", "open", "open", "open"]  # 18^4 > 11,000
    assert tonight(lines, 3)[("u", "paths")] == "opened"


def test_a_path_left_now_and_then_is_no_alarm_and_known_classes_play_no_part() -> None:
    lines = [line(n, "left" if n % 10 == 0 else "near") for n in range(60)]
    assert tonight(lines, 59) == {}
    assert ("s on d", "paths") not in tonight([line(n, "left", known=True) for n in range(10)], 9)


def test_an_alarm_is_closed_after_three_calm_nights_and_told_once() -> None:
    lines = [line(n) for n in range(5)] + [line(n, "held") for n in range(5, 12)]
    states = [tonight(lines, night).get(("u", "paths")) for night in range(3, 12)]
    assert states == ["opened", "open", "open", "open", "closed", None, None, None, None]


def test_an_accepted_change_ends_its_alarms() -> None:
    lines = [line(n) for n in range(5)]
    assert tonight(lines, 4)[("u", "paths")] == "open"
    assert tonight(lines, 4, accepted=(4,)) == {
        ("s on d", "paths"): "accepted", ("u", "paths"): "accepted"
    } | {key: "accepted" for key in tonight(lines, 4) if key[1] != "paths"}  # fmt: skip
    assert tonight(lines, 5, accepted=(4,)) == {}
    again = lines + [line(n) for n in range(10, 15)]
    assert tonight(again, 13, accepted=(4,))[("u", "paths")] == "opened"


def test_a_metric_that_falls_opens_an_alarm_with_its_size() -> None:
    lines = [line(n, "within seeds", known=True, value=0.04 + 0.0005 * (-1) ** n) for n in range(20)]
    assert tonight(lines, 19) == {}
    lines += [line(n, "outside seeds", known=True, value=0.036 + 0.0005 * (-1) ** n) for n in range(20, 30)]
    history = History(None).with_lines(lines)
    history.__dict__["accepted"] = []
    found = {a.metric: a for a in alarms(history, {}, 11, 1000, (FIRST + timedelta(29)).isoformat())}
    assert found["NDCG@10"].state == "open"
    assert found["NDCG@10"].onset >= (FIRST + timedelta(20)).isoformat()


def test_the_simulation_is_the_same_for_one_seed() -> None:
    assert path_quarters(World(), 20, 1) == path_quarters(World(), 20, 1)
    assert trend_quarters(0.2, SPREADS[:3], 2, 1) == trend_quarters(0.2, SPREADS[:3], 2, 1)
    assert path_quarters(World(new=0.0), 20, 1) == simulated.Found(0.0, ())
    assert path_quarters(World(new=0.0, changed=10), 20, 1) == simulated.Found(1.0, (1,) * 20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("new", "leave", "most", "one_median", "one_late"),
    [(0.0, 0.05, 0.0, 1, 2), (0.5, 0.05, 0.02, 2, 3), (1.0, 0.05, 0.035, 3, 4), (1.0, 0.01, 0.002, 3, 4)],
)
def test_quarters_on_processors(new: float, leave: float, most: float, one_median: int, one_late: int) -> None:
    """2,000 quarters: false alarms, and the nights until a change in one of ten systems, or in all, is found."""
    calm = path_quarters(World(new=new, leave=leave), 2000, 1)
    one = path_quarters(World(new=new, leave=leave, changed=1), 2000, 2)
    every = path_quarters(World(new=new, leave=leave, changed=10), 2000, 3)
    print(f"new {new}, leave {leave}: {calm.share:.2%}, one {one.quantile(0.5)} {one.quantile(0.9)}")  # noqa: T201
    assert calm.share <= most
    assert (one.share, every.share) == (1.0, 1.0)
    assert (one.quantile(0.5), one.quantile(0.9)) <= (one_median, one_late)
    assert every.quantile(0.9) == 1


@pytest.mark.slow
def test_quarters_without_determinism() -> None:
    """300 quarters after 60 quiet nights, with the noise of LastFM; without them small changes are not seen."""
    share = {drop: trend_quarters(drop, SPREADS, 300, 4).share for drop in (0.0, 0.01, 0.05, 0.2)}
    late = {drop: trend_quarters(drop, SPREADS, 300, 5).quantile(0.5) for drop in (0.05, 0.2)}
    cold = {drop: trend_quarters(drop, SPREADS, 300, 6, warm=0) for drop in (0.0, 0.05, 0.2)}
    print(share, late, {drop: (f.share, f.quantile(0.5), f.quantile(0.9)) for drop, f in cold.items()})  # noqa: T201
    assert share[0.0] <= 0.05
    assert share[0.01] <= 0.1
    assert share[0.05] >= 0.9
    assert share[0.2] == 1
    assert late[0.2] <= 2
    assert cold[0.0].share <= 0.05
    assert cold[0.2].share == 1
