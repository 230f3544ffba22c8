"""From interactions to one sequence per user: order, duplicates, repeats, k-core, minimum length; with counts.

Data that needs a choice is refused without one: repeated items of a user, and users with fewer items than
leave-one-out needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from harness.core.errors import ArgumentError, DatasetError, near_misses
from harness.recipes.datasets import LeftOut, Origin
from harness.upstreams.data_cache import LEAST_ITEMS
from harness.upstreams.own_data.formats import Interactions, Row

Repeats = Literal["refuse", "first", "last", "keep"]
REPEATS: tuple[str, ...] = get_args(Repeats)
Sequences = Mapping[str, Sequence[str]]  # the items of each user, oldest first


@dataclass(frozen=True)
class Choices:
    """The processing of interactions; see `recipes.datasets.Origin`, which records it."""

    repeats: Repeats = "refuse"
    core: int = 0
    min_length: int = 0

    def check(self) -> None:
        """Check the choices.

        Raises:
            ArgumentError: with the invalid one.
        """
        if self.repeats not in REPEATS:
            raise ArgumentError("--repeats", f"unknown choice {self.repeats!r}", near_misses(self.repeats, REPEATS))
        for flag, value, least in (("--core", self.core, 2), ("--min-length", self.min_length, LEAST_ITEMS)):
            if value and value < least:
                raise ArgumentError(flag, f"{value} removes nothing", f"give {least} or more, or remove the option")


@dataclass(frozen=True)
class Filtered:
    """The remaining interactions, with the counts of removed ones.

    Attributes:
        equal_times: interactions with the time of another one of their user; these keep the order of the file.
        seen_tests: users whose last item is among their earlier ones.
    """

    sequences: Sequences
    origin: Origin
    equal_times: int
    seen_tests: int


def filtered(given: Interactions, choices: Choices) -> Filtered:
    """One sequence per user.

    Raises:
        ArgumentError: invalid choices. DatasetError: interactions that need a choice, or none is left.
    """
    choices.check()
    ordered = {user: in_order(rows) for user, rows in by_user(given.rows).items()}
    unique = {user: without_identical(rows) for user, rows in ordered.items()}
    if choices.repeats == "refuse":
        refuse_repeats(given.path, unique)
    kept = {user: without_repeats(rows, choices.repeats) for user, rows in unique.items()}
    before = {user: [row.item for row in rows] for user, rows in kept.items()}
    left = core(before, choices)
    refuse_short(given.path, left, kept)
    origin = Origin(
        file=given.path.name, sha256=given.sha256, format=given.format, rows=len(given.rows),
        order="time" if given.has_times else "file", repeats=choices.repeats, core=choices.core,
        identical=len(given.rows) - total(unique), repeated=total(unique) - total(kept), min_length=choices.min_length,
        left_out=LeftOut(
            users=len(before) - len(left), items=len(items(before)) - len(items(left)),
            interactions=total(before) - total(left),
        ),
    )  # fmt: skip
    equal = sum(len(rows) - len({row.time for row in rows}) for rows in unique.values()) if given.has_times else 0
    return Filtered(left, origin, equal, sum(sequence[-1] in sequence[:-1] for sequence in left.values()))


def by_user(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by user, in the order of the file."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.user, []).append(row)
    return found


def in_order(rows: Sequence[Row]) -> list[Row]:
    """A user's rows by time; without times, and between equal ones, in the order of the file."""
    return sorted(rows, key=lambda row: row.time or 0)


def without_identical(rows: Sequence[Row]) -> Sequence[Row]:
    """A user's rows, the first of those with the same item and time; without times all of them."""
    return rows if rows[0].time is None else each_once(rows, lambda row: (row.item, row.time))


def without_repeats(rows: Sequence[Row], repeats: str) -> Sequence[Row]:
    """A user's rows with the first or the last of each item, or all of them."""
    if repeats == "first":
        return each_once(rows, lambda row: row.item)
    return each_once(reversed(rows), lambda row: row.item)[::-1] if repeats == "last" else rows


def each_once(rows: Iterable[Row], key: Callable[[Row], object]) -> list[Row]:
    """The first row of each key, in their order."""
    found: dict[object, Row] = {}
    for row in rows:
        found.setdefault(key(row), row)
    return list(found.values())


def refuse_repeats(path: Path, rows: Mapping[str, Sequence[Row]]) -> None:
    """Refuse repeated items of a user: a code base that excludes seen items can never recommend them.

    Raises:
        DatasetError: with the lines of one, and their number.
    """
    found = [(user, own) for user, own in rows.items() if len({row.item for row in own}) < len(own)]
    if not found:
        return
    user, own = found[0]
    n = sum(len(own) - len({row.item for row in own}) for _, own in found)
    again = next(row for place, row in enumerate(own) if row.item in {r.item for r in own[:place]})
    what = f"user {user} has item {again.item} repeatedly; {len(found):,} users have {n:,} repeated items"
    fix = "keep one of each with --repeats first or --repeats last, or all of them with --repeats keep"
    raise DatasetError(f"{path}:{again.line}", what, fix)


def core(sequences: Sequences, choices: Choices) -> Sequences:
    """The interactions left after repeatedly removing users and items with too few."""
    least = max(choices.core, choices.min_length)
    while True:
        counts = Counter(item for sequence in sequences.values() for item in sequence)
        common = {user: [i for i in own if counts[i] >= choices.core] for user, own in sequences.items()}
        left = {user: own for user, own in common.items() if len(own) >= least}
        if total(left) == total(sequences):
            return left
        sequences = left


def refuse_short(path: Path, sequences: Sequences, rows: Mapping[str, Sequence[Row]]) -> None:
    """Refuse users with too few items to hold out, and an empty dataset.

    Raises:
        DatasetError: with a line of the first such user.
    """
    if not sequences:
        raise DatasetError(str(path), "the filter removes all users", "lower --core or --min-length")
    short = [user for user, own in sequences.items() if len(own) < LEAST_ITEMS]
    if short:
        n_items = len(sequences[short[0]])
        what = f"user {short[0]} has {n_items} item(s); {len(short):,} user(s) have fewer than {LEAST_ITEMS}"
        fix = "remove them with --min-length 3: the last item is for the test, the one before for validation"
        raise DatasetError(f"{path}:{rows[short[0]][0].line}", what, fix)


def total(rows: Mapping[Any, Sequence[object]]) -> int:
    """The number of interactions."""
    return sum(map(len, rows.values()))


def items(sequences: Sequences) -> set[str]:
    """All items."""
    return {item for sequence in sequences.values() for item in sequence}
