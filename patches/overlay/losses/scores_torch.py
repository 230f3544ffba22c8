"""Shared parts of the losses of `in_torch`: counted positions, their negatives, their scores."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from . import lean_torch, samplers_torch
from .checks import AVERAGES, EXCLUDE, FORMS, check_k, one_of

Rows = tuple[int, ...]
Drawn = Tensor | None
Generator = torch.Generator | None


def position_weights(mask: Tensor, average: str, dtype: torch.dtype) -> Tensor:
    """The weight of each position's value, (B, L); they sum to 1, or to 0 if no position counts."""
    one_of("average", average, AVERAGES)
    counted = mask.to(dtype)
    if average == "positions":
        return counted / counted.sum().clamp(min=1)
    lengths = counted.sum(dim=1, keepdim=True)
    return counted / lengths.clamp(min=1) / (lengths > 0).sum().clamp(min=1)


def counted_at(mask: Tensor, at: str) -> Tensor:
    """The positions that count: those of `mask`, or of them the last index only."""
    one_of("at", at, ("last", "all"))
    if at == "all":
        return mask
    return mask & (torch.arange(mask.shape[1], device=mask.device) == mask.shape[1] - 1)


def negatives_of(
    shared: bool, given: Drawn, generator: Generator, k: int, targets: Tensor, mask: Tensor, table: Tensor,
    excluded_rows: Rows, exclude: str, seen: Tensor | None,
) -> Tensor:  # fmt: skip
    """The given negatives, or drawn ones."""
    one_of("exclude", exclude, EXCLUDE)
    check_k(k)
    if given is not None:
        return given
    sampler = samplers_torch.draw_shared if shared else samplers_torch.draw
    return sampler(generator, k, targets, mask, table.shape[0], excluded_rows, exclude, seen)


def over_negatives(
    values: Callable[[Tensor, Tensor], Tensor], hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor,
    negatives: Tensor, average: str, form: str,
) -> Tensor:  # fmt: skip
    """The weighted sum over positions of `values(positive (n,), negative (n, k)) -> (n,)`."""
    one_of("form", form, FORMS)
    weights = position_weights(mask, average, hidden.dtype)

    def part(states: Tensor, rows: Tensor, at: slice) -> Tensor:
        counts = mask[at]
        positive, negative = _scores(states, rows, targets[at], counts, negatives[at])
        return (weights[at][counts] * values(positive, negative)).sum()

    if form == "naive":
        return part(hidden, table, slice(None))
    return lean_torch.by_sequences(part, hidden, table, negatives)


def _scores(hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of the counted positions for their target, (n,), and for their negatives, (n, k)."""
    states = hidden[mask]
    positive = (states * F.embedding(targets[mask], table)).sum(1)
    if negatives.dim() == 2:
        return positive, torch.matmul(hidden, F.embedding(negatives, table).transpose(1, 2))[mask]
    rows = F.embedding(negatives[mask], table)
    return positive, torch.bmm(rows, states.unsqueeze(2)).squeeze(2)
