"""All rounding: numbers to the text of a table; "" for a missing number."""

from __future__ import annotations

METRIC_DECIMALS = 4


def metric(value: float | None) -> str:
    """A metric with four decimals."""
    return "" if value is None else f"{value:.{METRIC_DECIMALS}f}"


def fine(value: float) -> str:
    """A margin with two significant digits."""
    return f"{value:.2g}"


def signed(value: float | None) -> str:
    """A difference of metrics with its sign; no sign before a zero."""
    return "" if value is None else _without_sign_of_zero(f"{value:+.{METRIC_DECIMALS}f}")


def percent(fraction: float | None) -> str:
    """A relative difference in percent with its sign and one decimal, without the percent sign."""
    return "" if fraction is None else _without_sign_of_zero(f"{100 * fraction:+.1f}")


def p_value(p: float) -> str:
    """A p-value with two significant digits, or "<0.001"."""
    return "<0.001" if p < 0.001 else f"{p:#.2g}"


def plain(value: float, decimals: int) -> str:
    """A statistic with some decimals; "inf" if infinite."""
    return _without_sign_of_zero(f"{value:.{decimals}f}")


def count(number: int) -> str:
    """A count with commas between thousands."""
    return f"{number:,}"


def seconds(value: float | None) -> str:
    """A duration: seconds up to two minutes, then minutes, then hours."""
    if value is None:
        return ""
    if value < 120:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def training_time(value: float) -> str:
    """Minutes or seconds of training: whole numbers from ten on, as in papers."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def mean_count(value: float) -> str:
    """A mean of whole numbers, with a decimal if it is not whole."""
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def megabytes(value: float | None) -> str:
    """A size in MB, or in GB from 10,000 MB on."""
    if value is None:
        return ""
    return f"{value:.0f} MB" if value < 10_000 else f"{value / 1000:.1f} GB"


def _without_sign_of_zero(text: str) -> str:
    return text if any(c in text for c in "123456789if") else text.lstrip("+-")


def duration(seconds: float) -> str:
    """Seconds in words: 12 s, 3 min 20 s, 2 h 05 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
