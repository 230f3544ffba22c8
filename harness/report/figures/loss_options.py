"""A metric over the options of a loss: a grid if two options vary, lines if one does.

Systems of one model and loss that differ only in numeric options of the loss form a family. A grid has a
cell for each of them, with the sign of its claim: ∗ significantly better than the compared system, ↓
significantly worse, both after correction over the table. The paper's number is below, with its printed digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from harness.report import rounding, sentences
from harness.report.figures import style
from harness.report.figures.agreement import users_of
from harness.report.figures.data import FigureData
from harness.report.figures.page import sheet
from harness.tables.build import Cell, DatasetSpec, Row, SystemSpec, Table

_FEWEST = 3  # values of an option that make a line
_CELL_IN = 0.42
_PALE, _DEEP = (0.93, 0.96, 0.99), (0.0, 0.447, 0.698)  # the ends of a grid's colours: almost white, and look.BLUE


@dataclass(frozen=True)
class Family:
    """Systems of one model and loss by their options.

    Attributes:
        names: of the options that vary, in the order in which the systems have them.
        systems: values of these options to the system's key.
    """

    model: str
    loss: str
    names: tuple[str, ...]
    systems: Mapping[tuple[float, ...], str]

    def values(self, place: int) -> list[float]:
        """The values of an option, ascending."""
        return sorted({values[place] for values in self.systems})


def draw(data: FigureData, dataset: DatasetSpec) -> Iterator[tuple[str, Figure]]:
    """A grid for each family with two varying options and each metric; one figure of lines for those with one."""
    rows = [row for row in data.table.rows if row.dataset == dataset.key]
    found = [f for f in families(data.table.spec.systems) if any(_shown(row, f) for row in rows)]
    name = style.slug(dataset.key)
    for family in (f for f in found if len(f.names) == 2):
        for row in rows:
            end = f"-{style.slug(row.metric)}" if len(rows) > 1 else ""
            yield f"grid-{style.slug(f'{family.model} {family.loss}')}-{name}{end}", _grid(data, dataset, family, row)
    lines = [f for f in found if len(f.names) == 1 and len(f.systems) >= _FEWEST]
    for option in dict.fromkeys(f.names[0] for f in lines):
        own = [f for f in lines if f.names[0] == option]
        yield f"{style.slug(option)}-{name}", _lines(data, dataset, own, rows)


def families(systems: Sequence[SystemSpec]) -> list[Family]:
    """Systems that differ only in one or two options of their loss, with every combination of values."""
    groups: dict[tuple[str, str], list[SystemSpec]] = {}
    for system in systems:
        if system.options:
            groups.setdefault((system.model, system.loss), []).append(system)
    found = []
    for (model, loss), own in groups.items():
        known = [name for name in own[0].options if all(name in s.options for s in own)]
        names = tuple(name for name in known if len({s.options[name] for s in own}) > 1)
        placed = {tuple(s.options[name] for name in names): s.key for s in own}
        every = math.prod(len({values[place] for values in placed}) for place in range(len(names)))
        if len(names) in (1, 2) and len(placed) == len(own) == every:
            found.append(Family(model, loss, names, placed))
    return found


def _shown(row: Row, family: Family) -> list[Cell]:
    keys = set(family.systems.values())
    return [cell for cell in row.cells if cell.system in keys and (cell.estimate or cell.published)]


def _grid(data: FigureData, dataset: DatasetSpec, family: Family, row: Row) -> Figure:
    table, (across, up) = data.table, family.names
    columns, lines = family.values(0), family.values(1)
    cells = {cell.system: cell for cell in row.cells}
    title = f"{row.metric} by {across} and {up}: {dataset.label}, {users_of(table, dataset)}"
    width = max(style.COLUMN_IN, 0.62 * len(columns) + 0.7)
    notes = _notes(table, row, family)
    figure = sheet(table, title, width, _CELL_IN * len(lines) + 0.45, _grid_legend(table, family), notes)
    axes = figure.subplots()
    means = [c.estimate.mean for c in _shown(row, family) if c.estimate]
    for x, column in enumerate(columns):
        for y, line in enumerate(lines):
            cell = cells[family.systems[column, line]]
            _tile(axes, table, row, cell, (x, y), _scale(cell, means))
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(lines) - 0.5)
    axes.set_xticks(range(len(columns)), [f"{v:g}" for v in columns])
    axes.set_yticks(range(len(lines)), [f"{v:g}" for v in lines])
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    style.plain(axes, left=False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _scale(cell: Cell, means: Sequence[float]) -> float:
    """A cell's mean scaled between the smallest, 0, and the largest, 1."""
    if cell.estimate is None:
        return math.nan
    low, high = min(means), max(means)
    return (cell.estimate.mean - low) / (high - low) if high > low else 0.0


def _tile(axes: Axes, table: Table, row: Row, cell: Cell, at: tuple[int, int], depth: float) -> None:
    """A cell of a grid: our mean with its claim's sign, the paper's number below."""
    known = not math.isnan(depth)
    color: Any = tuple(p + depth * (d - p) for p, d in zip(_PALE, _DEEP, strict=True)) if known else "white"
    corner = (at[0] - 0.48, at[1] - 0.47)
    against = any(r.claim.worse == cell.system for r in table.claims)
    edge = {"edgecolor": style.INK, "linewidth": 1.2} if against else {"edgecolor": style.BAND, "linewidth": 0.4}
    axes.add_patch(Rectangle(corner, 0.96, 0.94, facecolor=color, **edge))  # type: ignore[arg-type]
    ours = rounding.metric(cell.estimate.mean) + sign(table, row, cell.system) if cell.estimate else "–"
    ink = "white" if known and depth > 0.6 else style.INK
    paper = f"{cell.published.value:.{cell.published.decimals}f}" if cell.published else ""
    axes.text(*at, ours, ha="center", va="bottom" if paper else "center_baseline", color=ink, label="_ours")
    if paper:
        axes.text(
            at[0], at[1] - 0.06, paper, ha="center", va="top", color=ink, style="italic", fontsize=6, label="_paper"
        )


def sign(table: Table, row: Row, system: str) -> str:
    """The sign of a system's corrected tests: ∗ if all are better, ↓ if all are worse; else ""."""
    found = sentences.agreeing(table, row, system)
    return ("∗" if found[0].gain > 0 else "↓") if found else ""


def _notes(table: Table, row: Row, family: Family) -> str:
    """The meaning of the signs and of the second number, and the systems without runs."""
    cells, keys = {cell.system: cell for cell in row.cells}, set(family.systems.values())
    against = list(dict.fromkeys(r.claim.worse for r in table.claims if r.claim.better in keys))
    over = " / ".join(table.spec.system(key).label for key in against)
    correction = sentences.CORRECTIONS[table.spec.correction]
    how = correction if correction == "uncorrected" else f"after {correction}'s correction"
    signs = {sign(table, row, key) for key in keys}
    notes_ = [
        f"{mark} {word} than {over}: paired t-test over users, p < 0.05 {how}."
        for mark, word in (("∗", "better"), ("↓", "worse"))
        if mark in signs
    ]
    notes_ += [f"In italics: the {table.spec.published_in}'s."] if any(cells[key].published for key in keys) else []
    absent = [table.spec.system(key).label for key in family.systems.values() if not cells[key].estimate]
    notes_ += [f"No counted run: {'; '.join(absent)}."] if absent else []
    return " ".join(notes_)


def _grid_legend(table: Table, family: Family) -> list[Artist]:
    against = {r.claim.worse for r in table.claims}
    if not against & set(family.systems.values()):
        return []
    return [Patch(facecolor="white", edgecolor=style.INK, linewidth=1.2, label="reference of the claims")]


def _lines(data: FigureData, dataset: DatasetSpec, found: Sequence[Family], rows: Sequence[Row]) -> Figure:
    """A panel for each model and metric, a line for each loss."""
    table, option = data.table, found[0].names[0]
    models = list(dict.fromkeys(f.model for f in found))
    losses = list(dict.fromkeys(f.loss for f in found))
    width = style.PAGE_IN if len(models) > 1 else style.COLUMN_IN
    title = f"By {option}: {dataset.label}, {users_of(table, dataset)}"
    figure = sheet(table, title, width, 1.9 * len(rows) + 0.2, _lines_legend(table, losses, rows, found))
    grid = figure.subplots(len(rows), len(models), squeeze=False, sharey="row")
    for down, row in enumerate(rows):
        for across, model in enumerate(models):
            axes = grid[down, across]
            own = [f for f in found if f.model == model]
            _panel(axes, table, row, own, losses)
            if down == 0 and len(models) > 1:
                axes.set_title(_called(table, own), fontsize=style.TEXT_PT)
            axes.set_xlabel(option if down == len(rows) - 1 else "")
            axes.set_ylabel(row.metric if across == 0 else "")
    return figure


def _called(table: Table, own: Sequence[Family]) -> str:
    """A model's name: the common prefix of its systems' labels."""
    labels = [table.spec.system(key).label for family in own for key in family.systems.values()]
    shared = labels[0]
    while not all(label.startswith(shared) for label in labels):
        shared = shared[:-1]
    return style.clean(shared.rstrip(" ,(")) or own[0].model


def _panel(axes: Axes, table: Table, row: Row, own: Sequence[Family], losses: Sequence[str]) -> None:
    style.plain(axes)
    ticks = sorted({value for family in own for value in family.values(0)})
    axes.set_xscale("log" if ticks[0] > 0 else "linear")
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.minorticks_off()
    style.number_axis(axes, "y")
    cells = {cell.system: cell for cell in row.cells}
    for cell in row.cells:
        if cell.estimate and table.spec.system(cell.system).is_floor:
            axes.axhline(cell.estimate.mean, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for family in own:
        mark = _mark(losses.index(family.loss))
        placed = [(value, cells[key]) for (value,), key in sorted(family.systems.items())]
        ours = [(value, cell.estimate) for value, cell in placed if cell.estimate]
        for value, estimate in ours:
            axes.plot([value] * 2, [estimate.low, estimate.high], color=mark["color"], linewidth=0.6, label="_interval")
        axes.plot([v for v, _ in ours], [e.mean for _, e in ours], **mark, label="_ours", zorder=3)
        theirs = [(value, cell.published.value) for value, cell in placed if cell.published]
        if theirs:
            paper = {**style.PAPER, "markeredgecolor": mark["color"]}
            axes.plot(*zip(*theirs, strict=True), **paper, zorder=4, label="_paper")


def _mark(place: int) -> dict[str, Any]:
    return {"color": style.HUES[place % len(style.HUES)], "marker": style.MARKERS[place % len(style.MARKERS)],
            "markersize": 3.4, "linewidth": 0.9}  # fmt: skip


def _lines_legend(table: Table, losses: Sequence[str], rows: Sequence[Row], found: Sequence[Family]) -> list[Artist]:
    handles: list[Artist] = [Line2D([], [], **_mark(place), label=loss) for place, loss in enumerate(losses)]
    cells = [cell for row in rows for family in found for cell in _shown(row, family)]
    if any(cell.estimate for cell in cells):
        basis = {cell.estimate.basis for cell in cells if cell.estimate}
        label = f"95 % interval over {' or '.join(sorted(basis))}"
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.6, label=label))
    if any(cell.published for cell in cells):
        paper = {**style.PAPER, "markeredgecolor": style.GREY}
        handles.append(Line2D([], [], **paper, label=f"the {table.spec.published_in}'s"))
    if floors := [s.label for s in table.spec.columns if s.is_floor]:
        label = style.clean(" / ".join(floors))
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label=f"{label} (floor)"))
    return handles
