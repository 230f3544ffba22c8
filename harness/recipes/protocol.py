"""The vocabulary of a recipe's `protocol`, which says how systems are ranked: required keys and allowed words.

Ranks report `split` and `ranking` too, and a run whose ranks report other values fails. A word that no code base
reports could never match.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from harness.core.errors import near_misses

#: Values by key; () for free text.
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


def metric_faults(metrics: Iterable[str], own: Mapping[str, str], views: Collection[str]) -> Iterator[str]:
    """A fault for each metric whose name contradicts the protocol.

    Args:
        own: the recipe's `protocol`.
        views: further views of the ranks with a stated protocol.
    """
    ranking = own.get("ranking", "")
    for name in metrics:
        view, dash, _ = name.partition("-")
        if dash and view not in {*views, ranking}:
            yield f"{view}-...: protocols has no entry for {view}"
        elif not dash and ranking == "sampled":
            yield f"{name}: the ranks are sampled, so name it sampled-{name}"
