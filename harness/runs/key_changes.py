"""Why two runs have different keys, in words: the inputs that differ. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any


def key_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], former_names: Mapping[str, Collection[str]] = MappingProxyType({})
) -> list[str]:
    """Why two runs have different keys, in words.

    Args:
        old, new: inputs of an earlier record and of a planned run.
        former_names: of modules and patches that were renamed, split or merged, by the current name.
    """
    found: list[str] = []
    if old.get("upstream") != new.get("upstream"):
        found.append(f"upstream commit changed from {str(old.get('upstream'))[:8]} to {str(new.get('upstream'))[:8]}")
    for part in ("patches", "overlay", "environment", "data", "checkpoint", "loss"):
        title = "patch" if part == "patches" else part
        found += [f"{title} {text}" for text in changed_entries(old.get(part) or {}, new.get(part) or {}, former_names)]
    for part in ("device", "threads"):
        if old.get(part) != new.get(part):
            found.append(f"{part} changed from {old.get(part)} to {new.get(part)}")
    if old.get("command") != new.get("command"):
        found.append(f"command changed: {changed_words(old.get('command') or [], new.get('command') or [])}")
    return found


def changed_entries(
    old: Mapping[str, str], new: Mapping[str, str], former_names: Mapping[str, Collection[str]]
) -> Iterable[str]:
    """The entries of a part that differ: '0002-choose-the-model changed', 'x added', 'y removed'.

    A key holds the oldest name of modules declared as equivalent, so a renamed module that then changed is
    "changed", not removed and added.
    """
    gone, come = old.keys() - new.keys(), new.keys() - old.keys()
    followed = {name: gone & set(former_names.get(name, ())) for name in come}
    replaced = {name for names in followed.values() for name in names}
    for name in sorted({*old, *new} - replaced):
        if old.get(name) != new.get(name):
            how = "changed" if followed.get(name) or name in old.keys() & new.keys() else "added"
            yield f"{name.removesuffix('.patch')} {'removed' if name in gone else how}"


def changed_words(old: Sequence[str], new: Sequence[str]) -> str:
    """The words of a command that differ."""
    gone, come = [w for w in old if w not in new], [w for w in new if w not in old]
    if not gone and not come:
        return "its words in another order or number"
    return f"{' '.join(gone) or '(nothing)'} became {' '.join(come) or '(nothing)'}"
