"""Arithmetic with printed numbers: each represents every value that rounds to it.

It uses exact fractions, since whether a figure follows from others must not depend on floating-point rounding.
Ties count for both neighbours, since an author's tool may round them either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal

Verdict = Literal["disagrees", "not from print", "differs", "open", "not printed", "agrees"]


@dataclass(frozen=True)
class Interval:
    """The value computed from printed numbers, with the range that their rounding allows."""

    low: Fraction
    point: Fraction
    high: Fraction

    def __post_init__(self) -> None:
        if not self.low <= self.point <= self.high:
            raise ValueError(f"{self.low}, {self.point}, {self.high} are not in order")

    def __add__(self, number: int) -> Interval:
        return Interval(self.low + number, self.point + number, self.high + number)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.point - other.point, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), self.point * other.point, max(corners))

    def __truediv__(self, other: Interval) -> Interval:
        """The quotient.

        Raises:
            ZeroDivisionError: the divisor may be 0 before rounding.
        """
        if other.low <= 0 <= other.high:
            raise ZeroDivisionError("the divisor may be 0")
        return self * Interval(1 / other.high, 1 / other.point, 1 / other.low)

    def meets(self, other: Interval) -> bool:
        """Whether some value is in both."""
        return self.low <= other.high and other.low <= self.high

    def same(self, other: Interval) -> bool:
        """Whether two printed values can be the same value; sharing only a tie does not count."""
        return self.point == other.point or (self.low < other.high and other.low < self.high)

    def holds(self, value: Fraction) -> bool:
        """Whether a value is in it."""
        return self.low <= value <= self.high


def decimals(number: Decimal) -> int:
    """The number of decimals."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def printed(number: Decimal, digits: int | None = None) -> Interval:
    """All values that round to a printed number.

    Args:
        digits: number of decimals it was rounded to; by default those it shows.
    """
    half = Fraction(1, 2) / Fraction(10) ** (decimals(number) if digits is None else digits)
    return Interval(Fraction(number) - half, Fraction(number), Fraction(number) + half)


def exact(number: Decimal | int) -> Interval:
    """A number that was not rounded, such as a count."""
    return Interval(Fraction(number), Fraction(number), Fraction(number))


def change(new: Interval, old: Interval, scale: int = 100) -> Interval:
    """The gain of `new` over `old`, in percent by default."""
    return (new / old + -1) * exact(scale)


def judge(reported: Decimal, recomputed: Interval) -> Verdict:
    """Whether a reported figure follows from printed values, may follow from unrounded ones, or neither."""
    window = printed(reported)
    if window.holds(recomputed.point):
        return "agrees"
    return "not from print" if window.meets(recomputed) else "disagrees"


def rounded(value: Fraction, digits: int) -> Decimal:
    """A value rounded to this many decimals, ties away from 0."""
    return _at(value, digits, ROUND_HALF_UP)


def cut(value: Fraction, digits: int) -> Decimal:
    """A value truncated to this many decimals."""
    return _at(value, digits, ROUND_DOWN)


def _at(value: Fraction, digits: int, rounding: str) -> Decimal:
    scaled = abs(value) * 10**digits
    whole = scaled.numerator // scaled.denominator
    if rounding == ROUND_HALF_UP and 2 * (scaled - whole) >= 1:
        whole += 1
    sign = 1 if value < 0 and whole else 0
    return Decimal((sign, tuple(int(digit) for digit in str(whole)), -digits))


def guesses(reported: Decimal, recomputed: Interval) -> Iterator[str]:
    """Possible explanations of a figure that does not follow from the printed values; each checked, none certain."""
    digits, point = decimals(reported), recomputed.point
    right = rounded(point, digits)
    if reported == right:
        return
    if reported == cut(point, digits):
        yield f"truncated, not rounded: rounds to {right}"
    elif any(reported == rounded(Fraction(rounded(point, more)), digits) for more in range(digits + 1, digits + 4)):
        yield f"rounded twice? rounds to {right}"
    if reported and printed(reported * 10, digits - 1).meets(recomputed):
        yield "ten times too small?"
    if reported and printed(reported / 10, digits + 1).meets(recomputed):
        yield "ten times too large?"
    if swapped(str(reported), str(right)):
        yield "two digits swapped?"


def swapped(one: str, other: str) -> bool:
    """Whether two neighbouring digits are swapped."""
    differing = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    return (
        len(one) == len(other)
        and len(differing) == 2
        and differing[1] - differing[0] - one[differing[0] : differing[1]].count(".") == 1
        and [one[i] for i in differing] == [other[i] for i in reversed(differing)]
    )


def one_digit_off(one: str, other: str) -> bool:
    """Whether two numbers of equal length differ in a single digit."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def shown(interval: Interval, digits: int, sign: bool = False, unit: str = "") -> str:
    """The point, with the interval in parentheses if they differ at one more decimal."""
    low, point, high = (
        f"{rounded(value, digits):{'+' if sign else ''}f}" for value in (interval.low, interval.point, interval.high)
    )
    return f"{point}{unit}" if low == high else f"{point}{unit} ({low} to {high})"
