"""Predicted probabilities as figures and as CSV: by rank for one user, and against precision at every cut-off.

No verdicts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from harness.report.figures.plain_plot import COLOURS, drawn, look

HEIGHT_IN = 4.7
HOLLOW: dict[str, Any] = {"marker": "D", "markersize": 5, "color": "none", "linestyle": "none"}


@dataclass(frozen=True)
class ByRank:
    """One system's predicted probabilities for one user, best first.

    Attributes:
        total: the sum over all items.
        printed: the paper's sum for that user, as printed; "" for none.
    """

    label: str
    user: str
    probabilities: tuple[float, ...]
    total: float
    printed: str = ""


@dataclass(frozen=True)
class Calibrated:
    """One system's means over users at the cut-offs 1, 2, ...

    Attributes:
        theory: the theoretical prediction for each precision, None if there is none.
        printed: the paper's mean predicted probability at cut-off 1, None for none.
    """

    label: str
    precision: tuple[float, ...]
    probability: tuple[float, ...]
    theory: Callable[[float], float] | None
    printed: float | None = None


def theorem(k: int, t: float, n_items: int) -> Callable[[float], float]:
    """The predicted probability of an item with true probability p after gBCE has converged.

    Source: Petrov and Macdonald 2023, eq. 10, with alpha = k / (n_items - 1) and beta by eq. 27.
    """
    alpha = min(1.0, k / (n_items - 1))
    beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
    return lambda p: beta * p / (alpha - alpha * p + beta * p)


def by_rank_figure(curves: Sequence[ByRank], title: str, signature: str) -> dict[str, bytes]:
    """Probability by rank for one user; the sum over all items is in the legend."""

    def draw(figure: Figure) -> None:
        axes: Any = figure.subplots()
        for place, curve in enumerate(curves):
            ranks = range(1, len(curve.probabilities) + 1)
            paper = f" (paper: {curve.printed})" if curve.printed else ""
            label = f"{curve.label}: {curve.total:.2f} over all items{paper}"
            axes.plot(ranks, curve.probabilities, label=label, linewidth=1.3, **look(place))
        axes.set_xlabel(f"rank (user {curves[0].user})")
        axes.set_ylabel("predicted probability")
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside lower center", ncols=2)

    return drawn(draw, HEIGHT_IN, title, signature)


def calibration_figure(curves: Sequence[Calibrated], title: str, signature: str) -> dict[str, bytes]:
    """Mean predicted probability against mean precision, both on logarithmic scales, with the theoretical curve."""

    def draw(figure: Figure) -> None:
        axes: Any = figure.subplots()
        shown = [p for c in curves for p in c.precision if p > 0]
        with_printed = [c for c in curves if c.printed is not None and c.precision[0] > 0]
        ends = (min(shown, default=1e-4) / 1.5, min(1.0, max(shown, default=1.0) * 1.5))
        grid = [ends[0] * (ends[1] / ends[0]) ** (step / 100) for step in range(101)]
        for place, curve in enumerate(curves):
            points = [(x, y) for x, y in zip(curve.precision, curve.probability, strict=True) if x > 0]
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(*zip(*points, strict=True), ".", color=colour, markersize=4, label=curve.label)
            if curve.theory:
                axes.plot(grid, [curve.theory(p) for p in grid], color=colour, linestyle="-", linewidth=1)
            if curve in with_printed:
                axes.plot(curve.precision[:1], [curve.printed], **HOLLOW, markeredgecolor=colour)
        axes.plot([], [], color="#555555", linewidth=1, label="Theorem 5.1 for the same loss")
        if with_printed:
            axes.plot([], [], **HOLLOW, markeredgecolor="#555555", label="printed in the paper for K = 1")
        axes.plot(ends, ends, color="#999999", linestyle=":", linewidth=1, label="calibrated")
        axes.set(xscale="log", yscale="log", xlabel="mean precision@K, K = 1 to 100")
        axes.set_ylabel("mean predicted probability@K")
        figure.legend(loc="outside lower center", ncols=3)

    return drawn(draw, HEIGHT_IN, title, signature)


def by_rank_table(curves: Sequence[ByRank], signature: str) -> str:
    """One row for each system and rank."""
    rows = [
        (c.label, c.user, rank, f"{p:.8g}", f"{c.total:.6f}", signature)
        for c in curves
        for rank, p in enumerate(c.probabilities, start=1)
    ]
    return as_csv(("system", "user", "rank", "probability", "sum over all items", "signature"), rows)


def calibration_table(curves: Sequence[Calibrated], signature: str) -> str:
    """One row for each system and cut-off."""
    rows = [
        (c.label, k, f"{x:.8g}", f"{y:.8g}", f"{c.theory(x):.8g}" if c.theory else "", signature)
        for c in curves
        for k, (x, y) in enumerate(zip(c.precision, c.probability, strict=True), start=1)
    ]
    return as_csv(("system", "K", "precision", "predicted probability", "Theorem 5.1", "signature"), rows)


def as_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The rows as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([header, *rows])
    return buffer.getvalue()
