"""A custom loss, added to a table by `harness reproduce ARTIFACT --loss examples/my_loss.py:focal_ce`."""

from __future__ import annotations

import torch
from torch import Tensor


def focal_ce(
    hidden: Tensor,
    item_embeddings: Tensor,
    targets: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator,  # noqa: ARG001  this loss draws nothing
    gamma: float = 2.0,
) -> Tensor:
    """Cross entropy over the catalogue in which what the model knows already weighs less: mean of -(1 - p)^gamma log p.

    p is the softmax share of the next item among all rows of the table; gamma = 0 is the enhanced loss (ce-all).

    Args:
        hidden: (B, L, D). item_embeddings: (V, D). targets: (B, L) int64. mask: (B, L) bool, positions that count.
        gamma: how fast a well-known item loses weight.
    Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4.
    """
    scores = hidden[mask] @ item_embeddings.T
    log_p = torch.log_softmax(scores, dim=1).gather(1, targets[mask][:, None]).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()
