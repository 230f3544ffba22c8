"""Ours against the paper's: for each system our mean, each seed, the printed value, and the intervals of the verdict.

A bold line is the 90 % interval of the two one-sided tests, a thin one that in which one more training would lie.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from harness.report import rounding
from harness.report.figures import style as look
from harness.report.figures.data import FigureData
from harness.report.figures.page import sheet
from harness.tables.build import Cell, DatasetSpec, Row, Table, TableSpec

SIGNS = {
    "reproduced": "✓", "consistent": "≈", "differs": "≠", "inconclusive": "?", "reproduced by users only": "(✓)",
    "consistent by users only": "(≈)", "differs by users only": "(≠)",
}  # fmt: skip
Over = Literal["seeds", "users", "nothing"]
_MEANS: dict[Over, str] = {
    "seeds": "our mean, 90 % interval over seeds", "users": "our mean, 90 % interval over users",
    "nothing": "our value, deterministic",
}  # fmt: skip
_OURS = look.BLUE
BOLD, THIN = 2.2, 0.7  # widths of the two intervals
_DIFFERS = "A value differs only if it is also beyond the noise of the other systems, which is not drawn."
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
        _row(axes, place, cell, _seed_values(table, row, cell.system), table.spec)
        if cell.estimate and table.spec.system(cell.system).is_floor:
            axes.axvline(cell.estimate.mean, color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)


def users_of(table: Table, dataset: DatasetSpec) -> str:
    """The number of users of the dataset's means."""
    n = table.n_users[dataset.key]
    return f"{rounding.count(n)} users" if n else "no valid run"


def _ends(table: Table, row: Row) -> tuple[float, float]:
    """Ends of a panel's axis."""
    bands = [band for cell in row.cells if (band := _band(cell, table.spec))]
    points = [value for cell in row.cells for value in _seed_values(table, row, cell.system)]
    points += [cell.estimate.mean for cell in row.cells if cell.estimate] + [end for band in bands for end in band]
    return look.limits(points, _intervals(row), least=0.0, narrowest=0.002)


def _intervals(row: Row) -> list[tuple[float, float]]:
    found = [interval for cell in row.cells for interval in (_deciding(cell), _one_more(cell))]
    return [interval for interval in found if interval]


def _deciding(cell: Cell) -> tuple[float, float] | None:
    """The 90 % interval of the verdict: over seeds, over users, or the value itself."""
    if cell.test:
        return cell.test.low, cell.test.high
    return cell.estimate.ninety if cell.estimate else None


def _one_more(cell: Cell) -> tuple[float, float] | None:
    """The interval of one more training of ours, if relevant."""
    test = cell.test
    return (test.prediction_low, test.prediction_high) if test and test.over != "nothing" else None


def _over(cell: Cell) -> Over:
    """The basis of the deciding interval."""
    if cell.test:
        return cell.test.over
    return "users" if cell.estimate is not None and cell.estimate.basis == "users" else "seeds"


def _row(axes: Axes, place: int, cell: Cell, seeds: Sequence[float], spec: TableSpec) -> None:
    band = _band(cell, spec)
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
    for interval, width in ((_one_more(cell), THIN), (_deciding(cell), BOLD)):
        if interval:
            look.interval(axes, place, *interval, _OURS, width)
    axes.plot([cell.estimate.mean], [place], **_mean_style(_over(cell)), label="_mean")


def _band(cell: Cell, spec: TableSpec) -> tuple[float, float] | None:
    """The range that counts as the paper's value: the recipe's margin around the printed number."""
    if cell.published is None:
        return None
    half = spec.margin(cell.published.value)
    return cell.published.value - half, cell.published.value + half


def _seed_values(table: Table, row: Row, system: str) -> list[float]:
    """The metric of each counted run of a system."""
    blocks = [block for block in table.seeds if (block.dataset, block.system) == (row.dataset, system)]
    return [line.values[row.metric] for block in blocks for line in block.lines if row.metric in line.values]


_PAPER: dict[str, Any] = {**look.PAPER, "zorder": 5}
_SEED: dict[str, Any] = {"marker": "o", "markersize": 2.4, "color": look.SKY, "markeredgewidth": 0, "linestyle": "none",
                         "zorder": 2}  # fmt: skip


def _mean_style(over: Over) -> dict[str, Any]:
    """Open if the interval is over users alone, else filled."""
    return {"marker": "o", "markersize": 4.4, "color": "white" if over == "users" else _OURS, "markeredgecolor": _OURS,
            "markeredgewidth": 1.0, "linestyle": "none", "zorder": 4}  # fmt: skip


def _legend(table: Table, rows: Sequence[Row]) -> list[Artist]:
    cells = [cell for row in rows for cell in row.cells]
    found: list[Artist] = []
    given = {_over(cell) for cell in cells if cell.estimate}
    found += [_line(label, _mean_style(over)) for over, label in _MEANS.items() if over in given]
    if any(cell.test and cell.test.over != "nothing" for cell in cells):
        found.append(Line2D([], [], color=_OURS, linewidth=THIN, label="one more training, 95 %"))
    if any(cell.estimate and cell.estimate.n_seeds > 1 for cell in cells):
        found.append(_line("one seed", _SEED))
    if any(cell.published for cell in cells):
        found.append(_line("the paper's value", _PAPER))
        found.append(Patch(color=look.BAND, label=_margin(table.spec)))
    floors = [
        s.label for s in table.spec.columns if s.is_floor and any(c.system == s.key and c.estimate for c in cells)
    ]
    if floors:
        label = look.clean(" / ".join(floors))
        found.append(Line2D([], [], color=look.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label=f"{label} (floor)"))
    return found


def _key(table: Table, rows: Sequence[Row]) -> str:
    """The meaning of the signs at the right edge and of arrow heads."""
    given = {cell.verdict for row in rows for cell in row.cells}
    meanings = [f"{sign} {verdict}" for verdict, sign in SIGNS.items() if verdict in given]
    parts = [f"Verdict at the right edge: {', '.join(meanings)}."] if meanings else []
    parts += [_DIFFERS] if given & {"differs", "inconclusive"} else []
    parts += [look.CUT] if any(look.cut(_ends(table, row), _intervals(row)) for row in rows) else []
    return " ".join(parts)


def _margin(spec: TableSpec) -> str:
    relative = f"± {100 * spec.margin_relative:g} % of it" if spec.margin_relative else ""
    return relative or f"± {spec.margin_absolute:g}"


def _line(label: str, style: dict[str, Any]) -> Line2D:
    line = Line2D([], [], label=label)
    line.set(**style)
    return line
