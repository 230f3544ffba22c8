"""Shared parts of plain curve figures: style, and output files.

Curves differ in line style and colour, so a figure is readable in greyscale.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
LINES = ("-", "--", "-.", ":")
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "seqrec-harness", "font.size": 8.0, "legend.frameon": False}
WIDTH_IN = 6.3
TITLE_WIDTH = 95  # characters


def drawn(
    draw: Callable[[Figure], None], height_in: float, title: str, signature: str,
    endings: Sequence[str] = (".svg", ".png"),
) -> dict[str, bytes]:  # fmt: skip
    """A figure by file ending; the same bytes for the same curves.

    Args:
        draw: draws the axes of a figure.
        signature: of the figure's data, for its metadata.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(figure)
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(textwrap.fill(title, TITLE_WIDTH), fontsize=9)
        return {ending: (_svg(figure, signature) if ending == ".svg" else _png(figure)) for ending in endings}


def _svg(figure: Figure, signature: str) -> bytes:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Description": signature})
    return ("\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n").encode()


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150, metadata={"Software": None})
    return image.getvalue()


def look(place: int) -> dict[str, Any]:
    """The style of a curve by index."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": LINES[place % len(LINES)]}
