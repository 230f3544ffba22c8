"""HIT@k at every time step of the sequences, one curve for each system: as a figure and as CSV.

Steps with few users are noisy: each step's number of users is drawn below the curves.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from harness.report.figures.plain_plot import drawn, look

HEIGHT_IN = 4.2


@dataclass(frozen=True)
class Step:
    """A time step: users with an item there, and those whose next item had a rank of at most k."""

    step: int
    users: int
    hits: int


@dataclass(frozen=True)
class Curve:
    """One system's steps, in order."""

    label: str
    steps: tuple[Step, ...]


def svg(curves: Sequence[Curve], k: int, title: str, signature: str) -> str:
    """The figure; the same bytes for the same curves."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        for place, curve in enumerate(curves):
            steps, rates = [s.step for s in curve.steps], [s.hits / s.users for s in curve.steps]
            above.plot(steps, rates, label=curve.label, linewidth=1.3, marker="o", markersize=2.5, **look(place))
        counts = curves[0].steps
        below.bar([s.step for s in counts], [s.users for s in counts], color="#999999")
        above.set_ylabel(f"HIT@{k}")
        above.set_ylim(0, 1)
        above.legend(loc="upper left")
        below.set_ylabel("users")
        below.set_xlabel("time step (the last is the test, the one before it the validation)")

    return drawn(draw, HEIGHT_IN, title, signature, [".svg"])[".svg"].decode()


def table(curves: Sequence[Curve], k: int, signature: str) -> str:
    """One row for each system and step."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("system", "step", "users", "hits", f"HIT@{k}", "signature"))
    for curve in curves:
        for s in curve.steps:
            writer.writerow((curve.label, s.step, s.users, s.hits, f"{s.hits / s.users:.8f}", signature))
    return buffer.getvalue()
