"""Losses for PyTorch upstreams, written once from their equations; patches only connect them.

Every loss is a `loss(hidden, item_embeddings, targets, mask, *, generator=None, **options)`, returning a scalar:
    hidden: (B, L, D) float, the model's output at each position.
    item_embeddings: (V, D) float, the whole table, reserved rows (padding, mask token) included.
    targets: (B, L) int64, the next item at each position; anything where `mask` is False.
    mask: (B, L) bool, True where the position counts.
    generator: the only source of randomness a loss may use; `None` is torch's default one.
The score of item i at position t is r[t, i] = hidden[t] . item_embeddings[i]; i+ is the target, S the negatives.
Options that several losses have:
    average: `positions`, the mean over all counted positions of the batch (long sequences weigh more), or `sequences`,
        the mean within a sequence and then over the sequences that count at all. It is 0 without counted positions.
    excluded_rows: rows of the table that neither enter a softmax nor are drawn; they must not be targets.
    form: `lean`, in chunks, never storing all scores (see lean_torch), or `naive`; over the whole catalogue also
        `fused`, a CUDA kernel of the package liger-kernel. The numbers are equal up to rounding.
    negatives: (B, L, k) int64, a position's own, or (B, N), shared by the sequence; drawn by `samplers_torch` if None:
        `k` of them, uniformly from what `exclude` and `seen` leave (see there).
An unknown choice raises a ValueError. Nothing here seeds, moves tensors between devices, or knows an upstream.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from . import lean_torch
from .checks import one_of
from .scores_torch import Drawn, Generator, Rows, counted_at, negatives_of, over_negatives, position_weights


def ce_all(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,  # noqa: ARG001
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at every counted position: the enhanced loss. Nothing is drawn.

    Source: Li et al. 2023, eq. 4, which averages by `sequences`; their released code averages by `positions`, and its
    softmax runs over all rows, reserved ones included, as here by default. Klenitskiy and Vasilev 2023, eq. 2.
    """
    one_of("form", form, ("lean", "naive", "fused"))
    counted = mask.reshape(-1).nonzero().squeeze(1)
    states = hidden.reshape(-1, hidden.shape[-1]).index_select(0, counted)
    goals = targets.reshape(-1).index_select(0, counted)
    weights = position_weights(mask, average, hidden.dtype).reshape(-1).index_select(0, counted)
    if form == "lean":
        return lean_torch.catalogue_cross_entropy(states, item_embeddings, goals, weights, excluded_rows)
    if form == "fused":
        if average != "positions":
            raise ValueError(f"form: 'fused' has the mean over positions only, not average={average!r}; use 'lean'")
        return lean_torch.fused_cross_entropy(states, item_embeddings, goals, excluded_rows)
    logits = states @ item_embeddings.t()
    if excluded_rows:
        rows = torch.tensor(excluded_rows, dtype=torch.int64, device=logits.device)
        logits = logits.index_fill(1, rows, float("-inf"))
    return (weights * F.cross_entropy(logits, goals, reduction="none")).sum()


def mlm_ce(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at the masked positions of a bidirectional model, which `mask` marks.

    Source: BERT4Rec (Sun et al. 2019), eq. 8. The same sum as `ce_all`; the model and its inputs differ.
    """
    return ce_all(
        hidden, item_embeddings, targets, mask,
        generator=generator, excluded_rows=excluded_rows, average=average, form=form,
    )  # fmt: skip


def ce_last(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at the last position (index L - 1), where both averages are one.

    Source: Li et al. 2023, section 3.3: eq. 4 with T = the last position.
    """
    return ce_all(
        hidden[:, -1:], item_embeddings, targets[:, -1:], mask[:, -1:],
        generator=generator, excluded_rows=excluded_rows, average=average, form=form,
    )  # fmt: skip


def bce(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", weighting: str = "summed", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Binary cross entropy: -log s(r[t, i+]) - sum over S of log(1 - s(r[t, j])), s the logistic function.

    Args:
        weighting: `summed`, as above; `averaged`, with the mean over S in place of the sum; `normalised`, the sum of
            all k + 1 terms divided by k + 1.
    Source: summed: Klenitskiy and Vasilev 2023, eq. 1; Li et al. 2023, eq. 3, read with 1 - s(r) where s(1 - r) is
        printed. averaged: the released code of Li et al. normalised: Petrov and Macdonald 2023, eq. 7.
    """
    one_of("weighting", weighting, ("summed", "averaged", "normalised"))

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        negative_part = _softplus(negative).mean(1) if weighting == "averaged" else _softplus(negative).sum(1)
        both = _softplus(-positive) + negative_part
        return both / (1 + negative.shape[1]) if weighting == "normalised" else both

    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)
    return over_negatives(values, hidden, item_embeddings, targets, mask, drawn, average, form)


def gbce(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 256, exclude: str = "none", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", t: float = 0.75, form: str = "lean",
) -> Tensor:  # fmt: skip
    """Generalised binary cross entropy: (-beta log s(r[t, i+]) - sum over S of log(1 - s(r[t, j]))) / (k + 1).

    log s^beta(r) is beta log s(r), which needs no clipping. The catalogue is the table without `excluded_rows`.

    Args:
        t: calibration, from 0 (beta = 1: `bce`, normalised) to 1 (beta = the sampling rate: calibrated probabilities).
    Source: Petrov and Macdonald 2023, eq. 8; beta by eq. 27.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)
    beta = gbce_beta(drawn.shape[-1], item_embeddings.shape[0] - len(excluded_rows), t)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return (beta * _softplus(-positive) + _softplus(negative).sum(1)) / (1 + negative.shape[1])

    return over_negatives(values, hidden, item_embeddings, targets, mask, drawn, average, form)


def gbce_beta(k: int, n_items: int, t: float) -> float:
    """The power of gBCE for `k` negatives out of `n_items`; a sampling rate above 1 counts as 1.

    Raises:
        ValueError: t is not in [0, 1].
    Source: Petrov and Macdonald 2023, eq. 27: alpha (t (1 - 1 / alpha) + 1 / alpha), alpha = k / (n_items - 1).
    """
    if not 0.0 <= t <= 1.0:
        raise ValueError(f"t: expected 0 to 1, got {t}")
    alpha = min(1.0, k / max(n_items - 1, 1))
    return 1.0 - t * (1.0 - alpha)


def ssm(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 256, exclude: str = "none", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Sampled softmax, each position with its own S: -log(exp r[t, i+] / (exp r[t, i+] + sum over S of exp r[t, j])).

    No correction for the sampling rate; draws equal to the target stay (`exclude="target"` leaves them out).
    Source: Petrov and Macdonald 2023, eq. 5 and 6.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)
    return over_negatives(_softmax_values, hidden, item_embeddings, targets, mask, drawn, average, form)


def sampled_ce(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 3000, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the target and k different items that the sequence lacks, one set for all its positions.

    Source: Klenitskiy and Vasilev 2023, eq. 3 (k = 3000 in their Table 2).
    """
    drawn = negatives_of(True, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)
    return over_negatives(_softmax_values, hidden, item_embeddings, targets, mask, drawn, average, form)


def bpr(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Mean over S of -log s(r[t, i+] - r[t, j]).

    Args:
        at: `last`, the last position (index L - 1) only, or `all` counted ones.
    Source: Li et al. 2023, eq. 1.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return _softplus(negative - positive[:, None]).mean(1)

    return over_negatives(values, hidden, item_embeddings, targets, counted_at(mask, at), drawn, average, "naive")


def bpr_max(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 10, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last", regularisation: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log of the sum over S of w_j s(r[t, i+] - r[t, j]), w the softmax over S of r[t, j].

    Args:
        at: as in `bpr`.
        regularisation: times the sum over S of w_j r[t, j]^2, added to it.
    Source: Li et al. 2023, eq. 2; the regularisation of scores is of Hidasi and Karatzoglou 2018.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        # With ahead_j = r[t, j] - r[t, i+], the product w_j s(-ahead_j) is s(ahead_j) / sum over S of exp(ahead).
        # So the loss is log of that sum, `below`, minus log of the sum of s(ahead). Each sum is taken after a shift by
        # the largest term, which keeps it, and so its gradient, near 1. The shifts are added outside the logarithm.
        ahead = negative - positive[:, None]
        top = ahead.detach().amax(1, keepdim=True)
        below = torch.logsumexp(ahead - top, dim=1) + top.squeeze(1).clamp(min=0)
        main = below - torch.logsumexp(ahead - top.clamp(max=0) - _softplus(ahead), dim=1)
        if not regularisation:
            return main
        return main + regularisation * (F.softmax(negative, dim=1) * negative.square()).sum(1)

    return over_negatives(values, hidden, item_embeddings, targets, counted_at(mask, at), drawn, average, "naive")


def top1(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Mean over S of s(r[t, j] - r[t, i+]) + s(r[t, j]^2); `at` as in `bpr`.

    Source: Hidasi et al. 2016.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return _top1_terms(positive, negative).mean(1)

    return over_negatives(values, hidden, item_embeddings, targets, counted_at(mask, at), drawn, average, "naive")


def top1_max(
    hidden: Tensor, item_embeddings: Tensor, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 10, exclude: str = "sequence", seen: Tensor | None = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Sum over S of w_j [s(r[t, j] - r[t, i+]) + s(r[t, j]^2)], w the softmax over S of r[t, j]; `at` as in `bpr`.

    Source: Hidasi and Karatzoglou 2018.
    """
    drawn = negatives_of(False, negatives, generator, k, targets, mask, item_embeddings, excluded_rows, exclude, seen)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return (F.softmax(negative, dim=1) * _top1_terms(positive, negative)).sum(1)

    return over_negatives(values, hidden, item_embeddings, targets, counted_at(mask, at), drawn, average, "naive")


LOSSES: dict[str, Callable[..., Tensor]] = {
    "bce": bce, "gbce": gbce, "ce-last": ce_last, "ce-all": ce_all, "sampled-ce": sampled_ce, "ssm": ssm,
    "mlm-ce": mlm_ce, "bpr": bpr, "bpr-max": bpr_max, "top1": top1, "top1-max": top1_max,
}  # fmt: skip


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) = -log(1 - s(x)), exact also where F.softplus returns x."""
    return -F.logsigmoid(-x)


def _softmax_values(positive: Tensor, negative: Tensor) -> Tensor:
    """-log of the positive's share in the softmax over it and the negatives, (n,)."""
    scores = torch.cat([positive[:, None], negative], dim=1)
    return -F.log_softmax(scores, dim=1)[:, 0]


def _top1_terms(positive: Tensor, negative: Tensor) -> Tensor:
    return torch.sigmoid(negative - positive[:, None]) + torch.sigmoid(negative.square())
