"""Faults of a run's training, by epoch; used by `runs.validation`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.runs.record_model import Fault


def training_faults(training: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of a run's epochs; none for a record without this information."""
    epochs, moved = training.get("nonfinite", 0), training.get("moved", True)
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 0 or not isinstance(moved, bool):
        yield Fault(
            "training", f"its event `training` has nonfinite {epochs!r} (a number), moved {moved!r} (true, false)"
        )
    elif epochs:
        yield Fault("training", f"the loss of a batch was not a finite number in {epochs} epochs")
