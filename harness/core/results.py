"""The values that pass between store, statistics, tables and verdicts: results of runs and published numbers.

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
#: Names of the minutes until the best epoch: in a run's printed metrics, and in papers' files. Code bases
#: that print the seconds of the complete training use the name of papers' files.
MINUTES, TRAINING_TIME = "minutes to converge", "training_time"
#: Facts of a training that a table may show beside its metrics.
TrainingFact = Literal["minutes", "seconds", "best epoch"]
#: Their names in papers' files.
PRINTED_FACTS: dict[TrainingFact, str] = {
    "minutes": TRAINING_TIME,
    "seconds": TRAINING_TIME,
    "best epoch": "best_epoch",
}
Status = Literal["finished", "failed", "missing"]
NOT_RUN = "not run"  # the reason of a missing run without another known reason


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of one split, one row per user.

    Attributes:
        users: shape (n_users,), int64, the upstream's own user ids, unique.
        above: shape (n_users,), candidates scored strictly above the held-out item.
        tied: shape (n_users,), candidates with its score, the item itself included, so at least 1.
        candidates: shape (n_users,), how many candidates were ranked.
        protocol: split, ranking (full or sampled), seen (treatment of items in the user's history).
        items: number of items that the run ranks if seen ones are not excluded; 0 if not reported.
        views: the same users ranked under another protocol, by the prefix of the metrics computed from it, such
            as `sampled`. No other metric is computed from these.
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
    """One run as used by tables: a cell with a seed.

    Attributes:
        seed: None for a system without randomness (popularity): it serves every seed.
        reason: why it failed or is missing, one line, "" if finished.
        ranks: None unless finished.
        epochs: epochs trained; None if it does not train.
        epoch_cap: maximum number of epochs.
        disagreements: printed metrics of the upstream that differ from those of its ranks, one line each.
        printed: the upstream's own test metrics, as it printed them.
        marks: caveats of a valid run, one line each.
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
        """A fact of the training.

        The upstream reports minutes until the best epoch, and seconds of the complete training with validations.
        """
        by_fact: dict[TrainingFact, float] = {
            "minutes": float(self.printed.get(MINUTES, "nan")),
            "seconds": float(self.printed.get(TRAINING_TIME, "nan")),
            "best epoch": math.nan if self.best_epoch is None else float(self.best_epoch),
        }
        return {fact: value for fact, value in by_fact.items() if math.isfinite(value)}


@dataclass(frozen=True)
class Published:
    """One number as a paper prints it.

    Attributes:
        decimals: printed decimals, so that the rounding interval is value ± 0.5 · 10^-decimals.
        mark: the paper's significance mark, "" if none.
        unit: "" if none.
        beside: "" for the number of the verdict; else the table's name for this number's source.
        row: its place in the paper's file, equal for all systems that share the number; "" if not shared.
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
        """Its identity among printed numbers of one dataset and metric."""
        return self.row or self.system

    @property
    def seconds(self) -> float:
        """A duration in seconds; seconds are also the default unit."""
        return self.value * SECONDS[self.unit]


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, written in the recipe before any run: `better` beats `worse` on `metric`, per dataset.

    Attributes:
        own: not a paper's claim, but a comparison for an added loss or on an added dataset.
        datasets: of the claim; () for all.
    """

    better: str
    worse: str
    metric: str
    own: bool = False
    datasets: tuple[str, ...] = ()

    def is_about(self, dataset: str) -> bool:
        """Whether the claim is made on this dataset."""
        return not self.datasets or dataset in self.datasets
