"""A sheet of paper: title and banners above, axes, legend below; and its bytes in each format."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from harness.report import sentences
from harness.report.figures import style as look
from harness.tables.build import Table, TableSpec

PNG_DPI = 300
_STYLE: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # bundled with matplotlib, so it is the same everywhere
    "font.size": look.TEXT_PT,
    "axes.titlesize": look.TITLE_PT,
    "axes.labelsize": look.TEXT_PT,
    "xtick.labelsize": look.TEXT_PT,
    "ytick.labelsize": look.TEXT_PT,
    "legend.fontsize": look.TEXT_PT,
    "legend.frameon": False,
    "text.parse_math": False,  # a name with two dollar signs is not a formula
    "axes.unicode_minus": True,
    "svg.fonttype": "none",  # text remains text, so it can be searched and set in another font
    "svg.hashsalt": "seqrec-harness",
    "pdf.fonttype": 42,  # required by publishers
}
_MARGIN_IN = 0.04


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's defaults with our style, independent of the user's settings, which are restored afterwards."""
    with warnings.catch_warnings(), matplotlib.rc_context():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)  # drawn as boxes
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def sheet(table: Table, title: str, width: float, body: float, legend: Sequence[Artist], notes: str = "") -> Figure:
    """An empty figure whose axes may fill `body` inches of height, between title and legend.

    Args:
        legend: handles with labels, in reading order.
        notes: caveats that are not drawn.
    """
    banners = [
        line
        for text in sentences.banners(table)
        for line in look.wrapped(text, width - 0.2, 6, weight="bold").split("\n")
    ]
    titles = look.wrapped(title, width - 0.1, 3, look.TITLE_PT, "bold").split("\n")
    note_lines = look.wrapped(notes, width - 0.1, 12).split("\n") if notes else []
    rows = _legend_rows(legend, width)
    strip = len(banners) * look.LINE_IN + (0.1 if banners else 0)
    top = strip + len(titles) * 1.3 * look.TITLE_PT * look.PT + 0.06
    bottom = sum(map(_row_height, rows)) + len(note_lines) * look.LINE_IN + 0.1
    height = top + body + bottom
    place = ConstrainedLayoutEngine(h_pad=0.03, w_pad=0.03, rect=(0, bottom / height, 1, body / height))
    figure = Figure((width, height), layout=place)
    _head(figure, banners, titles, strip)
    figure.text(
        _MARGIN_IN / width,
        _MARGIN_IN / height,
        "\n".join(note_lines),
        va="bottom",
        linespacing=1.3,
        fontsize=look.TEXT_PT,
    )
    _legend(figure, rows, len(note_lines) * look.LINE_IN + _MARGIN_IN)
    _watermark(figure, table)
    return figure


def _head(figure: Figure, banners: Sequence[str], titles: Sequence[str], strip: float) -> None:
    """The banners in white on black, the title below."""
    width, height = figure.get_size_inches()
    if banners:
        low = 1 - strip / height
        figure.add_artist(Rectangle((0, low), 1, strip / height, transform=figure.transFigure, color=look.INK))
        at = (0.1 / width, 1 - strip / 2 / height)
        figure.text(*at, "\n".join(banners), va="center", weight="bold", color="white", linespacing=1.25)
    at = (_MARGIN_IN / width, 1 - (strip + _MARGIN_IN) / height)
    figure.text(*at, "\n".join(titles), va="top", weight="bold", fontsize=look.TITLE_PT, linespacing=1.25)


def _watermark(figure: Figure, table: Table) -> None:
    """A watermark across the entire figure."""
    for text, wanted in (("NOT A REPRODUCTION", table.spec.quick), ("DEMONSTRATION", table.spec.demonstration)):
        if wanted:
            size = 0.8 * figure.get_size_inches()[0] / look.width_in(text, 10, "bold") * 10
            figure.text(
                0.5, 0.5, text, ha="center", va="center", rotation=18, fontsize=size, weight="bold", color=look.INK,
                alpha=0.09,
            )  # fmt: skip
            return


def _legend_rows(handles: Sequence[Artist], width: float) -> list[list[Artist]]:
    """Handles in as many rows as they need."""
    rows: list[list[Artist]] = []
    used = width
    for handle in handles:
        need = look.width_in(str(handle.get_label())) + 0.42 + max(0.0, _mark_in(handle) - 0.15)
        if used + need > width - 0.05:
            rows.append([])
            used = 0.0
        rows[-1].append(handle)
        used += need
    return rows


def _row_height(row: Sequence[Artist]) -> float:
    """The height of a legend row: of its text or its largest mark."""
    return max(look.LINE_IN, *map(_mark_in, row)) + 0.03


def _mark_in(handle: Artist) -> float:
    """The size of a mark."""
    return float(handle.get_markersize()) * look.PT if isinstance(handle, Line2D) else 0.0


def _legend(figure: Figure, rows: Sequence[Sequence[Artist]], bottom: float) -> None:
    width, height = figure.get_size_inches()
    for row in reversed(rows):
        middle = bottom + _row_height(row) / 2
        figure.legend(
            handles=row, loc="center left", bbox_to_anchor=(_MARGIN_IN / width, middle / height), ncols=len(row),
            borderaxespad=0, borderpad=0, handletextpad=0.5, columnspacing=1.2,
            handlelength=max(1.8, max(map(_mark_in, row)) / look.PT / look.TEXT_PT + 0.3),
        )  # fmt: skip
        bottom += _row_height(row)


def free_name(name: str, taken: set[str]) -> str:
    """The file name, with a number if another figure has it."""
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def lay_out(figure: Figure) -> None:
    """Place all axes, once for all formats."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def saved(figure: Figure, form: str, title: str, spec: TableSpec) -> bytes:
    """The figure's file; without dates, with title and signature in its metadata."""
    title, facts = look.clean(title), look.clean(sentences.signature(spec))
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None, "Title": title, "Description": facts},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": title, "Subject": facts},
        "png": {"Software": None, "Title": title, "Description": facts},
    }
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=PNG_DPI, metadata=metadata[form])
    return out.getvalue()
