"""The one comparison of a rerun: which outcome each planted difference has, on a class with and without an anchor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_records import N_USERS, columns, record

from harness.checks.comparing import (
    Comparison,
    Limits,
    compare_full,
    compare_prefix,
    outcome,
    rank_columns,
    ranks_digest,
)

LIMITS = Limits()
Ranks = dict[str, np.ndarray]


def shifted(users: slice | list[int], places: int, *views: str) -> Ranks:
    """Ranks in which these users' items are this much worse."""
    found = columns()
    for view in views or ("printed", "all"):
        found[f"above_{view}"][users] += places
    return found


def plus_tie() -> Ranks:
    """Ranks in which one user far behind shares its place with another item."""
    found = columns()
    found["tied_printed"][300] += 1
    return found


def with_another_view() -> Ranks:
    """Ranks with a view that records did not have when the old one was made."""
    found = columns()
    return found | {f"{name}_items": found[f"{name}_all"] for name in ("above", "tied", "candidates")}


def without_view(view: str) -> Ranks:
    """Ranks that lack a view."""
    return {name: column for name, column in columns().items() if not name.endswith(f"_{view}")}


@pytest.mark.parametrize(
    ("ranks", "moved", "places", "new", "known"),
    [
        (columns, 0, 0.0, "held", "held"),
        (lambda: shifted([200, 201, 202, 203, 204], 1), 5, 1.0, "near", "changed"),
        (lambda: shifted([200, 201, 202, 203, 204, 205], 1), 6, 1.0, "left", "changed"),  # more than 1 % of 500
        (lambda: shifted([200], 2), 1, 2.0, "near", "changed"),
        (lambda: shifted([200], 3), 1, 3.0, "left", "changed"),
        (lambda: shifted([9], 1), 1, 1.0, "left", "changed"),  # from place 10 to 11: a hit is lost
        (lambda: shifted(slice(None), 1), N_USERS, 1.0, "left", "changed"),
        (lambda: shifted([200], 1, "all"), 1, 1.0, "near", "changed"),  # in one view only
        (plus_tie, 1, 0.5, "near", "changed"),
        (with_another_view, 0, 0.0, "held", "held"),
        (lambda: without_view("all"), 0, 0.0, "changed", "changed"),
        (lambda: columns(candidates_all=np.full(N_USERS, 999)), 0, 0.0, "changed", "changed"),
        (lambda: columns(user=np.arange(2, N_USERS + 2)), 0, 0.0, "changed", "changed"),
    ],
)
def test_ranks(tmp_path: Path, ranks: Callable[[], Ranks], moved: int, places: float, new: str, known: str) -> None:
    old = record(tmp_path / "old")
    found = compare_full(old, record(tmp_path / "new", ranks()), LIMITS)
    assert (found.moved, found.places) == (moved, places)
    assert outcome(found, None) == new
    anchor = ranks_digest(rank_columns(old.folder / "ranks-test.npz"))
    assert outcome(found, anchor) == known


def test_other_epochs_are_never_near(tmp_path: Path) -> None:
    found = compare_full(record(tmp_path / "old"), record(tmp_path / "new", epochs=6), LIMITS)
    assert outcome(found, None) == "left"
    assert found.changes == ("epochs 5 before, 6 now",)


def test_the_order_of_users_plays_no_part(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(N_USERS)
    other = {name: column if name == "protocol" else column[order] for name, column in columns().items()}
    found = compare_full(record(tmp_path / "old"), record(tmp_path / "new", other), LIMITS)
    assert found.equal
    assert found.digest == ranks_digest(rank_columns(record(tmp_path / "third").folder / "ranks-test.npz"))


def test_an_anchor_counts_more_than_the_record(tmp_path: Path) -> None:
    """A rerun that was near once must be the same from then on; going back to the record's digits is a change."""
    near = compare_full(record(tmp_path / "old"), record(tmp_path / "new", shifted([200], 1)), LIMITS)
    same = compare_full(record(tmp_path / "old2"), record(tmp_path / "new2"), LIMITS)
    assert outcome(near, near.digest) == "held"
    assert outcome(same, near.digest) == "changed"


@pytest.mark.parametrize(
    ("course", "new", "message"),
    [
        ({}, "held", ""),
        ({"epochs": 3}, "held", ""),  # shorter, but as long as the prefix
        ({"loss": [0.5, 0.49, 0.48 * (1 + 9e-6), 0.47, 0.46]}, "near", "loss differs by 9.0e-06"),
        ({"loss": [0.5, 0.49, 0.48 * (1 + 2e-5), 0.47, 0.46]}, "left", "loss differs by 2.0e-05"),
        ({"loss": [0.5, 0.49, 0.48, 0.1, 0.1]}, "held", ""),  # after the prefix
        ({"value": [0.1, 0.11, 0.12009, 0.13, 0.14]}, "near", "value differs by 9.0e-05"),
        ({"value": [0.1, 0.11, 0.1202, 0.13, 0.14]}, "left", "value differs by 2.0e-04"),
        ({"first": 0.69 * (1 + 1e-7)}, "near", "first batch differs by 1.0e-07"),
        ({"first": 0.7}, "left", "first batch differs by"),
        ({"parameters": 11}, "left", "parameters 10 before, 11 now"),
        ({"epochs": 2, "loss": [0.5, 0.49], "value": [0.1, 0.11]}, "left", "loss has another length"),
    ],
)
def test_the_beginning_of_a_training(tmp_path: Path, course: dict[str, object], new: str, message: str) -> None:
    old, rerun = record(tmp_path / "old"), record(tmp_path / "new", **course)  # type: ignore[arg-type]
    found = compare_prefix(old, rerun, 3, LIMITS)
    assert outcome(found, None) == new
    assert message in "; ".join(found.changes)
    anchor = compare_prefix(old, old, 3, LIMITS).digest
    assert outcome(found, anchor) == ("held" if new == "held" else "changed")


def test_what_is_alien_is_a_change_on_any_class() -> None:
    assert outcome(Comparison(False, False, "x", alien=True), None) == "changed"
    assert outcome(Comparison(False, False, "x", alien=True), "x") == "changed"
