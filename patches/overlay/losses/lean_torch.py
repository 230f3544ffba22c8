"""Losses in chunks: the gradient is computed with the value, chunk by chunk, so that no chunk is stored.

Autograd keeps the scores of every position until the backward pass. A loss, though, is a sum over positions, and its
gradient is known as soon as a position's scores are. So one chunk of scores is held at a time, at the price of two
gradients as large as the states and the table. Nothing is computed twice, and chunks that fit into the processor's
caches also take less time. Gradients of gradients are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

ELEMENTS = 2**20  # numbers of a chunk: 4 MB in float32; measured best on CPUs, for catalogues of 4,000 to 1.3 million
FEWEST_ROWS = 64  # below that, matrix products of a large catalogue spend their time in reading the table
DEVICE_ELEMENTS = 2**26  # on an accelerator a chunk must keep thousands of cores busy

Part = Callable[[Tensor, Tensor, slice], Tensor]


def catalogue_cross_entropy(
    states: Tensor, table: Tensor, targets: Tensor, weights: Tensor, excluded_rows: tuple[int, ...] = ()
) -> Tensor:
    """The sum over positions of weight x (log sum over rows of exp r - r of the target), a scalar.

    Peak memory beyond the arguments: one chunk of scores, and two gradients of the shapes of `states` and `table`.

    Args:
        states: (n, D). table: (V, D). targets: (n,) int64. weights: (n,), no gradient flows to them.
        excluded_rows: rows that are left out of the sum; they must not be targets.
    Source: li2023 eq. 4.
    """
    value: Tensor = _CatalogueCrossEntropy.apply(states, table, targets, weights, excluded_rows)  # type: ignore[no-untyped-call]
    return value


class _CatalogueCrossEntropy(torch.autograd.Function):
    """See `catalogue_cross_entropy`."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, table: Tensor, targets: Tensor, weights: Tensor, excluded_rows: tuple[int, ...]
    ) -> Tensor:
        grad_states = torch.empty_like(states)
        grad_table = torch.zeros_like(table)
        value = torch.zeros((), dtype=torch.float64, device=states.device)
        excluded = torch.tensor(excluded_rows, dtype=torch.int64, device=states.device)
        size = _rows_of_chunk(len(table), states.device)
        for start in range(0, len(states), size):
            at = slice(start, start + size)
            goals, share = targets[at, None], weights[at, None]
            # 1. Scores of the chunk, (chunk, V); excluded rows get -inf and so no share of the softmax.
            scores = (states[at] @ table.t()).index_fill_(1, excluded, float("-inf"))
            # 2. Log of the sum of exp, after a shift by the largest score; the scores become exp(score - top) in place.
            top = scores.amax(dim=1, keepdim=True)
            own = scores.gather(1, goals) - top
            powers = scores.sub_(top).exp_()
            sums = powers.sum(dim=1, keepdim=True)
            value += ((sums.log() - own) * share).sum()
            # 3. The derivative by the scores is weight x (softmax - one at the target), again in place; both gradients
            #    are its products with the other factor of the scores.
            slopes = powers.mul_(share / sums).scatter_add_(1, goals, -share)
            torch.mm(slopes, table, out=grad_states[at])
            grad_table.addmm_(slopes.t(), states[at])
        ctx.save_for_backward(grad_states, grad_table)
        return value.to(states.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return (*_scaled(ctx, slope), None, None, None)


def fused_cross_entropy(states: Tensor, table: Tensor, targets: Tensor, excluded_rows: tuple[int, ...] = ()) -> Tensor:
    """The mean over positions of log sum over rows of exp r - r of the target, by Liger-Kernel's Triton kernel.

    It is used only on explicit request, so that installed packages do not change a number. (Apple's
    cut-cross-entropy computes its gradient in half precision only, which these models do not train in.)

    Args:
        states, table, targets, excluded_rows: as in `catalogue_cross_entropy`.
    Raises:
        ValueError: the package liger-kernel is not installed.
    """
    try:
        from liger_kernel.ops.fused_linear_cross_entropy import LigerFusedLinearCrossEntropyFunction
    except ImportError as error:
        raise ValueError("form: 'fused' needs the package liger-kernel and a CUDA device; use 'lean'") from error
    if not len(states):
        return states.sum() + 0 * table.sum()
    if excluded_rows:
        excluded = torch.tensor(sorted(excluded_rows), dtype=torch.int64, device=table.device)
        kept = torch.ones(len(table), dtype=torch.bool, device=table.device).index_fill(0, excluded, False)
        table, targets = table[kept], targets - torch.searchsorted(excluded, targets)
    value: Tensor = LigerFusedLinearCrossEntropyFunction.apply(states, table, targets)[0]
    return value


def by_sequences(part: Part, hidden: Tensor, table: Tensor, negatives: Tensor) -> Tensor:
    """The sum over chunks of sequences of `part(hidden[chunk], table, chunk)`, a scalar.

    Peak memory beyond the arguments: what `part` takes for one chunk, and two gradients of the shapes of `hidden` and
    `table`, of the latter one more while a chunk is under way.

    Args:
        part: a scalar with gradients to its two tensors; the sum over chunks must be the loss.
        hidden: (B, L, D). table: (V, D). negatives: (B, L, k) or (B, N); their number decides how large a chunk is.
    """
    each = negatives[:1].numel() * hidden.shape[2] + hidden.shape[1] * negatives.shape[-1]  # rows and scores
    size = max(1, max(_elements(hidden.device), table.numel()) // max(each, 1))  # each chunk makes a table's gradient
    if size >= len(hidden):
        return part(hidden, table, slice(None))
    value: Tensor = _BySequences.apply(part, hidden, table, size)  # type: ignore[no-untyped-call]
    return value


class _BySequences(torch.autograd.Function):
    """See `by_sequences`."""

    @staticmethod
    def forward(ctx: Any, part: Part, hidden: Tensor, table: Tensor, size: int) -> Tensor:
        grad_hidden = torch.empty_like(hidden)
        grad_table = torch.zeros_like(table)
        value = torch.zeros((), dtype=torch.float64, device=hidden.device)
        rows = table.detach().requires_grad_()
        for start in range(0, len(hidden), size):
            at = slice(start, start + size)
            states = hidden[at].detach().requires_grad_()
            # A graph for this chunk alone; it is freed once its two gradients have been taken.
            with torch.enable_grad():
                share = part(states, rows, at)
            grad_hidden[at], slope = torch.autograd.grad(share, (states, rows))
            grad_table += slope
            value += share.detach()
        ctx.save_for_backward(grad_hidden, grad_table)
        return value.to(hidden.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *_scaled(ctx, slope), None)


def _scaled(ctx: Any, slope: Tensor) -> tuple[Tensor, ...]:
    """The saved gradients times the incoming slope; they are kept for a second backward pass."""
    return tuple(gradient * slope for gradient in ctx.saved_tensors)


def _elements(device: torch.device) -> int:
    return ELEMENTS if device.type == "cpu" else DEVICE_ELEMENTS


def _rows_of_chunk(n_rows: int, device: torch.device) -> int:
    return max(FEWEST_ROWS, _elements(device) // n_rows)
