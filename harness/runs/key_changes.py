"""Why two runs have different keys, in words: which of their inputs differ. Pure, like the plan that it explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def key_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why two runs have different keys, in words.

    Args:
        old, new: inputs of an earlier record and of a planned run.
    """
    found: list[str] = []
    if old.get("upstream") != new.get("upstream"):
        found.append(f"upstream commit changed from {str(old.get('upstream'))[:8]} to {str(new.get('upstream'))[:8]}")
    for part in ("patches", "overlay", "environment", "data", "checkpoint", "loss"):
        title = "patch" if part == "patches" else part
        found += [f"{title} {text}" for text in changed_entries(old.get(part) or {}, new.get(part) or {})]
    for part in ("device", "threads"):
        if old.get(part) != new.get(part):
            found.append(f"{part} changed from {old.get(part)} to {new.get(part)}")
    if old.get("command") != new.get("command"):
        found.append(f"command changed: {changed_words(old.get('command') or [], new.get('command') or [])}")
    return found


def changed_entries(old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[str]:
    """Which entries of a part differ: '0002-choose-the-model changed', 'x added', 'y removed'."""
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name.removesuffix('.patch')} " + (
                "added" if name not in old else "removed" if name not in new else "changed"
            )


def changed_words(old: Sequence[str], new: Sequence[str]) -> str:
    """The words of a command that differ."""
    gone, come = [w for w in old if w not in new], [w for w in new if w not in old]
    if not gone and not come:
        return "its words in another order or number"
    return f"{' '.join(gone) or '(nothing)'} became {' '.join(come) or '(nothing)'}"
