"""The parts of the code base's networks: hidden states, item table, and the product of both.

SASRec, RNN and BERT4Rec end in a product with their item table, which an attribute `add_head` switches off.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def hidden_states(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Hidden states of a batch at every position, (B, L, D)."""
    head, model.add_head = model.add_head, False
    try:
        found: Tensor = model(batch["input_ids"], batch["attention_mask"])
    finally:
        model.add_head = head
    return found


def item_table(model: Any) -> Tensor:
    """The item table, (V, D), reserved rows included: padding, and with BERT4Rec the mask token."""
    layer = model.item_emb if hasattr(model, "item_emb") else model.embed_layer
    table: Tensor = layer.weight
    return table


def scores_of(model: Any, hidden: Tensor) -> Tensor:
    """Scores of all rows of the item table, (..., V), by the network's own last operation."""
    if hasattr(model, "head"):
        scores: Tensor = model.head(hidden)
        return scores
    return torch.matmul(hidden, item_table(model).transpose(0, 1))


class StepScores:
    """Scores of a batch that are computed on access: `scores[rows, steps, columns]`.

    The code base scores all items at every step of a user and then keeps one step.
    """

    def __init__(self, model: Any, batch: dict[str, Tensor]) -> None:
        self.model, self.hidden = model, hidden_states(model, batch)

    def __getitem__(self, at: tuple[Any, Any, Any]) -> Tensor:
        rows, steps, columns = at
        return scores_of(self.model, self.hidden[rows, steps])[..., columns]
