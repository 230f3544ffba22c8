"""Messages that say where, what and what to do; one exit code per remedy."""

from __future__ import annotations

import inspect

import pytest

from harness.core import errors
from harness.core.errors import HarnessError, near_misses

CODES = {
    "ArgumentError": 2, "ConfigError": 2, "RecipeError": 2, "PatchError": 2,
    "SourceError": 3, "CommitGoneError": 3, "DatasetError": 3, "SetupError": 3, "StoreError": 3,
    "RunError": 4, "MetricsError": 4,
    "Interrupted": 130,
}  # fmt: skip


def classes() -> dict[str, type[HarnessError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, HarnessError) and kind is not HarnessError}


def test_every_class_has_the_exit_code_of_its_remedy() -> None:
    assert {name: kind.exit_code for name, kind in classes().items()} == CODES


@pytest.mark.parametrize(
    ("what", "brief"),
    [
        ("no such file", "no such file"),
        ("", ""),
        ("failed with status 1:\n    some\n    Error: exists", "failed with status 1: Error: exists"),
    ],
)
def test_the_brief_cause_has_the_line_in_which_a_program_says_what_failed(what: str, brief: str) -> None:
    assert HarnessError("environment torch", what).brief == brief


def test_no_error_can_be_mistaken_for_a_verdict_or_for_success() -> None:
    assert not {0, 1} & {kind.exit_code for kind in (HarnessError, *classes().values())}


@pytest.mark.parametrize("name", CODES)
def test_the_tree_at_the_top_of_the_module_names_every_class(name: str) -> None:
    assert name in (errors.__doc__ or "")


def test_a_message_has_place_cause_and_way_out() -> None:
    error = HarnessError("recipes/a.yaml", "unknown dataset 'ml1m'", "did you mean 'ml-1m'?")
    assert str(error) == "recipes/a.yaml: unknown dataset 'ml1m'\n  fix: did you mean 'ml-1m'?"
    assert (error.where, error.what, error.fix) == error.args


def test_a_message_without_a_fix_is_one_line() -> None:
    assert str(HarnessError("git", "failed")) == "git: failed"


def test_near_misses_come_first_then_all_known_in_order() -> None:
    text = near_misses("ml1m", ["steam", "ml-20m", "ml-1m"])
    assert text == "did you mean 'ml-1m' or 'ml-20m'? known: ml-1m, ml-20m, steam"


def test_what_resembles_nothing_gets_only_the_known() -> None:
    assert near_misses("zzz", ["steam", "beauty"]) == "known: beauty, steam"
    assert near_misses("zzz", []) == "known: (none)"
