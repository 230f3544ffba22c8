"""The proof of the loss for PyTorch upstreams: which loss was it that the first batch was trained with?

The value that goes into the backward pass is compared with every loss recomputed here in float64 NumPy from the very
tensors of that batch (hidden states, item table, targets, negatives). The option on the command line plays no part, so
a run whose option was ignored says so itself. Nothing here draws a random number or touches a gradient.
"""

from __future__ import annotations

import numpy as np
import torch

from . import probe

TOLERANCE = 2e-5  # relative; float32 sums over a batch agree with float64 to about 1e-6
CHUNK = 512


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) of an array, without overflow."""
    return np.logaddexp(0.0, x)


def mean_cross_entropy(hidden: np.ndarray, table: np.ndarray, targets: np.ndarray) -> float:
    """Mean over positions of -log softmax over all rows of `table` at the target.

    Args:
        hidden: shape (n, d). table: shape (rows, d). targets: shape (n,).
    Source: li2023 eq. 4 with the mean over all positions given.
    """
    total = 0.0
    for start in range(0, len(hidden), CHUNK):
        part = slice(start, start + CHUNK)
        scores = hidden[part] @ table.T
        top = scores.max(axis=1)
        log_sum = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
        total += float((log_sum - scores[np.arange(len(scores)), targets[part]]).sum())
    return total / max(len(hidden), 1)


def references(
    hidden: np.ndarray, table: np.ndarray, targets: np.ndarray, negatives: np.ndarray | None
) -> dict[str, float]:
    """Every known loss of this batch, by name.

    Args:
        hidden: shape (batch, length, d). table: shape (rows, d), the item embeddings.
        targets: shape (batch, length), 0 where there is none. negatives: same shape, or None.
    Source: li2023 eq. 3 (as its code has it: log(1 - sigmoid)) for bce with one negative; eq. 4 for ce-all.
    """
    counted = targets > 0
    last = counted[:, -1]
    values = {
        "ce-all": mean_cross_entropy(hidden[counted], table, targets[counted]),
        "ce-last": mean_cross_entropy(hidden[:, -1][last], table, targets[:, -1][last]),
    }
    if negatives is not None:
        positive = (hidden[counted] * table[targets[counted]]).sum(axis=1)
        negative = (hidden[counted] * table[negatives[counted]]).sum(axis=1)
        values["bce"] = float((softplus(-positive) + softplus(negative)).mean())
    return values


def reached(loss: torch.Tensor, hidden: torch.Tensor) -> np.ndarray:
    """Which positions the loss pulls at: shape (batch, length) bool, True where its gradient is not zero."""
    (gradient,) = torch.autograd.grad(loss, hidden, retain_graph=True)
    return (gradient != 0).any(dim=-1).cpu().numpy()


def first_batch(
    loss: torch.Tensor,
    hidden: torch.Tensor,
    table: torch.Tensor,
    targets: torch.Tensor,
    negatives: torch.Tensor | None = None,
) -> None:
    """Report which loss this is; call it with the tensor that goes into the backward pass, before that, once per run.

    A loss is recognised by its value and by the positions it pulls at: a network that starts near zero has nearly
    equal values of ce-last and ce-all.

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
    goals = targets.detach().cpu().numpy()
    values = references(
        hidden.detach().cpu().numpy().astype(np.float64),
        table.detach().cpu().numpy().astype(np.float64),
        goals,
        None if negatives is None else negatives.detach().cpu().numpy(),
    )
    pulled = reached(loss, hidden)
    expected = dict.fromkeys(values, goals > 0)
    expected["ce-last"] = (goals > 0) & (np.arange(goals.shape[1]) == goals.shape[1] - 1)
    computed = sorted(
        name
        for name, known in values.items()
        if abs(known - value) <= TOLERANCE * abs(known) and np.array_equal(pulled, expected[name])
    )
    probe.event("loss", computed=computed, value=value, positions=int(pulled.sum()), rows=len(table))
