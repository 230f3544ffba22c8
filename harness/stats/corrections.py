"""Many tests at once: p-values adjusted over a family, so that each may be compared with alpha itself.

Functions on plain numbers with the same signature. The tests compare them with statsmodels' `multipletests`;
at run time its import would take longer than the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Literal

from harness.core.errors import MetricsError

Correction = Literal["holm", "bonferroni", "benjamini-hochberg", "none"]


def adjust(p_values: Sequence[float], method: Correction = "holm") -> list[float]:
    """Adjusted p-values in the order given; [] for none.

    Holm and Bonferroni control the family-wise error rate (any false rejection) at alpha; Holm is never less
    powerful. Benjamini-Hochberg controls the false discovery rate (expected share of false rejections).

    Raises:
        MetricsError: for a value outside [0, 1], NaN included.
    """
    return METHODS[method](p_values)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, see `adjust`.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    n, order = len(p_values), _ascending(p_values)
    # The smallest p times n, the next times n - 1, ...; the running maximum keeps the adjusted values in order.
    steps = accumulate(((n - step) * p_values[i] for step, i in enumerate(order)), max)
    return _in_place(order, steps)


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """Each p-value times their number, see `adjust`.

    Source: Dunn, Journal of the American Statistical Association 56, 1961.
    """
    order = _ascending(p_values)
    return _in_place(order, (len(p_values) * p_values[i] for i in order))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Step-up adjusted p-values for the false discovery rate, see `adjust`.

    Source: Benjamini & Hochberg, Journal of the Royal Statistical Society B 57, 1995.
    """
    n, order = len(p_values), _ascending(p_values)[::-1]
    # The largest p times n / n, the next times n / (n - 1), ...; the running minimum keeps them in order.
    steps = accumulate((n / (n - step) * p_values[i] for step, i in enumerate(order)), min)
    return _in_place(order, steps)


def none(p_values: Sequence[float]) -> list[float]:
    """The p-values unchanged, see `adjust`."""
    return _in_place(order := _ascending(p_values), (p_values[i] for i in order))


METHODS: Mapping[Correction, Callable[[Sequence[float]], list[float]]] = MappingProxyType(
    {"holm": holm, "bonferroni": bonferroni, "benjamini-hochberg": benjamini_hochberg, "none": none}
)


def _ascending(p_values: Sequence[float]) -> list[int]:
    if invalid := [p for p in p_values if not 0 <= p <= 1]:
        raise MetricsError("p-values", f"not in [0, 1]: {invalid[:3]}", "check the tests that gave them")
    return sorted(range(len(p_values)), key=lambda i: p_values[i])


def _in_place(order: Sequence[int], adjusted: Iterable[float]) -> list[float]:
    found = dict(zip(order, adjusted, strict=True))
    return [min(1.0, found[i]) for i in range(len(order))]
