"""The proof of the loss for PyTorch upstreams: which loss was it that the first batch was trained with?

The value that goes into the backward pass is compared with every loss recomputed in float64 NumPy from the very tensors
of that batch (hidden states, item table, targets, negatives). The option on the command line plays no part, so a run
whose option was ignored says so itself. A loss of the user's own is computed once more, with the draws it had. Nothing
here draws a random number or changes a gradient.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import probe, proof_losses
from .chosen_torch import Chosen
from .own_loss import LossError, refuse

TOLERANCE = 2e-5  # relative; float32 sums over a batch agree with float64 to about 1e-6


def reached(loss: Tensor, hidden: Tensor) -> np.ndarray:
    """Which positions the loss pulls at: shape (batch, length) bool, True where its gradient is not zero."""
    (gradient,) = torch.autograd.grad(loss, hidden, retain_graph=True)
    return (gradient != 0).any(dim=-1).cpu().numpy()


def first_batch(
    loss: Tensor,
    hidden: Tensor,
    table: Tensor,
    targets: Tensor,
    negatives: Tensor | None = None,
    chosen: Chosen | None = None,
) -> None:
    """Report which loss this is; call it with the tensor that goes into the backward pass, before that, once per run.

    A loss is recognised by its value and by the positions it pulls at: a network that starts near zero has nearly
    equal values of ce-last and ce-all.

    Args:
        hidden: (B, L, D). table: (V, D). targets: (B, L), 0 where there is none.
        negatives: (B, L), the upstream's own, of its own loss. chosen: what computed the loss in its place, if so.
    Raises:
        ValueError: if the loss is no finite number or carries no gradient.
    """
    if probe.folder() is None:
        return
    value = float(loss.detach())
    if not np.isfinite(value):
        raise ValueError(f"probe: the loss of the first batch is {value!r}")
    if not loss.requires_grad:
        raise ValueError("probe: the loss of the first batch carries no gradient: its graph is detached")
    drawn = negatives.unsqueeze(-1) if chosen is None and negatives is not None else chosen and chosen.negatives
    options = {} if chosen is None else chosen.options
    excluded = () if chosen is None else chosen.excluded_rows
    mask = targets > 0
    values = proof_losses.references(
        hidden.detach().cpu().numpy().astype(np.float64),
        table.detach().cpu().numpy().astype(np.float64),
        targets.cpu().numpy(),
        mask.cpu().numpy(),
        None if drawn is None else drawn.cpu().numpy(),
        excluded,
        options,
    )
    pulled = reached(loss, hidden)
    computed = sorted(n for n, (v, at) in values.items() if close(v, value) and np.array_equal(pulled, at))
    if chosen is not None and chosen.own:
        computed += own(chosen, value, chosen.again(hidden, table, targets, mask))
    rows = len(table) - len(excluded) if drawn is None else 1 + drawn.shape[-1]
    name = "bce" if chosen is None else chosen.name
    probe.event(
        "loss", computed=computed, name=name, options=options, value=value, positions=int(pulled.sum()), rows=rows
    )
    if chosen is not None:
        chosen.negatives = chosen.before = None


def own(chosen: Chosen, value: float, again: float) -> list[str]:
    """The name of the user's loss, if the batch was trained with it; ends the process if it gives two values.

    Args:
        value: what the batch was trained with. again: what the loss gives on the same batch with the same draws.
    """
    if chosen.first_value is not None and not close(chosen.first_value, again):
        text = f"{chosen.told} gave {chosen.first_value} and then {again} on the first batch"
        refuse(LossError(f"{text}: it must not keep anything between calls and draw from `generator` alone"))
    return [chosen.name] if close(again, value) else []


def close(known: float, value: float) -> bool:
    """Whether two values are one, but for rounding."""
    return abs(known - value) <= TOLERANCE * abs(known)  # False for what is not a number
