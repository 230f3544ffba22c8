"""`k=256,t=0.75`, the syntax of filters, options and losses on the command line."""

from __future__ import annotations

from harness.core.errors import ArgumentError


def name_values(text: str, flag: str, written: str, twice: str, of: str = "") -> dict[str, str]:
    """Values by name, in the order of the text.

    Args:
        flag: the option with this text.
        written: the correct syntax, for messages.
        twice: the fix for a duplicate name.
        of: owner of the values, for messages; "" if the flag suffices.
    Raises:
        ArgumentError: a part that is not name=value, or a duplicate name.
    """
    found: dict[str, str] = {}
    where = f"{of}: " if of else ""
    for part in comma_separated(text):
        name, equals, value = part.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise ArgumentError(flag, f"{where}{part!r} is not name=value", written)
        if name in found:
            raise ArgumentError(flag, f"{where}{name} is a duplicate", twice)
        found[name] = value
    return found


def comma_separated(text: str) -> list[str]:
    """The parts of `a, b` without the spaces around them; empty parts are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def as_number(text: str) -> int | float | str:
    """A value as written on a command line: a whole number, a number, or else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
