"""Losses for PyTorch upstreams, written once from their equations; patches only wire them in.

Every loss is a `loss(hidden, item_embeddings, targets, mask, *, generator=None, **options)`, returning a scalar:
    hidden: (B, L, D) float, what the model says at each position.
    item_embeddings: (V, D) float, the whole table, reserved rows (padding, mask token) included.
    targets: (B, L) int64, the next item at each position; anything where `mask` is False.
    mask: (B, L) bool, True where the position counts.
    generator: the only source of randomness a loss may use; `None` is torch's default one.
Nothing here seeds, moves tensors between devices, or knows an upstream. `bce` is not here: it is each upstream's own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def ce_last(
    hidden: Tensor,
    item_embeddings: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator | None = None,  # noqa: ARG001
    excluded_rows: tuple[int, ...] = (),
) -> Tensor:
    """Cross entropy over the whole catalogue at the last position (index L - 1), mean over sequences.

    Args:
        generator: unused; nothing is drawn.
        excluded_rows: rows of the table left out of the softmax; they must not be targets.
    Source: Li et al. 2023, eq. 4 with T = the last position. By default the softmax runs over all rows, as released.
    """
    rows, _ = _cross_entropies(hidden[:, -1:], item_embeddings, targets[:, -1:], mask[:, -1:], excluded_rows)
    return rows.mean()


def ce_all(
    hidden: Tensor,
    item_embeddings: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator | None = None,  # noqa: ARG001
    excluded_rows: tuple[int, ...] = (),
    average: str = "positions",
) -> Tensor:
    """Cross entropy over the whole catalogue at every counted position: the enhanced loss.

    Args:
        generator: unused; nothing is drawn.
        excluded_rows: rows of the table left out of the softmax; they must not be targets.
        average: `positions`, the mean over all counted positions of the batch (as released: long sequences weigh more),
            or `sequences`, the mean within a sequence and then over the sequences that count at all (as eq. 4 prints).
    Raises:
        ValueError: if `average` is neither.
    Source: Li et al. 2023, eq. 4. By default the softmax runs over all rows, reserved ones included, as released.
    """
    if average not in ("positions", "sequences"):
        raise ValueError(f"average: unknown value {average!r}; expected 'positions' or 'sequences'")
    values, owner = _cross_entropies(hidden, item_embeddings, targets, mask, excluded_rows)
    if average == "positions":
        return values.mean()
    n_counted = mask.sum(dim=1)
    return (values / n_counted[owner].to(values.dtype)).sum() / (n_counted > 0).sum()


def _cross_entropies(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, excluded_rows: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Cross entropy of each counted position, shape (N,), and the index of its sequence, shape (N,).

    Logits exist for counted positions only: N x V numbers instead of B x L x V.
    """
    counted = mask.reshape(-1).nonzero().squeeze(1)
    states = hidden.reshape(-1, hidden.shape[-1]).index_select(0, counted)
    logits = states @ item_embeddings.t()
    if excluded_rows:
        rows = torch.tensor(excluded_rows, dtype=torch.int64, device=logits.device)
        logits = logits.index_fill(1, rows, float("-inf"))
    values = F.cross_entropy(logits, targets.reshape(-1).index_select(0, counted), reduction="none")
    return values, torch.div(counted, mask.shape[1], rounding_mode="floor")


LOSSES: dict[str, Callable[..., Tensor]] = {"ce-last": ce_last, "ce-all": ce_all}
