"""The console of the commands: width and stream."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

NARROWEST, WIDEST = 60, 120


def console(stderr: bool = False) -> Console:
    """A console as wide as the terminal, with a minimum width for tables; 120 columns in a pipe."""
    found = Console(stderr=stderr, highlight=False)
    width = max(found.width, NARROWEST) if found.is_terminal else WIDEST
    return Console(stderr=stderr, highlight=False, width=width)


def progress_console() -> Console:
    """Where progress is shown: standard error, as wide as the terminal is at any moment."""
    return Console(stderr=True, highlight=False)


def grid_of(*titles: str) -> Grid:
    """A plain table for the terminal."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        grid.add_column(title, overflow="fold")
    return grid


def print_json(content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Plain JSON on standard output."""
    console().print(json.dumps(content, indent=1, ensure_ascii=False), soft_wrap=True, markup=False)
