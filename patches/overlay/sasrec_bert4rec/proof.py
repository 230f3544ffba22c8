"""Verification of the loss for this code base: the loss that the first batch was trained with.

Like `proof.in_torch`, for negatives of any shape and for losses of the code base with options.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .. import probe
from ..losses.chosen_torch import Chosen
from ..proof.comparison import recognised
from ..proof.in_torch import custom, reached
from ..proof.references import Array, references
from .loss import Step


def report(step: Step, chosen: Chosen | None) -> None:
    """Report which loss this is; must be called once, before the backward pass of the first batch.

    Args:
        chosen: the loss instead of the code base's own, or None.
    Raises:
        ValueError: the loss is not a finite number or carries no gradient.
    """
    if probe.folder() is None:
        return
    value = float(step.value.detach())
    if not np.isfinite(value):
        raise ValueError(f"probe: the loss of the first batch is {value!r}")
    if not step.value.requires_grad:
        raise ValueError("probe: the loss of the first batch carries no gradient: its graph is detached")
    drawn = None if step.negatives is None else step.negatives.cpu().numpy()
    targets, mask = step.targets.cpu().numpy(), step.mask.cpu().numpy()
    excluded = () if chosen is None else chosen.excluded_rows
    known = references(wide(step.hidden), wide(step.table), targets, mask, drawn, excluded, step.options)
    pulled = reached(step.value, step.hidden)
    computed = recognised(known, value, pulled, targets, drawn)
    if chosen is not None and chosen.own:
        again = chosen.recompute(step.hidden, step.table, step.targets, step.mask)
        computed += custom(chosen, value, again)
    rows = len(step.table) - len(excluded) if drawn is None else 1 + drawn.shape[-1]
    by = "code base" if chosen is None else "overlay"
    counts = {"positions": int(pulled.sum()), "rows": rows}
    probe.event("loss", name=step.name, options=dict(step.options), value=value, computed=computed, by=by, **counts)
    if chosen is not None:
        chosen.negatives = chosen.before = None  # a batch's tensors are not kept


def wide(tensor: Tensor) -> Array:
    """A tensor's numbers in float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)
