"""Overlays that exist in memory only, for tests of plans and keys."""

from __future__ import annotations

from harness.runs.overlay import Module, Overlay


def made(modules: dict[str, str], *entries: str) -> Overlay:
    """An overlay with these texts by name, whose patch series imports the dotted names `entries`."""
    found = {name: Module(name, text.encode()) for name, text in modules.items()}
    return Overlay(found, tuple(tuple(entry.split(".")) for entry in entries))


def imported(**texts: str) -> Overlay:
    """An overlay whose patch series imports all of its modules, given as name=text without `.py`."""
    return made({f"{name}.py": text for name, text in texts.items()}, *texts)
