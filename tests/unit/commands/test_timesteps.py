"""Curves over time steps: counted from events, drawn the same way each time, every number in the CSV."""

from __future__ import annotations

import csv
import io

import pytest

from harness.commands.timesteps import steps
from harness.core.errors import ArgumentError
from harness.report.figures.timesteps import Curve, Step, svg, table

EVENTS = [
    {"event": "model", "name": "sasrec"},
    {"event": "position", "position": 50, "users": 4, "places": [1, 1, 0]},
    {"event": "position", "position": 49, "users": 3, "places": [0, 0, 1]},
]
CURVES = [Curve("CE & more", steps(EVENTS, 2)), Curve("BCE", steps(EVENTS, 3))]


def test_hits_are_those_in_the_first_places() -> None:
    assert steps(EVENTS, 2) == (Step(49, 3, 0), Step(50, 4, 2))
    assert steps(EVENTS, 3) == (Step(49, 3, 1), Step(50, 4, 2))
    assert steps(EVENTS[:1], 10) == ()


@pytest.mark.parametrize("k", [0, 4])
def test_places_that_were_not_counted_are_refused(k: int) -> None:
    with pytest.raises(ArgumentError, match=f"--at: {k} is not among the counted ranks"):
        steps(EVENTS, k)


def test_the_figure_is_the_same_each_time_and_names_its_curves() -> None:
    drawn = svg(CURVES, 10, "A title", "upstream:x")
    assert drawn == svg(CURVES, 10, "A title", "upstream:x")
    for text in ("CE &amp; more", "BCE", "HIT@10", "A title", "upstream:x"):
        assert text in drawn


def test_the_numbers_of_every_step() -> None:
    rows = list(csv.DictReader(io.StringIO(table(CURVES, 3, "upstream:x"))))
    assert [(r["system"], r["step"], r["users"], r["hits"]) for r in rows[2:]] == [
        ("BCE", "49", "3", "1"),
        ("BCE", "50", "4", "2"),
    ]
    assert rows[2]["HIT@3"] == "0.33333333"
    assert rows[2]["signature"] == "upstream:x"
