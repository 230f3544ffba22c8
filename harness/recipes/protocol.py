"""What a recipe's `protocol` says of how its systems are ranked: which keys it needs, in which words.

Ranks report the same two, `split` and `ranking`, and a run whose ranks report others fails; a word that no code base
reports would compare with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.core.errors import near_misses

#: Values by key; () where it is a sentence for people.
VALUES: Mapping[str, tuple[str, ...]] = {
    "split": ("leave-one-out",), "ranking": ("full", "sampled"), "seen": (), "cold": (), "candidates": (),
}  # fmt: skip
NEEDED = ("split", "ranking", "seen")


def faults(protocol: Mapping[str, str]) -> Iterator[str]:
    """A fault for each key that is missing or unknown, and for each unknown value."""
    for name in NEEDED:
        if name not in protocol:
            yield f"lacks {name}" + (f": {' or '.join(VALUES[name])}" if VALUES[name] else "")
    for name, value in protocol.items():
        if name not in VALUES:
            yield f"unknown key {name!r} ({near_misses(name, VALUES)})"
        elif VALUES[name] and value not in VALUES[name]:
            yield f"unknown {name} {value!r} ({near_misses(value, VALUES[name])})"
        elif not value.strip():
            yield f"{name} is empty"
