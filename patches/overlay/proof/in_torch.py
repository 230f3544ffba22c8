"""Verification of the loss for PyTorch upstreams: the loss that the first batch was trained with.

The value that goes into the backward pass is compared with every loss, recomputed in float64 NumPy from the tensors of
that batch (hidden states, item table, targets, negatives). The option of the command line is not used, so a run that
ignored its option is detected. A custom loss is computed again, with the same random numbers. Nothing here draws a
random number or changes a gradient.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import probe
from ..losses.chosen_torch import Chosen
from ..losses.named import LossError, refuse
from .comparison import close, recognised
from .references import Array, references


def reached(loss: Tensor, hidden: Tensor) -> Array:
    """Where the gradient of the loss is not zero: (B, L) bool."""
    (gradient,) = torch.autograd.grad(loss, hidden, retain_graph=True)
    found: Array = (gradient != 0).any(dim=-1).cpu().numpy()
    return found


def first_batch(
    loss: Tensor,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    negatives: Tensor | None = None,
    chosen: Chosen | None = None,
) -> None:
    """Report which loss this is, once per run; must be called before the backward pass, with its tensor.

    Args:
        hidden: (B, L, D).
        table: (V, D).
        targets: (B, L), 0 if there is none.
        negatives: (B, L), the upstream's own, of its own loss.
        chosen: the loss instead of the upstream's own, or None.

    Raises:
        ValueError: the loss is not a finite number or carries no gradient; the run reports this fault.
    """
    if probe.folder() is None:
        return
    value = float(loss.detach())
    if not np.isfinite(value):
        probe.refuse(f"the loss of the first batch is {value!r}")
    if not loss.requires_grad:
        probe.refuse("the loss of the first batch carries no gradient: its graph is detached")
    drawn = _drawn(negatives, chosen)
    options = {} if chosen is None else chosen.options
    excluded = () if chosen is None else chosen.excluded_rows
    mask = targets > 0
    known = references(_wide(hidden), _wide(table), targets.cpu().numpy(), mask.cpu().numpy(), drawn, excluded, options)
    pulled = reached(loss, hidden)
    computed = recognised(known, value, pulled, targets.cpu().numpy(), drawn)
    if chosen is not None and chosen.own:
        computed += custom(chosen, value, chosen.recompute(hidden, table, targets, mask))
    rows = len(table) - len(excluded) if drawn is None else 1 + drawn.shape[-1]
    name = "bce" if chosen is None else chosen.name
    probe.event(
        "loss", computed=computed, name=name, options=options, value=value, positions=int(pulled.sum()), rows=rows
    )
    if chosen is not None:
        chosen.negatives = chosen.before = None  # a batch's tensors are not kept


def custom(chosen: Chosen, value: float, recomputed: float) -> list[str]:
    """The name of the custom loss, if the batch was trained with it; ends the process if it gives two values.

    Args:
        value: of the batch in training.
        recomputed: of the same batch with the same random numbers.
    """
    if chosen.first_value is not None and not close(chosen.first_value, recomputed):
        text = f"{chosen.display_name} gave {chosen.first_value} and then {recomputed} on the first batch"
        refuse(LossError(f"{text}: it must not keep anything between calls and draw from `generator` alone"))
    return [chosen.name] if close(recomputed, value) else []


def _drawn(negatives: Tensor | None, chosen: Chosen | None) -> Array | None:
    """The negatives of the batch, (B, L, k) or (B, N): the upstream's own, or those of the chosen loss."""
    drawn = chosen.negatives if chosen is not None else None if negatives is None else negatives.unsqueeze(-1)
    return None if drawn is None else drawn.cpu().numpy()


def _wide(tensor: Tensor) -> Array:
    """A tensor's numbers in float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)
