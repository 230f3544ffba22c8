"""`k=256,t=0.75`, as filters, options and losses are written on the command line."""

from __future__ import annotations

from harness.core.errors import ArgumentError


def name_values(text: str, flag: str, written: str, twice: str, of: str = "") -> dict[str, str]:
    """Values by name, in the order of the text.

    Args:
        flag: the option that the text was given with.
        written: how to write it, for who did not.
        twice: what to do about a name that is given twice.
        of: what the values belong to, for messages; "" where the flag says it.
    Raises:
        ArgumentError: a part that is not name=value, or a name given twice.
    """
    found: dict[str, str] = {}
    where = f"{of}: " if of else ""
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.isidentifier() or not value:
            raise ArgumentError(flag, f"{where}{part!r} is not name=value", written)
        if name in found:
            raise ArgumentError(flag, f"{where}{name} is given twice", twice)
        found[name] = value
    return found
