"""Training curves: validation above, training loss below, a panel for each system, a line for each seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.report.figures import style
from harness.report.figures.data import Curve, FigureData
from harness.report.figures.page import sheet
from harness.tables.build import DatasetSpec, SystemSpec

_MOST_ABREAST = 5


def draw(data: FigureData, dataset: DatasetSpec) -> Iterator[tuple[str, Figure]]:
    """One figure; none if no run has a curve."""
    spec = data.table.spec
    curves = {
        s.key: [c for c in data.curves if (c.dataset, c.system) == (dataset.key, s.key) and len(c.epochs)]
        for s in spec.columns
    }
    systems = [s for s in spec.columns if curves[s.key] or not s.is_floor]
    shown = [curve for own in curves.values() for curve in own]
    if shown:
        yield f"curves-{style.slug(dataset.key)}", _figure(data, dataset, systems, curves, shown)


def _figure(
    data: FigureData, dataset: DatasetSpec, systems: Sequence[SystemSpec], curves: dict[str, list[Curve]],
    shown: Sequence[Curve],
) -> Figure:  # fmt: skip
    down = math.ceil(len(systems) / _MOST_ABREAST)
    abreast = math.ceil(len(systems) / down)
    width = style.PAGE_IN if abreast > 2 else style.COLUMN_IN
    metrics = list(dict.fromkeys(style.clean(c.metric) for c in shown if c.metric))
    names = metrics[0] if len(metrics) == 1 else "the upstream's own metric"
    titles = {s.key: style.wrapped(s.label, (width - 0.4) / abreast - 0.25, 2) for s in systems}
    high = 1.85 + (0.12 if any("\n" in title for title in titles.values()) else 0.0)
    figure = sheet(data.table, f"Validation and training: {dataset.label}", width, down * high + 0.2, _legend(shown))
    grid = figure.subplots(2 * down, abreast, squeeze=False, height_ratios=[1.35, 1] * down)
    marks, ends = style.marks(data.table.spec), _ends(shown)
    places = [(row, column) for row in range(down) for column in range(abreast)]
    for place, (row, column) in enumerate(places):
        upper, lower = grid[2 * row, column], grid[2 * row + 1, column]
        if place >= len(systems):
            upper.remove()
            lower.remove()
            continue
        system = systems[place]
        _panel(upper, lower, curves[system.key], marks[system.key].color, ends)
        upper.set_title(titles[system.key], fontsize=style.TEXT_PT)
        if place + abreast >= len(systems):
            lower.set_xlabel("epoch")
        if column == 0:
            upper.set_ylabel(f"{names},\nvalidation" if len(names) < 12 else "validation")
            lower.set_ylabel("training\nloss")
            figure.align_ylabels([upper, lower])
        else:
            upper.tick_params(labelleft=False)
    return figure


def _ends(shown: Sequence[Curve]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Common ends of epochs and of validation values, so that panels can be compared."""
    epochs = np.concatenate([curve.epochs for curve in shown])
    values = np.concatenate([curve.values for curve in shown])
    span = float(max(epochs.max() - epochs.min(), 1))
    return (float(epochs.min()) - 0.04 * span, float(epochs.max()) + 0.06 * span), style.limits(
        values.tolist(), narrowest=0.002
    )


def _panel(
    upper: Axes, lower: Axes, curves: Sequence[Curve], color: str, ends: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    for axes in (upper, lower):
        style.plain(axes)
        axes.set_xlim(*ends[0])
        style.number_axis(axes, "x", 3, whole=True)
        style.number_axis(axes, "y", 4)
    upper.tick_params(labelbottom=False)
    upper.set_ylim(*ends[1])
    for curve in curves:
        _lines(upper, lower, curve, color)
    losses = [loss for curve in curves for loss in curve.losses.tolist() if math.isfinite(loss)]
    if losses:
        lower.set_ylim(*style.limits(losses))
    else:
        lower.set_yticks([])
    validated = any(np.isfinite(curve.values).any() for curve in curves)
    if not validated:
        message = "not validated" if curves else "no curve"
        upper.set_yticks([])
        upper.text(0.5, 0.5, message, transform=upper.transAxes, ha="center", style="italic", color=style.GREY)


def _lines(upper: Axes, lower: Axes, curve: Curve, color: str) -> None:
    dashes: Any = "-" if curve.counted else (0, (1, 1))
    for axes, values, kind in ((upper, curve.values, "validation"), (lower, curve.losses, "training")):
        known = np.isfinite(values)
        alone = "." if known.sum() == 1 else ""
        axes.plot(
            curve.epochs[known], values[known], color=color, linewidth=0.7, linestyle=dashes, marker=alone,
            markersize=2, alpha=0.85, label=f"_{kind}",
        )  # fmt: skip
        if not curve.counted and known.any():
            last = np.flatnonzero(known)[-1]
            axes.plot([curve.epochs[last]], [values[last]], **_FAILED, zorder=6)
    chosen = np.flatnonzero((curve.epochs == curve.chosen) & np.isfinite(curve.values))
    if curve.chosen is not None and len(chosen):
        at = chosen[0]
        upper.plot([curve.epochs[at]], [curve.values[at]], **_CHOSEN, color=color, zorder=4, label="_chosen")


_CHOSEN: dict[str, Any] = {
    "marker": "o",
    "markersize": 3.4,
    "markeredgecolor": style.INK,
    "markeredgewidth": 0.7,
    "linestyle": "none",
}
_FAILED: dict[str, Any] = {
    "marker": "x",
    "markersize": 4.2,
    "color": style.INK,
    "markeredgewidth": 0.8,
    "linestyle": "none",
}


def _legend(shown: Sequence[Curve]) -> list[Artist]:
    found: list[Artist] = [Line2D([], [], color=style.INK, linewidth=0.7, label="one seed")]
    if any(curve.chosen is not None and np.isfinite(curve.values).any() for curve in shown):
        found.append(Line2D([], [], **_CHOSEN, color="white", label="epoch whose weights were tested"))
    if any(not curve.counted for curve in shown):
        dots: dict[str, Any] = {**_FAILED, "linestyle": (0, (1, 1)), "linewidth": 0.7}
        found.append(Line2D([], [], **dots, label="run that does not count"))
    return found
