"""Colours, sizes, labels and axes that all figures share."""

from __future__ import annotations

import functools
import math
import re
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from harness.tables.build import TableSpec

COLUMN_IN, PAGE_IN = 3.3, 7.0
TEXT_PT, TITLE_PT = 7.0, 8.0
PT = 1 / 72
LINE_IN = 1.3 * TEXT_PT * PT
#: Okabe and Ito's colours without yellow, which is faint in print; black and grey are not used for systems.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
#: The note of a figure with a truncated interval.
CUT = "Arrow head: the interval continues."
INK, GREY, BAND, FAINT = "#000000", "#6E6E6E", "#D6D6D6", "#EDEDED"
HUES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = "osD^vP*X<>"
_FILLS: tuple[Literal["none", "full", "left", "bottom", "right", "top"], ...] = (
    "none",
    "full",
    "left",
    "bottom",
    "right",
    "top",
)
#: Ticks of a time axis: the first of each unit has priority.
_TIMES = (
    *((0.001, "1 ms"), (1, "1 s"), (60, "1 min"), (3600, "1 h"), (86400, "1 d")),
    *((0.01, "10 ms"), (0.1, "100 ms"), (10, "10 s"), (600, "10 min"), (36000, "10 h"), (864000, "10 d")),
    *((2, "2 s"), (5, "5 s"), (20, "20 s"), (30, "30 s"), (120, "2 min"), (300, "5 min"), (1200, "20 min")),
    *((1800, "30 min"), (7200, "2 h"), (18000, "5 h"), (172800, "2 d"), (432000, "5 d"), (4320000, "50 d")),
)


#: Style of a paper's number: hollow, so that ours is visible if they agree.
PAPER: dict[str, Any] = {"marker": "D", "markersize": 4.2, "color": "none", "markeredgecolor": VERMILION,
                         "markeredgewidth": 1.1, "linestyle": "none"}  # fmt: skip


_VARIANTS = re.compile(r"-as-(published|released)$")


@dataclass(frozen=True)
class Mark:
    """The mark of a system in all figures.

    Colour and shape depend on the model, the fill on the loss. In a model with more losses than fill styles,
    each loss has its own colour and shape, hollow as published (or if there is only one), full as released.
    """

    color: str
    marker: str
    fill: Literal["none", "full", "left", "bottom", "right", "top"]


def marks(spec: TableSpec) -> dict[str, Mark]:
    """The mark of each system; systems with the same key up to the slash are one model."""
    models: dict[str, list[str]] = {}
    for system in spec.columns:
        if not system.is_floor:
            models.setdefault(system.key.partition("/")[0], []).append(system.key)
    found = {s.key: Mark(GREY, "o", "full") for s in spec.columns if s.is_floor}
    for place, keys in enumerate(models.values()):
        if len(keys) > len(_FILLS):
            found |= _many(keys)
            continue
        for variant, key in enumerate(keys):
            found[key] = Mark(HUES[place % len(HUES)], MARKERS[place % len(MARKERS)], _FILLS[variant % len(_FILLS)])
    return found


def _many(keys: Iterable[str]) -> dict[str, Mark]:
    """Marks of a model with many losses."""
    kinds: dict[str, list[str]] = {}
    for key in keys:
        kinds.setdefault(_VARIANTS.sub("", key), []).append(key)
    found = {}
    for place, variants in enumerate(kinds.values()):
        shape = MARKERS[place // len(HUES) % len(MARKERS)]
        for key in variants:
            released = len(variants) > 1 and key.endswith("released")
            found[key] = Mark(HUES[place % len(HUES)], shape, "full" if released else "none")
    return found


def slug(text: str) -> str:
    """Text for a file's name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def clean(text: str) -> str:
    """Text on one line without characters that XML or fonts lack."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@functools.lru_cache(maxsize=4000)
def width_in(text: str, size: float = TEXT_PT, weight: str = "normal") -> float:
    """The width of a line of text, in inches."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) * PT


def wrapped(text: str, most_in: float, lines: int = 2, size: float = TEXT_PT, weight: str = "normal") -> str:
    """Text wrapped into at most this many lines; the middle of a longer text is replaced by "…"."""
    broken = _broken(clean(text), most_in, size, weight)
    if len(broken) <= lines:
        return "\n".join(broken)
    whole = clean(text)

    def shortened(kept: int) -> list[str]:
        left, right = kept - kept // 2, len(whole) - kept // 2
        return _broken(f"{whole[:left]}…{whole[right:]}", most_in, size, weight)

    most = bisect(range(1, len(whole)), lines, key=lambda kept: len(shortened(kept)))
    return "\n".join(shortened(max(most, 1)))


def _broken(text: str, most_in: float, size: float, weight: str) -> list[str]:
    """Greedy lines; a too long word is split."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and width_in(f"{line} {word}", size, weight) <= most_in:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        while width_in(word, size, weight) > most_in and len(word) > 1:
            fits = _fitting(word, most_in, size, weight)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line]


def _fitting(word: str, most_in: float, size: float, weight: str) -> int:
    """The number of characters of a word that fit, at least one."""
    return max(1, bisect(range(1, len(word)), most_in, key=lambda n: width_in(word[:n], size, weight)))


def plain(axes: Axes, *, left: bool = True) -> None:
    """Axes with a thin line below and optionally on the left."""
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom" or (side == "left" and left))
        spine.set_linewidth(0.6)
    axes.tick_params(width=0.6, length=2.5, pad=2)


def number_axis(axes: Axes, which: str, most: int = 5, *, whole: bool = False) -> None:
    """Few round ticks as plain numbers; `whole` for counts."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    formatter = ScalarFormatter(useOffset=False, useMathText=False)
    formatter.set_scientific(False)
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1 if whole else 2, integer=whole))
    axis.set_major_formatter(formatter)


def time_axis(axes: Axes, low: float, high: float, most: int = 6) -> None:
    """A logarithmic x-axis of seconds with ticks labelled as times."""
    low, high = low / 1.35, high * 1.35
    while len(ticks := _time_ticks(low, high, most)) < 2 and high / low < 1e9:
        low, high = low / 1.2, high * 1.2
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([seconds for seconds, _ in ticks], [text for _, text in ticks])


def _time_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Seconds with their texts, far enough apart not to overlap."""
    ticks: list[tuple[float, str]] = []
    for seconds, text in _TIMES:
        apart = [abs(math.log(seconds / other)) for other, _ in ticks]
        if low <= seconds <= high and min(apart, default=math.inf) > math.log(high / low) / most:
            ticks.append((seconds, text))
    return ticks


def limits(
    points: Iterable[float], intervals: Iterable[tuple[float, float]] = (), least: float = -math.inf,
    narrowest: float = 0.0,
) -> tuple[float, float]:  # fmt: skip
    """Limits of an axis: all points, and intervals unless they are too wide for the points to be distinguished.

    Two seeds can give an interval ten times as wide as all points; its end is truncated and marked.

    Args:
        least: lower bound of values, such as 0 for a metric.
        narrowest: minimum width, so that equal values do not get seven decimals.
    """
    known = [p for p in points if math.isfinite(p)]
    if not known:
        return (0.0, 1.0)
    low, high = min(known), max(known)
    reach = max(high - low, abs(high), abs(low)) or 0.01
    ends = [end for interval in intervals for end in interval if math.isfinite(end)]
    low = max(min([low, *ends]), low - 0.6 * reach, least)
    high = min(max([high, *ends]), high + 0.6 * reach)
    if 0 < low < 0.35 * high:
        low = 0.0
    high += max(0.0, narrowest - (high - low))
    pad = 0.04 * ((high - low) or reach)
    return low - pad, high + pad


def cut(ends: tuple[float, float], intervals: Iterable[tuple[float, float]]) -> bool:
    """Whether some interval reaches beyond the ends of its axis."""
    return any(low < ends[0] or high > ends[1] for low, high in intervals)


def interval(axes: Axes, y: float, low: float, high: float, color: str, width: float = 1.1) -> None:
    """A horizontal interval; an end beyond the axis becomes an arrow head at its edge."""
    left, right = axes.get_xlim()
    inside = 0.012 * (right - left)  # so that an arrow head does not reach into the label beside the axis
    axes.plot([max(low, left), min(high, right)], [y, y], color=color, linewidth=width, solid_capstyle="butt", zorder=3)
    for beyond, at, marker in ((low < left, left + inside, "<"), (high > right, right - inside, ">")):
        if beyond:
            axes.plot([at], [y], marker=marker, color=color, markersize=3.6, markeredgewidth=0, zorder=3, label="_cut")
