"""Ours against the paper's: for each system our mean with its interval, each seed, and the printed value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from harness.report import rounding
from harness.report.figures import style as look
from harness.report.figures.data import FigureData
from harness.report.figures.page import sheet
from harness.tables.build import Cell, DatasetSpec, Row, Table

SIGNS = {
    "reproduced": "✓", "consistent": "≈", "differs": "≠", "inconclusive": "?", "reproduced by users only": "(✓)",
    "consistent by users only": "(≈)", "differs by users only": "(≠)",
}  # fmt: skip
_OURS = look.BLUE
_HALF = 0.36  # of a row, covered by its band


def draw(data: FigureData, dataset: DatasetSpec) -> Iterator[tuple[str, Figure]]:
    """One figure: a panel for each metric, two side by side, systems as rows; none without any number."""
    table = data.table
    rows = [row for row in table.rows if row.dataset == dataset.key]
    if not any(cell.estimate or cell.published for row in rows for cell in row.cells):
        return
    abreast = min(2, len(rows))
    width = look.PAGE_IN if abreast > 1 else look.COLUMN_IN
    labels = [look.wrapped(system.label, 0.23 * width + 0.35) for system in table.spec.columns]
    step = 0.27 if any("\n" in label for label in labels) else 0.2
    down = math.ceil(len(rows) / abreast)
    title = f"Ours against the paper's: {dataset.label}, {users_of(table, dataset)}"
    figure = sheet(table, title, width, down * (len(labels) * step + 0.5), _legend(table, rows), _key(table, rows))
    grid = figure.subplots(down, abreast, sharey=True, squeeze=False)
    for axes, row in zip(grid.flat, rows, strict=False):
        _panel(axes, table, row)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
    for axes in grid.flat[len(rows) :]:
        axes.remove()
    yield f"agreement-{look.slug(dataset.key)}", figure


def _panel(axes: Axes, table: Table, row: Row) -> None:
    look.plain(axes, left=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(row.metric)
    axes.set_xlim(*_ends(table, row))
    look.number_axis(axes, "x")
    if not any(cell.estimate or cell.published for cell in row.cells):
        axes.set_xticks([])
    for place, cell in enumerate(row.cells):
        axes.axhline(place, color=look.FAINT, linewidth=0.6, zorder=0)
        _row(axes, place, cell, _seed_values(table, row, cell.system), table.spec.margin_relative)
        if cell.estimate and table.spec.system(cell.system).is_floor:
            axes.axvline(cell.estimate.mean, color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)


def users_of(table: Table, dataset: DatasetSpec) -> str:
    """How many users the dataset's values are means over."""
    n = table.n_users[dataset.key]
    return f"{rounding.count(n)} users" if n else "no usable run"


def _ends(table: Table, row: Row) -> tuple[float, float]:
    """Ends of a panel's axis."""
    bands = [band for cell in row.cells if (band := _band(cell, table.spec.margin_relative))]
    points = [value for cell in row.cells for value in _seed_values(table, row, cell.system)]
    points += [cell.estimate.mean for cell in row.cells if cell.estimate] + [end for band in bands for end in band]
    return look.limits(points, _intervals(row), least=0.0, narrowest=0.002)


def _intervals(row: Row) -> list[tuple[float, float]]:
    return [(cell.estimate.low, cell.estimate.high) for cell in row.cells if cell.estimate]


def _row(axes: Axes, place: int, cell: Cell, seeds: Sequence[float], margin: float) -> None:
    band = _band(cell, margin)
    if band and cell.published:
        axes.add_patch(
            Rectangle((band[0], place - _HALF), band[1] - band[0], 2 * _HALF, color=look.BAND, linewidth=0, zorder=0.5)
        )
        axes.plot([cell.published.value], [place], **_PAPER, label="_paper")
    sign = SIGNS.get(cell.verdict, "")
    axes.text(1.015, place, sign, transform=axes.get_yaxis_transform(), va="center_baseline", fontsize=look.TITLE_PT)
    if cell.estimate is None:
        text = "failed" if cell.gap and cell.gap.status == "failed" else "not run"
        axes.text(
            0.01, place, text, transform=axes.get_yaxis_transform(), va="center_baseline", style="italic",
            color=look.GREY, zorder=4, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
        return
    if len(seeds) > 1:
        axes.plot(seeds, [place + 0.24] * len(seeds), **_SEED, label="_seed")
    look.interval(axes, place, cell.estimate.low, cell.estimate.high, _OURS)
    axes.plot([cell.estimate.mean], [place], **_mean_style(cell), label="_mean")


def _band(cell: Cell, margin: float) -> tuple[float, float] | None:
    """What counts as the paper's value: the recipe's margin around the printed number."""
    if cell.published is None:
        return None
    half = margin * abs(cell.published.value)
    return cell.published.value - half, cell.published.value + half


def _seed_values(table: Table, row: Row, system: str) -> list[float]:
    """The metric of each counted run of a system."""
    blocks = [block for block in table.seeds if (block.dataset, block.system) == (row.dataset, system)]
    return [line.values[row.metric] for block in blocks for line in block.lines if row.metric in line.values]


_PAPER: dict[str, Any] = {**look.PAPER, "zorder": 5}
_SEED: dict[str, Any] = {"marker": "o", "markersize": 2.4, "color": look.SKY, "markeredgewidth": 0, "linestyle": "none",
                         "zorder": 2}  # fmt: skip


def _mean_style(cell: Cell | None) -> dict[str, Any]:
    """Filled where the interval allows for other seeds, open where it is over users alone."""
    users = cell is not None and cell.estimate is not None and cell.estimate.basis == "users"
    return {"marker": "o", "markersize": 4.4, "color": "white" if users else _OURS, "markeredgecolor": _OURS,
            "markeredgewidth": 1.0, "linestyle": "none", "zorder": 4}  # fmt: skip


def _legend(table: Table, rows: Sequence[Row]) -> list[Artist]:
    cells = [cell for row in rows for cell in row.cells]
    found: list[Artist] = []
    for basis in ("seeds", "users"):
        some = [cell for cell in cells if cell.estimate and (cell.estimate.basis == "users") == (basis == "users")]
        if some:
            found.append(_line(f"our mean, 95 % interval over {basis}", _mean_style(some[0])))
    if any(cell.estimate and cell.estimate.n_seeds > 1 for cell in cells):
        found.append(_line("one seed", _SEED))
    if any(cell.published for cell in cells):
        found.append(_line("the paper's value", _PAPER))
        found.append(Patch(color=look.BAND, label=f"± {100 * table.spec.margin_relative:g} % of it and its rounding"))
    floors = [
        s.label for s in table.spec.columns if s.is_floor and any(c.system == s.key and c.estimate for c in cells)
    ]
    if floors:
        label = look.clean(" / ".join(floors))
        found.append(Line2D([], [], color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label=f"{label} (floor)"))
    return found


def _key(table: Table, rows: Sequence[Row]) -> str:
    """What the signs at the right edge and arrow heads say."""
    given = {cell.verdict for row in rows for cell in row.cells}
    told = [f"{sign} {verdict}" for verdict, sign in SIGNS.items() if verdict in given]
    parts = [f"At the right edge, the verdict: {', '.join(told)}."] if told else []
    parts += [look.CUT] if any(look.cut(_ends(table, row), _intervals(row)) for row in rows) else []
    return " ".join(parts)


def _line(label: str, style: dict[str, Any]) -> Line2D:
    line = Line2D([], [], label=label)
    line.set(**style)
    return line
