"""A few lines at the bottom of a terminal that are redrawn in place, also when its width changes.

A terminal that becomes narrower wraps the lines that are on it, so the rows that the last drawing takes are counted
again at the present width. rich's own live display takes them from the old width and leaves rests behind.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.text import Text


class LiveLines:
    """Lines at the bottom of a terminal; what is printed meanwhile goes above them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.drawn: list[int] = []  # cells of each line on the screen

    def print(self, line: RenderableType) -> None:
        """Print above the lines, which come back with the next `draw`."""
        self.erase()
        self.console.print(line, soft_wrap=True)

    def draw(self, lines: Sequence[Text]) -> None:
        """Put these lines in the place of the last ones; what the terminal has no room for is left out."""
        self.erase()
        room = max(self.console.height - 1, 1)
        for line in lines[:room]:
            line.truncate(max(self.console.width - 1, 1), overflow="ellipsis")
            self.console.print(line, no_wrap=True, overflow="ignore", crop=False)
            self.drawn.append(line.cell_len)

    def erase(self) -> None:
        """Remove the lines from the screen."""
        width = max(self.console.width, 1)
        rows = sum(max(1, -(-cells // width)) for cells in self.drawn)
        self.drawn = []
        if rows:  # row by row: tmux keeps a copy of a screen that is cleared from its first row
            self.console.file.write("\r" + "\x1b[1A\x1b[2K" * rows)
            self.console.file.flush()
