"""Overall agreement of a table with a paper: the measures of repro_eval that printed numbers allow.

repro_eval (Breuer et al., ECIR 2021) has them for the scores of single topics of two runs. Papers print means only, so
the root mean square error is taken over systems and not over users, and the order is that of systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.estimates import ROUNDING
from harness.tables.claim_model import ClaimRow
from harness.tables.model import Cell, Row, Table


@dataclass(frozen=True)
class Degree:
    """All values of a metric on a dataset against the printed ones.

    Attributes:
        n_values: printed values compared with ours; a value shared by two systems counts once.
        rmse: root mean square of ours - printed.
        tau: Kendall's tau-b between our order of systems and the printed one; None for fewer than two values, or if
            all are equal.
    """

    dataset: str
    metric: str
    n_values: int
    rmse: float
    tau: float | None


def degrees(table: Table) -> tuple[Degree, ...]:
    """One for each row of the table with a printed value and one of ours; none if training was shortened."""
    if table.spec.quick:
        return ()
    return tuple(degree for row in table.rows if (degree := _degree(row)))


def effect_ratio(row: ClaimRow) -> float | None:
    """Our gain over the printed one: 1 is equal, 0 no gain, below 0 a loss; None if the paper has no gain."""
    if row.comparison is None or not row.paper_gain:
        return None
    return row.comparison.gain / row.paper_gain


def delta_relative_improvement(row: ClaimRow) -> float | None:
    """The printed relative gain minus ours: 0 is equal, above 0 smaller than printed."""
    ours = row.comparison.relative if row.comparison else None
    return None if ours is None or row.paper_relative is None else row.paper_relative - ours


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Kendall's tau-b of two orders of the same things; None if one of them has no order.

    Differences up to rounding are ties.
    Source: Kendall, Biometrika 33, 1945.
    """
    first, second = (_signs(values) for values in (one, other))
    pairs = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / pairs if pairs else None


def _signs(values: Sequence[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """1, 0 or -1 for each ordered pair of values."""
    apart = np.subtract.outer(np.array(values), np.array(values))
    return np.where(np.abs(apart) > ROUNDING, np.sign(apart), 0.0)


def _degree(row: Row) -> Degree | None:
    found: dict[str, tuple[float, float]] = {}
    for cell in row.cells:
        if (pair := _pair(cell)) and cell.published:
            name = cell.published.identity
            found[name] = max(found.get(name, pair), pair, key=lambda p: abs(p[0] - p[1]))
    if not found:
        return None
    ours, printed = (np.array(side) for side in zip(*found.values(), strict=True))
    rmse = float(np.sqrt(np.mean((ours - printed) ** 2)))
    return Degree(row.dataset, row.metric, len(found), rmse, kendall_tau(list(ours), list(printed)))


def _pair(cell: Cell) -> tuple[float, float] | None:
    """Our value and the printed one."""
    return (cell.estimate.mean, cell.published.value) if cell.estimate and cell.published else None
