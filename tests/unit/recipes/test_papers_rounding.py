"""Arithmetic with printed numbers against brute force: many unrounded values, rounded again."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.recipes.papers.rounding import (
    Interval,
    change,
    cut,
    decimals,
    exact,
    guesses,
    judge,
    one_digit_off,
    printed,
    rounded,
    shown,
    swapped,
)

NUMBERS = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 9999), st.integers(0, 4))
SHARES = st.fractions(0, 1, max_denominator=50)
TIES = (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN)


def at(interval: Interval, share: Fraction) -> Fraction:
    """The value at a share of the way from low to high."""
    return interval.low + share * (interval.high - interval.low)


def rounds_to(value: Fraction, number: Decimal) -> bool:
    """Whether a value rounds to a printed number, by the decimal module, ties any way."""
    exactly = Decimal(value.numerator) / Decimal(value.denominator)  # 28 digits; ties of our inputs are exact
    return any(exactly.quantize(number, rounding=tie) == number for tie in TIES)


@given(NUMBERS, SHARES)
def test_a_printed_number_stands_for_what_rounds_to_it_and_for_nothing_else(number: Decimal, share: Fraction) -> None:
    interval = printed(number)
    assert rounds_to(at(interval, share), number)
    for beyond in (interval.low - Fraction(1, 10**6), interval.high + Fraction(1, 10**6)):
        assert not rounds_to(beyond, number)


@given(NUMBERS, NUMBERS, SHARES, SHARES)
def test_operations_hold_every_result_of_unrounded_values(a: Decimal, b: Decimal, s: Fraction, t: Fraction) -> None:
    one, other = printed(a), printed(b)
    x, y = at(one, s), at(other, t)
    assert (one - other).holds(x - y)
    assert (one * other).holds(x * y)
    assert (one + 3).holds(x + 3)
    if other.low > 0:
        assert (one / other).holds(x / y)
        assert change(one, other).holds(100 * (x - y) / y)


@given(NUMBERS, NUMBERS)
def test_the_ends_of_a_quotient_are_reached(a: Decimal, b: Decimal) -> None:
    one, other = printed(a), printed(b)
    if other.low > 0 and one.low >= 0:
        quotient = one / other
        assert quotient.low == one.low / other.high
        assert quotient.high == one.high / other.low
        assert quotient.point == Fraction(a) / Fraction(b)


@given(NUMBERS, NUMBERS, st.integers(0, 3))
def test_a_figure_that_follows_from_the_printed_values_agrees(a: Decimal, b: Decimal, places: int) -> None:
    value = printed(a) - printed(b)
    assert judge(rounded(value.point, places), value) == "agrees"


@given(NUMBERS, NUMBERS, SHARES, SHARES, st.integers(0, 3))
def test_no_unrounded_value_gives_a_figure_that_disagrees(
    a: Decimal, b: Decimal, s: Fraction, t: Fraction, places: int
) -> None:
    one, other = printed(a), printed(b)
    if other.low > 0:
        reported = rounded(at(one, s) / at(other, t), places)
        assert judge(reported, one / other) != "disagrees"
        far = reported + Decimal(2).scaleb(-places) + Decimal(str(float((one / other).high - (one / other).low)))
        assert judge(rounded(Fraction(far) + 1, places), one / other) == "disagrees"


@given(st.fractions(-1000, 1000, max_denominator=10**4), st.integers(0, 4))
def test_rounding_and_cutting_are_those_of_the_decimal_module(value: Fraction, places: int) -> None:
    scaled = value * 10**places
    unit = Decimal(1).scaleb(-places)
    exactly = Decimal(scaled.numerator) / Decimal(scaled.denominator)
    assert cut(value, places) == exactly.quantize(Decimal(1), rounding=ROUND_DOWN) * unit
    if (2 * scaled).denominator == 1 or exactly % 1:  # no tie is lost to the 28 digits
        assert rounded(value, places) == exactly.quantize(Decimal(1), rounding=ROUND_HALF_UP) * unit
    assert decimals(rounded(value, places)) == places


def test_a_divisor_that_may_be_zero_is_refused() -> None:
    with pytest.raises(ZeroDivisionError, match="may be 0"):
        printed(Decimal("1.0")) / printed(Decimal("0.0"))
    with pytest.raises(ValueError, match="not in order"):
        Interval(Fraction(2), Fraction(1), Fraction(3))


@pytest.mark.parametrize(
    ("reported", "value", "said"),
    [
        ("5.5", "5.571", ["truncated, not rounded: rounds to 5.6"]),
        ("4.85", "4.8448", ["rounded twice? rounds to 4.84"]),
        ("-0.08", "-0.836", ["ten times too small?"]),
        ("0.11", "0.0105", ["ten times too large?"]),
        ("-1.74", "-1.4745", ["two digits swapped?"]),
        ("7.9", "5.0", []),
        ("5.6", "5.571", []),
        ("0", "0.3", []),
    ],
)
def test_what_may_have_happened(reported: str, value: str, said: list[str]) -> None:
    assert list(guesses(Decimal(reported), exact(Decimal(value)))) == said


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("85", "86", False), ("0.169", "0.1694", True), ("0.169", "0.1695", True), ("0.169", "0.1696", False)],
)
def test_two_printings_of_one_value(one: str, other: str, same: bool) -> None:
    assert printed(Decimal(one)).same(printed(Decimal(other))) is same
    assert printed(Decimal(other)).same(printed(Decimal(one))) is same


def test_counts_have_no_interval_and_single_digits_are_found() -> None:
    assert exact(6040).same(exact(6040))
    assert not exact(22362).same(exact(22363))
    assert one_digit_off("316454", "316354")
    assert not one_digit_off("1.0", "10.0")
    assert swapped("1.74", "1.47")
    assert swapped("7.2", "2.7")
    assert not swapped("17.4", "14.8")


def test_intervals_are_shown_where_they_can_be_seen() -> None:
    assert shown(printed(Decimal("0.50")), 3) == "0.500 (0.495 to 0.505)"
    assert shown(exact(Decimal("0.50")), 3, True, " %") == "+0.500 %"
    assert shown(exact(Decimal("-0.001")), 1, True) == "+0.0"
