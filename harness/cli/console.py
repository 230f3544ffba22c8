"""Where commands print: how wide, and to which stream."""

from __future__ import annotations

from rich.console import Console

NARROWEST, WIDEST = 100, 120


def console(stderr: bool = False) -> Console:
    """Where commands print: as wide as the terminal, but never too narrow for a table; 120 columns in a pipe."""
    found = Console(stderr=stderr, highlight=False)
    width = max(found.width, NARROWEST) if found.is_terminal else WIDEST
    return Console(stderr=stderr, highlight=False, width=width)
