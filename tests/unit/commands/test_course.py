"""How far a training is and when it ends: from events of committed trainings, and from made ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from projects import ROOT

from harness.cli.progress_text import course_text, left_text
from harness.commands.course import Course, TimeLeft, course_of, expected_epochs, time_left

Events = list[dict[str, Any]]


def trainings() -> Iterator[tuple[Events, int, int]]:
    """Events of the epochs of each committed training that may stop early, its cap and its patience."""
    for path in (ROOT / "results" / "runs").glob("*/record.json"):
        words = " ".join(json.loads(path.read_text())["inputs"]["command"]).replace("=", " ").split()
        limits = [int(words[words.index(f"--{name}") + 1]) for name in ("epochs", "patience") if f"--{name}" in words]
        lines = (path.parent / "events.jsonl").read_text().splitlines() if len(limits) == 2 else []
        events = [event for line in lines if (event := json.loads(line))["event"] == "epoch"]
        if len(events) >= 5:
            yield events, limits[0], limits[1]


def test_what_is_foretold_of_committed_trainings_is_within_30_percent() -> None:
    """Epochs, since their times are the load of the machine that made the records."""
    n_foretold = n_trainings = 0
    for events, cap, patience in trainings():
        n_trainings += 1
        for n in range(2, len(events)):
            course = course_of(events[:n], cap, patience, events[n - 1]["t"])
            assert course.least_epochs <= len(events), "it stopped before early stopping could end it"
            epochs = expected_epochs(course, None)
            n_foretold += epochs is not None
            if epochs is not None:
                assert len(events) / 1.31 <= epochs <= 1.31 * len(events)
            assert expected_epochs(course, len(events)) in (len(events), epochs)
    assert n_trainings > 50
    assert n_foretold > 500


def epoch(number: int, best: bool = False) -> dict[str, Any]:
    """An epoch of ten seconds."""
    return {"event": "epoch", "epoch": number, "t": 10.0 * number + 10, "best": best, "loss": 1.5, "metric": "NDCG@10",
            "value": 0.25}  # fmt: skip


def test_a_training_without_early_stopping_ends_at_its_cap() -> None:
    course = course_of([epoch(0, True), epoch(1)], 12, None, seconds=24.0)
    assert time_left(course, None, []) == TimeLeft(96.0, 96.0)


def test_early_stopping_leaves_the_end_open_and_gives_the_least() -> None:
    course = course_of([epoch(0), epoch(1, True), epoch(2)], 200, 10, seconds=30.0)
    assert (course.best, course.first_stop) == (2, 12)
    assert time_left(course, None, []) == TimeLeft(None, 90.0)
    assert time_left(course, None, [5, 33]) == TimeLeft(None, 90.0, (90.0, 300.0))
    assert time_left(course, 33, []).seconds == 300.0
    assert time_left(course, 5, []).seconds is None  # not this training's record: it has not ended by then


def test_nothing_is_foretold_before_two_epochs_have_ended() -> None:
    for events in ([], [epoch(0, True)]):
        assert time_left(course_of(events, 200, 10, 5.0), 33, [33]) == TimeLeft()


def test_events_that_are_no_epochs_are_passed_over() -> None:
    assert course_of([{"event": "epoch", "epoch": "nan"}, {"event": "model"}], 9, None, 1.0) == Course(cap=9)


@pytest.mark.parametrize(
    ("course", "text"),
    [
        (Course(cap=9), "no epoch has ended yet"),
        (Course(epochs=3, loss=1.5), "epoch 3, loss 1.5"),
        (
            Course(3, 200, 0.51234, "HIT@10", 0.25, 2, 12),
            "epoch 3 of 200, loss 0.5123, HIT@10 0.2500 (best: epoch 2), may stop after 12",
        ),
    ],
)
def test_a_course_in_words(course: Course, text: str) -> None:
    assert course_text(course) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (TimeLeft(), "time left unknown"),
        (TimeLeft(61.0, 61.0), "about 1 min 01 s left"),
        (TimeLeft(None, 30.0), "time left unknown, at least 30 s"),
        (TimeLeft(None, 30.0, (30.0, 90.0)), "time left unknown (30 s to 1 min 30 s as other seeds)"),
    ],
)
def test_the_time_left_in_words(left: TimeLeft, text: str) -> None:
    assert left_text(left) == text
