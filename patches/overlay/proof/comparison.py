"""The rules for whether a first batch agrees with a loss, shared by all frameworks. NumPy only.

A loss is recognised by its value and by the positions at which its gradient is not zero. The positions matter: a
network that starts near zero has nearly equal values of `ce-last` and `ce-all`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .references import Array

TOLERANCE = 2e-5  # relative; float32 sums over a batch agree with float64 to about 1e-6
OF_DIFFERENCES = ("ssm", "sampled-ce", "bpr", "bpr-max")  # functions of score differences only


def close(known: float, value: float) -> bool:
    """Whether two values are equal up to rounding."""
    return bool(abs(known - value) <= TOLERANCE * abs(known))  # False for NaN


def recognised(
    known: Mapping[str, tuple[float, Array]], value: float, pulled: Array, targets: Array, negatives: Array | None
) -> list[str]:
    """Names of the losses that a batch agrees with, sorted.

    A loss of score differences is constant at a position where every negative is the target itself. No gradient is
    required there, and one from rounding is accepted. All other positions must agree exactly.

    Args:
        known: value and counted positions of each loss, as `references.references` returns them.
        value: the loss that the batch is trained with.
        pulled: (B, L) bool, where its gradient is not zero.
        targets: (B, L).
        negatives: as in `without_contrast`.
    """
    constant = without_contrast(targets, negatives)
    found = []
    for name, (reference, counted) in known.items():
        excused = counted & constant if name in OF_DIFFERENCES else np.zeros_like(counted)
        if close(reference, value) and np.array_equal(pulled | excused, counted):
            found.append(name)
    return sorted(found)


def without_contrast(targets: Array, negatives: Array | None) -> Array:
    """Where every negative is the target itself, (B, L) bool.

    Args:
        negatives: (B, L, k), a position's own; (B, N), shared by a sequence; None without negatives.
    """
    if negatives is None:
        return np.zeros(targets.shape, bool)
    drawn = negatives[:, None, :] if negatives.ndim == 2 else negatives
    return (drawn == targets[..., None]).all(-1)
