"""The data of figures: a judged table, users' differences, curves. Frozen; no paths, no plotting library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.results import Claim, Published
from harness.stats.estimates import Floats
from harness.tables.build import Table


@dataclass(frozen=True, eq=False)
class Curve:
    """The training curve of one run.

    Attributes:
        metric: the upstream's validation metric, as reported.
        epochs: shape (n_epochs,), from 0, in order.
        values: shape (n_epochs,), the validation metric; NaN where an epoch was not validated.
        losses: shape (n_epochs,), the mean training loss; NaN where it was not reported.
        chosen: the epoch whose weights were tested, None if unknown.
        counted: whether the table counts this run; others are drawn differently.
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
    """Everything that the figures of a table need.

    Attributes:
        table: judged.
        differences: dataset and claim -> shape (n_users,), the better system's value minus the worse one's, averaged
            over the seeds that both have; nothing for systems that could not be compared.
        curves: of any runs; those of systems or datasets not in the table are ignored.
        published: numbers that the papers print of these systems, including times and memory.
    """

    table: Table
    differences: Mapping[tuple[str, Claim], Floats] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    published: tuple[Published, ...] = ()
