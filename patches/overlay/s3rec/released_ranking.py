"""The ranking losses behind Figure 1 of Li et al. 2023 as their released code has them; each is a loss of one's own.

    --loss harness_overlay/released_ranking_torch.py:bpr_as_released --loss_options k=100

The paper's equations sum over the sampled negatives. The released code adds the negatives up too early: the products of
hidden state and embedding are added over the k samples, not over the D hidden dimensions, so what is compared with the
target's score is no score of any item but one number for each hidden dimension, (B, D) whatever k is. Softmax and means
then run over dimensions. Further differences, all kept here: BPR-max has the mean of logs where eq. 2 has the log of a
sum, TOP1-max the mean over dimensions where a weighted sum stands, both TOP1 leave out the logistic function around the
square, and negatives are any rows of the table, padding and mask row included, items of the sequence too; one equal to
the target becomes the last row. Written from this description; none of the released lines is here. The losses that the
paper prints are `losses_torch.bpr` and its kin.

Arguments as in `losses_torch`; only last positions (index L - 1) that count enter. Refused: k below 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-10  # added inside each logarithm


def compared(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, generator: torch.Generator, k: int
) -> tuple[Tensor, Tensor]:
    """What stands for the scores of target and negatives: (n, 1) and (n, D), over the n sequences that count.

    Entry d of the latter is hidden[d] times the sum over the k drawn rows j of item_embeddings[j, d].

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k: expected 1 or more negatives, got {k}")
    counted = mask[:, -1]
    state, target = hidden[:, -1][counted], targets[:, -1][counted]
    last = len(item_embeddings) - 1
    drawn = torch.randint(last + 1, (len(target), k), generator=generator, device=hidden.device)
    drawn = torch.where(drawn == target[:, None], last, drawn)
    positive = torch.einsum("nd,nd->n", state, item_embeddings[target])[:, None]
    return positive, state * item_embeddings[drawn].sum(dim=1)


def bpr_as_released(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: torch.Generator, k: int = 10
) -> Tensor:
    """Mean over sequences and hidden dimensions d of -log s(r+ - x_d), x as in `compared`, s the logistic function."""
    positive, others = compared(hidden, item_embeddings, targets, mask, generator, k)
    return -torch.log(torch.sigmoid(positive - others) + TINY).mean()


def bpr_max_as_released(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: torch.Generator, k: int = 10
) -> Tensor:
    """Mean of -log(w_d s(r+ - x_d)), w the softmax of x over the dimensions: not below log D, where all w are equal."""
    positive, others = compared(hidden, item_embeddings, targets, mask, generator, k)
    return -torch.log(others.softmax(dim=1) * torch.sigmoid(positive - others) + TINY).mean()


def top1_as_released(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: torch.Generator, k: int = 10
) -> Tensor:
    """Mean of s(x_d - r+) + x_d^2."""
    positive, others = compared(hidden, item_embeddings, targets, mask, generator, k)
    return (torch.sigmoid(others - positive) + others.square()).mean()


def top1_max_as_released(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: torch.Generator, k: int = 10
) -> Tensor:
    """Mean of w_d (s(x_d - r+) + x_d^2), w the softmax of x over the dimensions."""
    positive, others = compared(hidden, item_embeddings, targets, mask, generator, k)
    return (others.softmax(dim=1) * (torch.sigmoid(others - positive) + others.square())).mean()
