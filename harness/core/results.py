"""The values that pass between store, statistics, tables and verdicts: what a run left, what a paper printed.

Plain frozen data, no behaviour beyond derived properties; nothing here reads or writes a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

SECONDS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}
#: What a run's printed metrics call the minutes until its best epoch, and papers' files a system's time; code bases
#: that print the seconds of the whole training call them as papers' files do.
MINUTES, TRAINING_TIME = "minutes to converge", "training_time"
#: What a table may show of a training beside its metrics.
TrainingFact = Literal["minutes", "seconds", "best epoch"]
#: What papers' files call each of them.
PRINTED_FACTS: dict[TrainingFact, str] = {
    "minutes": TRAINING_TIME,
    "seconds": TRAINING_TIME,
    "best epoch": "best_epoch",
}
Status = Literal["finished", "failed", "missing"]
NOT_RUN = "not run"  # the reason of a missing run for which nothing else is known


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of one split, one row per user.

    Attributes:
        users: shape (n_users,), int64, the upstream's own user ids, unique.
        above: shape (n_users,), candidates scored strictly above the held-out item.
        tied: shape (n_users,), candidates with its score, the item itself included, so at least 1.
        candidates: shape (n_users,), how many candidates were ranked.
        protocol: how: split, ranking (full or sampled), seen (what happens to items the user has had).
        items: how many items the run ranks where nobody's seen ones are left out; 0 where it does not say.
        views: the same users ranked under another protocol, by the prefix of the metrics that are made from it, such
            as `sampled`. No other metric is ever made from these.
    """

    users: npt.NDArray[np.int64]
    above: npt.NDArray[np.int64]
    tied: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.int64]
    protocol: dict[str, str]
    items: int = 0
    views: Mapping[str, Ranks] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RunResult:
    """One run as tables see it: a cell with a seed.

    Attributes:
        seed: None for a system without randomness (popularity): it stands for every seed.
        reason: why it failed or is missing, one line, "" if finished.
        ranks: None unless finished.
        epochs: epochs trained; None where there is no such thing.
        epoch_cap: the most epochs it could have trained.
        disagreements: where the metrics that the upstream printed are not those of its ranks, one line each.
        printed: the upstream's own test metrics, as it printed them.
        marks: what a reader must know of this run, one line each, although it counts.
    """

    key: str
    dataset: str
    system: str
    seed: int | None
    status: Status
    reason: str = ""
    ranks: Ranks | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    epoch_cap: int | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None
    disagreements: tuple[str, ...] = ()
    printed: dict[str, str] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether the metrics recomputed from ranks equal the ones the upstream printed."""
        return not self.disagreements

    @property
    def training(self) -> dict[TrainingFact, float]:
        """What is known of the training.

        The upstream itself tells minutes until the best epoch, and seconds of the whole training with its validations.
        """
        told: dict[TrainingFact, float] = {
            "minutes": float(self.printed.get(MINUTES, "nan")),
            "seconds": float(self.printed.get(TRAINING_TIME, "nan")),
            "best epoch": math.nan if self.best_epoch is None else float(self.best_epoch),
        }
        return {fact: value for fact, value in told.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Published:
    """One number as a paper prints it.

    Attributes:
        decimals: printed decimals, so that the rounding interval is value ± 0.5 · 10^-decimals.
        mark: the paper's own significance mark, "" if none.
        unit: "" where the number has none.
        beside: "" for the number that a verdict is about; else what a table calls the place where this one stands.
        row: its place in the paper's file, the same for all systems that share the number; "" if nobody shares it.
    """

    dataset: str
    system: str
    metric: str
    value: float
    decimals: int
    mark: str = ""
    beside: str = ""
    unit: str = ""
    row: str = field(default="", compare=False)

    @property
    def rounding(self) -> float:
        """Half a unit of its last digit."""
        return 0.5 * 10.0**-self.decimals

    @property
    def identity(self) -> str:
        """What tells it from other printed numbers of one dataset and metric."""
        return self.row or self.system

    @property
    def seconds(self) -> float:
        """A duration in seconds; what has no unit is in seconds."""
        return self.value * SECONDS[self.unit]


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, written in the recipe before any run: `better` beats `worse` on `metric`, per dataset.

    Attributes:
        own: no paper's claim, but the comparison of a loss that the command line put in with another system.
        datasets: those that it is about; () for all.
    """

    better: str
    worse: str
    metric: str
    own: bool = False
    datasets: tuple[str, ...] = ()

    def is_about(self, dataset: str) -> bool:
        """Whether the claim is made on this dataset."""
        return not self.datasets or dataset in self.datasets
