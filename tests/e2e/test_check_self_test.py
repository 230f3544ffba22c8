"""The twelve planted cases, each with exactly its outcome; and a comparator that was broken is caught by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from projects import Project

from harness.checks import comparing
from harness.checks.comparing import Comparison
from harness.commands.check import self_test
from harness.core.config import load


def outcomes(project: Project, quick: bool = True) -> dict[str, tuple[str, str]]:
    """Outcome and what was found, by the number of each case."""
    config = load(project.folder, project.env)
    return {item.name.partition(" ")[0]: (item.outcome, item.what) for item in self_test.check(config, quick)}


def test_every_planted_case_has_exactly_its_outcome(project: Project) -> None:
    found = outcomes(project, quick=False)
    assert list(found) == [str(number) for number in range(1, 13)]
    assert {outcome for outcome, _ in found.values()} == {"held"}, found
    assert not (project.folder / "results").exists()


def always(**changes: Any) -> Callable[..., Comparison]:
    """A comparator that is blind, or sees what is not there."""
    whole = comparing.compare_full
    return lambda *arguments: replace(whole(*arguments), **changes)


@pytest.mark.parametrize(
    ("changes", "caught"),
    [
        ({"digest": "same", "equal": True}, {"2", "4", "8", "9"}),
        ({"equal": False, "near": True}, {"1", "2", "4", "9"}),
        ({"near": False}, {"8"}),
        ({"near": True}, {"9"}),
        ({"alien": True}, {"1", "2", "4", "8", "9"}),
    ],
)
def test_a_broken_comparator_is_caught(
    project: Project, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], caught: set[str]
) -> None:
    monkeypatch.setattr(comparing, "compare_full", always(**changes))
    found = {number for number, (outcome, _) in outcomes(project).items() if outcome == "broken"}
    assert found == caught


def test_a_broken_rule_is_caught(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "outcome", lambda _found, _anchor: "held")
    assert {"2", "4", "8", "9"} <= {n for n, (outcome, _) in outcomes(project).items() if outcome == "broken"}


def test_the_command_lists_the_cases_and_fails_where_one_does(project: Project) -> None:
    done = project.run("check", "self-test", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["1", "2", "4", "7", "8", "9"]
