"""Quality against cost: a metric against training time, with peak memory as bubble area.

Points of papers that report times and memory are crossed out, since they were measured on another machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.core.results import TRAINING_TIME
from harness.report.figures import style
from harness.report.figures.data import FigureData
from harness.report.figures.page import sheet
from harness.tables.build import DatasetSpec, SeedLine, Table

TIME, MEMORY = TRAINING_TIME, "gpu_memory"  # in recipes/papers; a time with its unit, and MB
_CROSS: Any = {"marker": "x", "color": style.INK, "markersize": 4, "markeredgewidth": 0.6, "linestyle": "none"}
_LARGEST_PT = 18.0  # diameter of the bubble of the most memory


@dataclass(frozen=True)
class MeasuredCost:
    """A system's counted runs with their times; `memory_mb` is the mean over the runs that report it."""

    system: str
    lines: tuple[SeedLine, ...]
    seconds: float
    memory_mb: float | None

    def mean(self, metric: str) -> float:
        """The metric's mean over the runs drawn."""
        return math.fsum(line.values[metric] for line in self.lines) / len(self.lines)


@dataclass(frozen=True)
class PublishedCost:
    """Printed values of a drawn system: a metric's value with time and, if printed, memory."""

    system: str
    place: str
    seconds: float
    memory_mb: float | None
    values: dict[str, float]


def draw(data: FigureData, dataset: DatasetSpec) -> Iterator[tuple[str, Figure]]:
    """One figure: a panel for each metric, two side by side; none if no run and no paper has a time."""
    table = data.table
    found, theirs = spent(table, dataset.key), published_costs(data, dataset.key)
    if not (found or theirs) or not table.spec.metrics:
        return
    metrics = table.spec.metrics
    abreast = min(2, len(metrics))
    down = math.ceil(len(metrics) / abreast)
    width = style.PAGE_IN if abreast > 1 else style.COLUMN_IN
    sizes = [own.memory_mb for own in found] + [point.memory_mb for point in theirs]
    most = max((size or 0.0 for size in sizes), default=0.0)
    title = f"Quality against cost: {dataset.label}"
    notes = _untold(table, found) + _told_elsewhere(theirs)
    figure = sheet(table, title, width, 2.6 * down, _legend(table, found, theirs, most), notes)
    grid = figure.subplots(down, abreast, squeeze=False)
    for axes, metric in zip(grid.flat, metrics, strict=False):
        _panel(axes, table, dataset.key, metric, found, theirs, most)
    for axes in grid.flat[len(metrics) :]:
        axes.remove()
    yield f"cost-{style.slug(dataset.key)}", figure


def spent(table: Table, dataset: str) -> list[MeasuredCost]:
    """Systems without floors, with the runs that count and report their time."""
    found = []
    for block in table.seeds:
        lines = tuple(line for line in block.lines if line.values and line.seconds is not None and line.seconds > 0)
        if block.dataset == dataset and lines and not table.spec.system(block.system).is_floor:
            memory = [line.peak_memory_mb for line in lines if line.peak_memory_mb]
            seconds = math.fsum(line.seconds or 0.0 for line in lines) / len(lines)
            found.append(MeasuredCost(block.system, lines, seconds, sum(memory) / len(memory) if memory else None))
    return found


def published_costs(data: FigureData, dataset: str) -> list[PublishedCost]:
    """The papers' points of systems in the table, each once.

    A number belongs to a loss as published and as released; it is drawn once, as the latter, the authors' code.
    """
    numbers: dict[tuple[str, str], dict[str, float]] = {}
    for own in data.published:
        if own.dataset == dataset:
            where = (own.beside or data.table.spec.published_in, own.system)
            numbers.setdefault(where, {})[own.metric] = own.seconds if own.metric == TIME else own.value
    found: dict[tuple[str, str], PublishedCost] = {}
    for system in data.table.spec.columns:
        for (place, key), values in numbers.items():
            shown = {metric: values[metric] for metric in data.table.spec.metrics if metric in values}
            if key == system.key and shown and values.get(TIME, 0) > 0:
                point = PublishedCost(key, place, values[TIME], values.get(MEMORY), shown)
                found[place, system.published_label or key] = point
    return list(found.values())


def _panel(
    axes: Axes,
    table: Table,
    dataset: str,
    metric: str,
    found: Sequence[MeasuredCost],
    theirs: Sequence[PublishedCost],
    most: float,
) -> None:
    style.plain(axes)
    floors = [
        cell.estimate.mean
        for row in table.rows
        for cell in row.cells
        if (row.dataset, row.metric) == (dataset, metric) and cell.estimate and table.spec.system(cell.system).is_floor
    ]
    points = [own for own in theirs if metric in own.values]
    values = [line.values[metric] for own in found for line in own.lines] + [own.values[metric] for own in points]
    seconds = [line.seconds or 1.0 for own in found for line in own.lines] + [own.seconds for own in points]
    if not seconds:
        return
    low, high = style.limits([*values, *floors], narrowest=0.002)
    axes.set_ylim(low - 0.03 * (high - low), high + 0.06 * (high - low))
    style.time_axis(axes, min(seconds), max(seconds))
    style.number_axis(axes, "y")
    axes.set_xlabel("time to train and test, wall clock (logarithmic)")
    axes.set_ylabel(metric)
    for floor in floors:
        axes.axhline(floor, color=style.GREY, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    marks = style.marks(table.spec)
    for point in points:
        _point(axes, point, metric, marks[point.system], most)
    for own in found:
        _system(axes, own, metric, marks[own.system], most)


def _point(axes: Axes, point: PublishedCost, metric: str, mark: style.Mark, most: float) -> None:
    """A point of a paper: the mark of its system, crossed out; its memory is an empty circle."""
    at = ([point.seconds], [point.values[metric]])
    if point.memory_mb:
        axes.plot(
            *at, marker="o", color="none", markeredgecolor=mark.color, markeredgewidth=0.5, alpha=0.6, zorder=2,
            linestyle="none", markersize=_diameter(point.memory_mb, most), label="_their memory",
        )  # fmt: skip
    axes.plot(
        *at, marker=mark.marker, color=mark.color, fillstyle=mark.fill, markersize=5, alpha=0.6, linestyle="none",
        zorder=3, label="_theirs",
    )  # fmt: skip
    axes.plot(*at, **_CROSS, zorder=3, label="_cross")


def _system(axes: Axes, own: MeasuredCost, metric: str, mark: style.Mark, most: float) -> None:
    small: dict[str, Any] = {"marker": mark.marker, "color": mark.color, "fillstyle": mark.fill, "linestyle": "none"}
    if len(own.lines) > 1:
        seconds, values = [line.seconds or 1.0 for line in own.lines], [line.values[metric] for line in own.lines]
        axes.plot(seconds, values, **small, markersize=2.6, markeredgewidth=0.6, alpha=0.8, zorder=3, label="_seed")
    at = ([own.seconds], [own.mean(metric)])
    if own.memory_mb:
        axes.plot(
            *at, marker="o", color=mark.color, alpha=0.25, markeredgewidth=0, linestyle="none", zorder=2,
            markersize=_diameter(own.memory_mb, most), label="_memory",
        )  # fmt: skip
    axes.plot(*at, **small, markersize=6, markeredgewidth=1.1, zorder=4, label="_mean")


def _diameter(memory_mb: float, most: float) -> float:
    """In points; the area is proportional to the memory."""
    return _LARGEST_PT * math.sqrt(memory_mb / most)


def _legend(table: Table, found: Sequence[MeasuredCost], theirs: Sequence[PublishedCost], most: float) -> list[Artist]:
    marks = style.marks(table.spec)
    handles: list[Artist] = []
    own_keys = {own.system for own in found}
    for key in [*(own.system for own in found), *(point.system for point in theirs if point.system not in own_keys)]:
        mark = marks[key]
        handles.append(
            Line2D(
                [], [], marker=mark.marker, color=mark.color, fillstyle=mark.fill, markersize=5, linestyle="none",
                label=style.wrapped(table.spec.system(key).label, 2.6, 1),
            )
        )  # fmt: skip
    if any(len(own.lines) > 1 for own in found):
        handles.append(Line2D([], [], marker="o", color=style.GREY, markersize=2.6, linestyle="none", label="one seed"))
    for place in dict.fromkeys(point.place for point in theirs):
        label = style.clean(f"{place}, crossed out")
        handles.append(Line2D([], [], **_CROSS, label=label))
    if most:
        handles += [
            Line2D(
                [], [], marker="o", color=style.GREY, alpha=0.3, markeredgewidth=0, linestyle="none",
                markersize=_diameter(size, most), label=f"{_memory(size, most)} peak memory",
            )
            for size in _round_sizes(most)
        ]  # fmt: skip
    floors = [s.label for s in table.spec.columns if s.is_floor]
    if floors:
        label = style.clean(" / ".join(floors))
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.8, linestyle=(0, (4, 2)), label=f"{label} (floor)"))
    return handles


def _round_sizes(most: float) -> list[float]:
    """A large and a small amount of memory with few digits, not above the most."""
    unit = 10.0 ** math.floor(math.log10(most))
    large = max(n * unit for n in (1, 2, 5) if n * unit <= most)
    return [large / 4 if large / 4 >= 1 else large, large] if large >= 4 else [large]


def _memory(size: float, most: float) -> str:
    """A round amount of memory, all of a figure in one unit."""
    return f"{size / 1000:g} GB" if most >= 4000 else f"{size:g} MB"


def _told_elsewhere(theirs: Sequence[PublishedCost]) -> str:
    """How the papers' points are comparable with ours."""
    text = (
        " Crossed-out points are as printed: training only, on the authors' machine; empty circles: accelerator memory."
    )
    return text if theirs else ""


def _untold(table: Table, found: Sequence[MeasuredCost]) -> str:
    """Systems that are not drawn, and those without memory."""
    drawn = {own.system for own in found}
    absent = [s.label for s in table.spec.columns if not s.is_floor and s.key not in drawn]
    unsized = [table.spec.system(own.system).label for own in found if not own.memory_mb]
    parts = [f"Not drawn, since no counted run has a time: {'; '.join(absent)}."] if absent else []
    parts += [f"Peak memory unknown: {'; '.join(unsized)}."] if unsized else []
    return " ".join(parts)
