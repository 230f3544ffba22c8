"""Users' differences of each claim: shares of better and worse users, and the mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness.report import sentences
from harness.report.figures import style
from harness.report.figures.agreement import users_of
from harness.report.figures.data import FigureData
from harness.report.figures.page import sheet
from harness.stats.estimates import ROUNDING, Floats
from harness.stats.metrics import parse
from harness.tables.build import ClaimRow, Comparison, DatasetSpec

BETTER, WORSE = style.BLUE, style.ORANGE
_N_BINS = 40  # an even number, so that 0 is an edge and no bar contains both wins and losses
_STEP_IN, _TALL = 0.5, 0.78


def draw(data: FigureData, dataset: DatasetSpec) -> Iterator[tuple[str, Figure]]:
    """One figure for each metric with a claim that could be tested: users left, means right, claims as rows."""
    for metric in data.table.spec.metrics:
        rows = [row for row in data.table.claims if (row.dataset, row.claim.metric) == (dataset.key, metric)]
        if any(row.comparison for row in rows):
            yield f"differences-{style.slug(dataset.key)}-{style.slug(metric)}", _figure(data, dataset, metric, rows)


def _figure(data: FigureData, dataset: DatasetSpec, metric: str, rows: Sequence[ClaimRow]) -> Figure:
    table = data.table
    title = f"Users' differences in {metric}: {dataset.label}, {users_of(table, dataset)}"
    averaged = any(row.comparison and len(row.comparison.per_seed) > 1 for row in rows)
    notes = ["A user's difference is its mean over the seeds that both systems have."] if averaged else []
    notes += [style.CUT] if style.cut(_ends(rows), _intervals(rows)) else []
    figure = sheet(table, title, style.PAGE_IN, len(rows) * _STEP_IN + 0.5, _legend(rows), " ".join(notes))
    users, means = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
    found = [data.differences.get((dataset.key, row.claim)) for row in rows]
    if parse(metric).kind == "HIT":
        _counts(users, found)
    else:
        _distributions(users, found, metric)
    for place, own in enumerate(found):
        _tell_ties(users, place, own, rows[place])
    _means(means, rows, metric)
    for axes in (users, means):
        axes.axvline(0, color=style.INK, linewidth=0.6, zorder=1)
    labels = [style.wrapped(sentences.claim_name(table.spec, row), 1.5, 3) for row in rows]
    users.set_yticks(range(len(rows)), labels)
    users.set_ylim(len(rows) - 0.5, -0.5)
    return figure


def shares(differences: Floats) -> tuple[float, float, float]:
    """Percentages of users with a better, equal, and worse value."""
    better, worse = (float((side > ROUNDING).mean()) * 100 for side in (differences, -differences))
    return better, 100 - better - worse, worse


def _counts(axes: Axes, found: Sequence[Floats | None]) -> None:
    """Wins to the right, losses to the left; nothing for systems that could not be compared."""
    _bare(axes, "worse ←  users in %  → better")
    ends = [end for own in found if own is not None and len(own) for end in shares(own)[::2]]
    most = max([*ends, 0.5]) * 1.35
    axes.set_xlim(-most, most)
    style.number_axis(axes, "x")
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    for place, own in enumerate(found):
        if own is None or not len(own):
            continue
        better, _, worse = shares(own)
        for value, sign, color in ((better, 1, BETTER), (worse, -1, WORSE)):
            axes.barh([place], [sign * value], height=0.5, color=color, zorder=2)
            side: dict[str, Any] = {"ha": "left" if sign > 0 else "right", "va": "center_baseline"}
            axes.annotate(f"{value:.1f}", (sign * value, place), (3 * sign, 0), textcoords="offset points", **side)


def _distributions(axes: Axes, found: Sequence[Floats | None], metric: str) -> None:
    """A histogram of the differences that are not zero for each claim, all on one scale."""
    bins = _bins(found)
    counted = [None if own is None or not len(own) else _histogram(own, bins) for own in found]
    tallest = max([float(heights.max()) for heights in counted if heights is not None] + [0.0])
    _bare(axes, f"worse ←  difference in {metric} of a user  → better" + _scale(tallest))
    axes.set_xlim(1.03 * bins[0], 1.03 * bins[-1])
    style.number_axis(axes, "x")
    for place, heights in enumerate(counted):
        axes.axhline(place + _TALL / 2, color=style.BAND, linewidth=0.6, zorder=0)
        if heights is None or not tallest:
            continue
        for side, color in ((bins[:-1] >= 0, BETTER), (bins[:-1] < 0, WORSE)):
            axes.bar(
                bins[:-1][side], -heights[side] / tallest * _TALL, width=np.diff(bins)[side], align="edge",
                bottom=place + _TALL / 2, color=color, zorder=2,
            )  # fmt: skip


def _scale(tallest: float) -> str:
    return f"\ntallest bar: {tallest:.2g} % of users" if tallest else ""


def _bins(found: Sequence[Floats | None]) -> Floats:
    """Edges of bars over the range of users' differences, including 0."""
    most = max([float(np.abs(own).max()) for own in found if own is not None and len(own)] + [0.0])
    reach = min(1.0, math.ceil(10 * most - 1e-9) / 10) or 1.0
    return np.round(np.linspace(-reach, reach, _N_BINS + 1), 9)


def _histogram(differences: Floats, bins: Floats) -> Floats:
    """Percentage of all users in each bin; users without a difference are excluded."""
    differing = differences[np.abs(differences) > ROUNDING]
    counts = np.histogram(np.round(differing, 9), bins)[0]
    return counts.astype(np.float64) * (100 / len(differences))


def _tell_ties(axes: Axes, place: int, own: Floats | None, row: ClaimRow) -> None:
    where: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center_baseline"}
    if own is not None and len(own):
        ties = shares(own)[1]
        axes.text(1.02, place, f"{ties:.1f} %\nequal", **where)
        return
    text = "no users' differences" if row.comparison else _gap(row)
    axes.text(0.01, place, text, style="italic", color=style.GREY, **where)


def _gap(row: ClaimRow) -> str:
    if row.gap is None:
        return "not compared"
    return "failed" if row.gap.status == "failed" else style.wrapped(row.gap.reason or "not run", 1.2, 2)


def _means(axes: Axes, rows: Sequence[ClaimRow], metric: str) -> None:
    _bare(axes, f"mean difference in {metric}")
    axes.set_xlim(*_ends(rows))
    style.number_axis(axes, "x", 4)
    for place, row in enumerate(rows):
        if row.paper_gain is not None:
            axes.plot([row.paper_gain], [place], **_PAPER, label="_paper")
        if row.comparison:
            _mean(axes, place, row.comparison)
        verdict = "" if row.verdict == "not judged" else style.wrapped(row.verdict, 0.8, 2)
        axes.text(1.02, place, verdict, transform=axes.get_yaxis_transform(), va="center_baseline")


def _ends(rows: Sequence[ClaimRow]) -> tuple[float, float]:
    """Limits of the axis of means, including 0."""
    known = [row.comparison for row in rows if row.comparison]
    points = [0.0, *(c.gain for c in known), *(g.gain for c in known for g in c.per_seed)]
    points += [row.paper_gain for row in rows if row.paper_gain is not None]
    low, high = style.limits(points, _intervals(rows))
    return (low, high) if high - low > 0.002 else (-0.001, 0.001)


def _intervals(rows: Sequence[ClaimRow]) -> list[tuple[float, float]]:
    return [(row.comparison.interval.low, row.comparison.interval.high) for row in rows if row.comparison]


def _mean(axes: Axes, place: int, c: Comparison) -> None:
    if len(c.per_seed) > 1:
        axes.plot([g.gain for g in c.per_seed], [place + 0.2] * len(c.per_seed), **_SEED, label="_seed")
    style.interval(axes, place, c.interval.low, c.interval.high, style.INK)
    axes.plot([c.gain], [place], **(_MEAN if c.seed_aware else _OVER_USERS), label="_mean")


def _bare(axes: Axes, label: str) -> None:
    style.plain(axes, left=False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(label)


_DOT: dict[str, Any] = {"marker": "o", "linestyle": "none"}
_MEAN = {**_DOT, "markersize": 4.4, "color": style.INK, "markeredgecolor": style.INK, "zorder": 4}
_OVER_USERS = {**_MEAN, "color": "white", "markeredgewidth": 1.0}
_SEED = {**_DOT, "markersize": 2.4, "color": style.GREY, "markeredgewidth": 0, "zorder": 2}
_PAPER = {**_DOT, **style.PAPER, "zorder": 5}


def _legend(rows: Sequence[ClaimRow]) -> list[Artist]:
    known = [row.comparison for row in rows if row.comparison]
    found: list[Artist] = [Patch(color=WORSE, label="worse"), Patch(color=BETTER, label="better")]
    if any(c.seed_aware for c in known):
        found.append(Line2D([], [], label="mean, 95 % interval over users × seeds", **_MEAN))
    if any(not c.seed_aware for c in known):
        found.append(Line2D([], [], label="mean, 95 % interval over users", **_OVER_USERS))
    if any(len(c.per_seed) > 1 for c in known):
        found.append(Line2D([], [], label="one seed", **_SEED))
    if any(row.paper_gain is not None for row in rows):
        found.append(Line2D([], [], label="the paper's gain", **_PAPER))
    return found
