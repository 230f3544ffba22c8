"""Observes a complete training for the probe: whether its losses were finite, and whether any weight changed.

After each epoch it writes the event `training`, about all epochs so far:
  nonfinite  number of epochs whose mean training loss is not finite, because of some batch
  moved      whether any weight differs from its value before the first batch
It reads weights and changes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import probe

Weights = Iterable[NDArray[Any]]


class Training:
    """Observes one training.

    Args:
        weights: before the first batch.
    """

    def __init__(self, weights: Weights) -> None:
        self.begun_with = digest(weights) if probe.folder() else ""
        self.nonfinite, self.moved = 0, False

    def epoch_ends(self, loss: float, weights: Weights) -> None:
        """Report an epoch: the mean loss of its batches, and the weights after it, which are read if needed."""
        if probe.folder() is None:
            return
        self.nonfinite += not np.isfinite(loss)
        self.moved = self.moved or digest(weights) != self.begun_with
        probe.event("training", nonfinite=self.nonfinite, moved=self.moved)


def digest(weights: Weights) -> str:
    """SHA-256 of the bytes of all weights, in their order."""
    found = hashlib.sha256()
    for array in weights:
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()
