"""Checks of options that the losses and samplers of every framework share; standard library only."""

from __future__ import annotations

EXCLUDE = ("none", "target", "sequence")  # what a negative must not be
FORMS = ("lean", "naive")
AVERAGES = ("positions", "sequences")


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse an unknown choice.

    Raises:
        ValueError: `value` is none of `choices`.
    """
    if value not in choices:
        raise ValueError(f"{name}: unknown value {value!r}; expected {' or '.join(map(repr, choices))}")


def check_exclude(exclude: str) -> None:
    """Refuse an unknown value of `exclude`.

    Raises:
        ValueError: `exclude` is none of EXCLUDE.
    """
    if exclude not in EXCLUDE:
        raise ValueError(f"exclude: unknown value {exclude!r}; expected {', '.join(map(repr, EXCLUDE))}")


def check_not_target(exclude: str) -> None:
    """Refuse `target` where a sequence shares its negatives.

    Raises:
        ValueError: `exclude` is `target`.
    """
    if exclude == "target":
        raise ValueError("exclude: 'target' is a position's own, but these negatives are shared; use 'sequence'")


def check_k(k: int) -> None:
    """Refuse a loss without negatives.

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k: expected 1 or more negatives, got {k}")


def too_few(k: int, n_left: object, needed: int) -> str:
    """The message if too few rows are left to draw from."""
    return f"{k} negatives asked for, but only {n_left} of the rows may be drawn; expected at least {needed}"
