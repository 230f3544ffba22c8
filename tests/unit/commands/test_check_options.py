"""Options of `harness check`: mistakes are named before anything is checked."""

from __future__ import annotations

import pytest

from harness.commands.check.options import chosen_parts, chosen_runs, seconds
from harness.core.errors import ArgumentError


def test_an_unknown_name_of_runs_is_refused() -> None:
    assert chosen_runs({"seed": "42|43", "model": "sasrec"}) == {"seed": ("42", "43"), "model": ("sasrec",)}
    with pytest.raises(ArgumentError, match="unknown name 'seeds'"):
        chosen_runs({"seeds": "42"})


def test_parts_are_those_of_the_tier_or_those_named() -> None:
    assert "images" in chosen_parts("weekly", [], [])
    assert "pins" not in chosen_parts("smoke", [], [])
    assert chosen_parts("smoke", ["tables", "pins"], ["pins"]) == ("tables",)
    with pytest.raises(ArgumentError, match="unknown part 'table'"):
        chosen_parts("smoke", ["table"], [])
    with pytest.raises(ArgumentError, match="leaves no part"):
        chosen_parts("smoke", ["tables"], ["tables"])


@pytest.mark.parametrize(("text", "expected"), [("90m", 5400), ("2h", 7200), ("45s", 45), ("300", 300), ("1.5m", 90)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-1m", "1d", "1h30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError):
        seconds(text)
