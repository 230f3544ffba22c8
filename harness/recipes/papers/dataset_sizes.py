"""Sizes of datasets as values: printed and counted values, and whether they agree.

A count must equal the printed one exactly; a value derived from counts (average length, density) must equal it to the
digits that the paper prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from harness.recipes.papers.rounding import Interval, decimals, guesses, judge, one_digit_off, shown

COUNTED = ("users", "items", "interactions")
STATISTICS = (*COUNTED, "average_length", "density")
Verdict = Literal["reproduced", "differs", "not counted"]


@dataclass(frozen=True)
class Statistic:
    """One number of the paper's table.

    Attributes:
        name: of STATISTICS.
        found: the counted value, with two more digits than printed if derived; "" if not counted.
        remark: the likely meaning of a differing printed number, if recognisable.
    """

    name: str
    printed: Decimal
    found: str
    verdict: Verdict
    remark: str = ""


@dataclass(frozen=True)
class Row:
    """One dataset.

    Attributes:
        file, sha256, source: the counted file: name, hash, upstream with its commit.
        reason: why it was not counted, else "".
    """

    dataset: str
    label: str
    statistics: tuple[Statistic, ...]
    file: str = ""
    sha256: str = ""
    source: str = ""
    reason: str = ""


@dataclass(frozen=True)
class SizeTable:
    """A paper's table with the counted values."""

    artifact: str
    title: str
    rows: tuple[Row, ...]

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts of all its numbers."""
        return [statistic.verdict for row in self.rows for statistic in row.statistics]


def uncounted(printed: Mapping[str, Decimal]) -> Iterator[Statistic]:
    """The paper's numbers, without counted ones."""
    for name in STATISTICS:
        if name in printed:
            yield Statistic(name, printed[name], "", "not counted")


def compared(counts: Sequence[int], printed: Mapping[str, Decimal]) -> Iterator[Statistic]:
    """The paper's numbers with those of the file.

    Args:
        counts: of users, items and interactions in the file.
    """
    users, items, interactions = counts
    found = {
        **{name: Fraction(value) for name, value in zip(COUNTED, counts, strict=True)},
        "average_length": Fraction(interactions, users),
        "density": Fraction(100 * interactions, users * items),
    }
    theirs = {name: Fraction(printed[name]) for name in COUNTED if name in printed}
    per_item = theirs["interactions"] / theirs["items"] if {"interactions", "items"} <= {*theirs} else None
    for name in STATISTICS:
        if name in printed:
            yield statistic(name, printed[name], found[name], per_item)


def statistic(name: str, printed: Decimal, value: Fraction, per_item: Fraction | None) -> Statistic:
    """One number of the paper against the value counted, to the digits that the paper prints.

    Args:
        per_item: the paper's interactions for each of its items, which some print as the average length.
    """
    same = agrees(printed, value)
    digits = 0 if name in COUNTED else decimals(printed) + 2
    remarks = [] if same or name in COUNTED else [*guesses(printed, Interval(value, value, value))]
    if not same and name in COUNTED and one_digit_off(str(printed), str(int(value))):
        remarks.append("differs in one digit")
    if not same and name == "average_length" and per_item is not None and agrees(printed, per_item):
        remarks.insert(0, "the printed value is interactions per item")
    found = shown(Interval(value, value, value), digits) if digits else f"{int(value):,}"
    return Statistic(name, printed, found, "reproduced" if same else "differs", "; ".join(remarks))


def agrees(printed: Decimal, value: Fraction) -> bool:
    """Whether a value rounds to a printed number."""
    return judge(printed, Interval(value, value, value)) == "agrees"
