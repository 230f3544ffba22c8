"""The loss of a training step: the code base's own, at labelled positions, or another one.

The code base scores every item at every position of a padded batch and then ignores the positions without a label: on
Beauty 5,680 of up to 6,400. `labelled_only` scores only the others; the mean is over the same positions. Its sampled
losses do not score all items and are unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..losses.chosen_torch import Chosen
from .network import hidden_states, item_table, scores_of

NO_LABEL = -100


@dataclass
class Step:
    """The arguments of losses for a batch, and its loss.

    Attributes:
        hidden: (B, L, D), aligned if `aligned` made it.
        targets: (B, L), 0 where there is no label.
        mask: (B, L) bool, True at labels.
        negatives: (B, L, k) or (B, N), of the loss; None without negatives.
        name, options: of the loss, for the proof.
    """

    hidden: Tensor
    table: Tensor
    targets: Tensor
    mask: Tensor
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    negatives: Tensor | None = None
    value: Tensor = field(default_factory=lambda: torch.zeros(()))


def step_of(module: Any, batch: dict[str, Tensor], chosen: Chosen | None, labelled_only: bool) -> Step:
    """The loss of a batch, by `chosen` or, if that is None, by the code base."""
    hidden, table = hidden_states(module.model, batch), item_table(module.model)
    mask = batch["labels"] != NO_LABEL
    targets = batch["labels"].masked_fill(~mask, 0)
    if chosen is not None:
        moved, goals, counted = aligned(hidden, targets, mask)
        step = Step(moved, table, goals, counted, chosen.name, chosen.options)
        step.value = chosen(step.hidden, table, step.targets, step.mask, batch["input_ids"])
        step.negatives = chosen.negatives
        return step
    name, options = own_loss(module, batch)
    step = Step(hidden, table, targets, mask, name, options, batch.get("negatives"))
    if step.negatives is not None:
        step.value = module.compute_loss(hidden, batch)
    elif labelled_only:
        labels = {**batch, "labels": batch["labels"][mask]}
        step.value = module.compute_loss(scores_of(module.model, hidden[mask]), labels)
    else:
        step.value = module.compute_loss(scores_of(module.model, hidden), batch)
    return step


def own_loss(module: Any, batch: dict[str, Tensor]) -> tuple[str, dict[str, Any]]:
    """Name and options of the code base's loss for a batch.

    Its binary cross-entropy is the mean over positions and over a position's 1 + k scores: `normalised`.
    """
    if "negatives" not in batch:
        return ("mlm-ce" if type(module.model).__name__ == "BERT4Rec" else "ce-all"), {}
    k = batch["negatives"].shape[-1]
    if module.loss == "bce":
        return "bce", {"k": k, "weighting": "normalised"}
    return ("sampled-ce" if batch["negatives"].dim() == 2 else "ssm"), {"k": k}


def aligned(hidden: Tensor, targets: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A batch with the last counted position at the end of each row, as expected by losses.

    The code base pads on the right. Positions are rotated within their row, which only affects losses of the last
    position. Shapes as in `Step`.
    """
    n = mask.shape[1]
    steps = torch.arange(n, device=mask.device)
    last = torch.where(mask.any(dim=1), (mask * (steps + 1)).amax(dim=1) - 1, n - 1)
    moved = (steps - (n - 1 - last).unsqueeze(1)) % n
    return hidden.gather(1, moved.unsqueeze(2).expand_as(hidden)), targets.gather(1, moved), mask.gather(1, moved)
