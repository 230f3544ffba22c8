"""What figures are drawn from: a judged table, users' differences, curves. Frozen; no path, no library of drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.results import Claim, Published
from harness.stats.estimates import Floats
from harness.tables.build import Table


@dataclass(frozen=True, eq=False)
class Curve:
    """How one run learned.

    Attributes:
        metric: what the upstream validates by, as it reports it.
        epochs: shape (n_epochs,), from 0, in order.
        values: shape (n_epochs,), the validation metric; NaN where an epoch was not validated.
        losses: shape (n_epochs,), the mean training loss; NaN where it was not reported.
        chosen: the epoch whose weights were tested, None where nobody knows.
        counted: whether the table counts this run; one that does not is drawn as such.
    """

    dataset: str
    system: str
    seed: int | None
    metric: str
    epochs: Floats
    values: Floats
    losses: Floats
    chosen: int | None = None
    counted: bool = True


@dataclass(frozen=True, eq=False)
class FigureData:
    """All that the figures of a table need.

    Attributes:
        table: judged.
        differences: dataset and claim -> shape (n_users,), the better system's value minus the worse one's, averaged
            over the seeds that both have; nothing for what could not be compared.
        curves: of any runs; those of systems or datasets that the table lacks are passed over.
        published: numbers that the papers print of these systems, times and memory among them.
    """

    table: Table
    differences: Mapping[tuple[str, Claim], Floats] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    published: tuple[Published, ...] = ()
