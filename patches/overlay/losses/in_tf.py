"""Losses for TensorFlow upstreams, written once from their equations; patches only connect them.

Every loss is a `loss(hidden, item_embeddings, targets, mask, *, generator=None, **options)`, returning a scalar:
    hidden: (B, L, D) float, the model's output at each position.
    item_embeddings: (V, D) float, tensor or variable: the whole table, reserved rows (padding, mask token) included.
    targets: (B, L) int64, the next item at each position; anything where `mask` is False.
    mask: (B, L) bool, True where the position counts.
    generator: the only source of randomness a loss may use; `None` is what `tf.random.set_seed` starts.
The score of item i at position t is r[t, i] = hidden[t] . item_embeddings[i]; i+ is the target, S the negatives.
Options that several losses have:
    average: `positions`, the mean over all counted positions of the batch (long sequences weigh more), or `sequences`,
        the mean within a sequence and then over the sequences that count at all. It is 0 without counted positions.
    excluded_rows: rows of the table that neither enter a softmax nor are drawn; they must not be targets.
    form: `lean`, in chunks, never storing all scores (see lean_tf), or `naive`; the numbers are the same.
    negatives: (B, L, k) int64, a position's own, or (B, N), shared by the sequence; drawn by `samplers_tf` if None:
        `k` of them, uniformly from what `exclude` and `seen` leave (see there).
    at: `last`, the last position (index L - 1) only, or `all` counted ones.
An unknown choice raises a ValueError. Only operations of TensorFlow are used, eagerly or in a `tf.function` (but not
compiled by XLA), with any Keras or none; a graph need not know B, L and V. Gradients are dense, also of a variable.
Nothing here seeds, or knows an upstream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow import Tensor, Variable

from . import samplers_tf
from .checks import EXCLUDE, check_k, one_of
from .scores_tf import Batch, batch_of, counted_at, over_catalogue, over_negatives

Table: TypeAlias = Tensor | Variable
Drawn: TypeAlias = Tensor | None
Generator: TypeAlias = Any  # tf.random.Generator, or None for the one that `tf.random.set_seed` starts
Rows = tuple[int, ...]


def ce_all(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,  # noqa: ARG001
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at every counted position: the enhanced loss. Nothing is drawn.

    Source: Li et al. 2023, eq. 4, which averages by `sequences`; their released code averages by `positions`, and its
    softmax runs over all rows, reserved ones included, as here by default. Klenitskiy and Vasilev 2023, eq. 2.
    """
    return over_catalogue(batch_of(hidden, item_embeddings, targets, mask), excluded_rows, average, form)


def mlm_ce(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,  # noqa: ARG001
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at the masked positions of a bidirectional model, which `mask` marks.

    Source: BERT4Rec (Sun et al. 2019), eq. 8. The same sum as `ce_all`; the model and its inputs differ.
    """
    return over_catalogue(batch_of(hidden, item_embeddings, targets, mask), excluded_rows, average, form)


def ce_last(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,  # noqa: ARG001
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the whole catalogue at the last position (index L - 1), where both averages are one.

    Source: Li et al. 2023, section 3.3: eq. 4 with T = the last position.
    """
    batch = batch_of(hidden[:, -1:], item_embeddings, targets[:, -1:], mask[:, -1:])
    return over_catalogue(batch, excluded_rows, average, form)


def bce(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Drawn = None,
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
        over_s = tf.reduce_mean if weighting == "averaged" else tf.reduce_sum
        both = tf.math.softplus(-positive) + over_s(tf.math.softplus(negative), axis=-1)
        return both / _terms(negative) if weighting == "normalised" else both

    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(values, batch, drawn, average, form)


def gbce(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 256, exclude: str = "none", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", t: float = 0.75, form: str = "lean",
) -> Tensor:  # fmt: skip
    """Generalised binary cross entropy: (-beta log s(r[t, i+]) - sum over S of log(1 - s(r[t, j]))) / (k + 1).

    log s^beta(r) is beta log s(r), which needs no clipping. The catalogue is the table without `excluded_rows`.

    Args:
        t: calibration, from 0 (beta = 1: `bce`, normalised) to 1 (beta = the sampling rate: calibrated probabilities).
    Source: Petrov and Macdonald 2023, eq. 8; beta by eq. 27.
    """
    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    beta = gbce_beta(tf.shape(drawn)[-1], tf.shape(batch.table)[0] - len(excluded_rows), t)

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        weighed = tf.cast(beta, positive.dtype) * tf.math.softplus(-positive)
        return (weighed + tf.reduce_sum(tf.math.softplus(negative), axis=-1)) / _terms(negative)

    return over_negatives(values, batch, drawn, average, form)


def gbce_beta(k: int | Tensor, n_items: int | Tensor, t: float) -> Tensor:
    """The power of gBCE for `k` negatives out of `n_items`, float64; a sampling rate above 1 counts as 1.

    Raises:
        ValueError: t is not in [0, 1].
    Source: Petrov and Macdonald 2023, eq. 27: alpha (t (1 - 1 / alpha) + 1 / alpha), alpha = k / (n_items - 1).
    """
    if not 0.0 <= t <= 1.0:
        raise ValueError(f"t: expected 0 to 1, got {t}")
    others = tf.maximum(tf.cast(n_items, tf.float64) - 1.0, 1.0)
    return 1.0 - t * (1.0 - tf.minimum(tf.cast(k, tf.float64) / others, 1.0))


def ssm(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 256, exclude: str = "none", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Sampled softmax, each position with its own S: -log(exp r[t, i+] / (exp r[t, i+] + sum over S of exp r[t, j])).

    No correction for the sampling rate; draws equal to the target stay (`exclude="target"` leaves them out).
    Source: Petrov and Macdonald 2023, eq. 5 and 6.
    """
    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(_softmax_values, batch, drawn, average, form)


def sampled_ce(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 3000, exclude: str = "sequence", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", form: str = "lean",
) -> Tensor:  # fmt: skip
    """Cross entropy over the target and k different items that the sequence lacks, one set for all its positions.

    Source: Klenitskiy and Vasilev 2023, eq. 3 (k = 3000 in their Table 2).
    """
    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw_shared, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(_softmax_values, batch, drawn, average, form)


def bpr(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Mean over S of -log s(r[t, i+] - r[t, j]).

    Source: Li et al. 2023, eq. 1.
    """

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return tf.reduce_mean(tf.math.softplus(negative - positive[..., None]), axis=-1)

    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(values, counted_at(batch, at), drawn, average, "naive")


def bpr_max(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 10, exclude: str = "sequence", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last", regularisation: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log of the sum over S of w_j s(r[t, i+] - r[t, j]), w the softmax over S of r[t, j].

    Args:
        regularisation: times the sum over S of w_j r[t, j]^2, added to it.
    Source: Li et al. 2023, eq. 2; the regularisation of scores is of Hidasi and Karatzoglou 2018.
    """

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        # The product w_j s(-ahead_j) is s(ahead_j) / sum over S of exp(ahead); shifts by the largest term keep both
        # sums near 1, as in `in_torch`.
        ahead = negative - positive[..., None]
        top = tf.stop_gradient(tf.reduce_max(ahead, axis=-1, keepdims=True))
        below = tf.reduce_logsumexp(ahead - top, axis=-1) + tf.nn.relu(top[..., 0])
        main = below - tf.reduce_logsumexp(ahead - tf.minimum(top, 0) - tf.math.softplus(ahead), axis=-1)
        if not regularisation:
            return main
        return main + regularisation * tf.reduce_sum(tf.nn.softmax(negative) * tf.square(negative), axis=-1)

    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(values, counted_at(batch, at), drawn, average, "naive")


def top1(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 1, exclude: str = "sequence", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Mean over S of s(r[t, j] - r[t, i+]) + s(r[t, j]^2).

    Source: Hidasi et al. 2016.
    """

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return tf.reduce_mean(_top1_terms(positive, negative), axis=-1)

    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(values, counted_at(batch, at), drawn, average, "naive")


def top1_max(
    hidden: Tensor, item_embeddings: Table, targets: Tensor, mask: Tensor, *, generator: Generator = None,
    negatives: Drawn = None, k: int = 10, exclude: str = "sequence", seen: Drawn = None,
    excluded_rows: Rows = (), average: str = "positions", at: str = "last",
) -> Tensor:  # fmt: skip
    """Sum over S of w_j [s(r[t, j] - r[t, i+]) + s(r[t, j]^2)], w the softmax over S of r[t, j].

    Source: Hidasi and Karatzoglou 2018.
    """

    def values(positive: Tensor, negative: Tensor) -> Tensor:
        return tf.reduce_sum(tf.nn.softmax(negative) * _top1_terms(positive, negative), axis=-1)

    batch = batch_of(hidden, item_embeddings, targets, mask)
    drawn = _negatives(samplers_tf.draw, negatives, generator, k, batch, excluded_rows, exclude, seen)
    return over_negatives(values, counted_at(batch, at), drawn, average, "naive")


LOSSES: dict[str, Callable[..., Tensor]] = {
    "bce": bce, "gbce": gbce, "ce-last": ce_last, "ce-all": ce_all, "sampled-ce": sampled_ce, "ssm": ssm,
    "mlm-ce": mlm_ce, "bpr": bpr, "bpr-max": bpr_max, "top1": top1, "top1-max": top1_max,
}  # fmt: skip


def _terms(negative: Tensor) -> Tensor:
    """k + 1."""
    return tf.cast(tf.shape(negative)[-1] + 1, negative.dtype)


def _softmax_values(positive: Tensor, negative: Tensor) -> Tensor:
    """-log of the positive's share in the softmax over it and the negatives."""
    return tf.math.softplus(tf.reduce_logsumexp(negative - positive[..., None], axis=-1))


def _top1_terms(positive: Tensor, negative: Tensor) -> Tensor:
    return tf.sigmoid(negative - positive[..., None]) + tf.sigmoid(tf.square(negative))


def _negatives(
    sampler: Callable[..., Tensor], given: Drawn, generator: Generator, k: int, batch: Batch, excluded_rows: Rows,
    exclude: str, seen: Drawn,
) -> Tensor:  # fmt: skip
    """The given negatives, or drawn ones."""
    one_of("exclude", exclude, EXCLUDE)
    check_k(k)
    if given is not None:
        return tf.convert_to_tensor(given)
    n_rows = batch.table.shape[0] or tf.shape(batch.table)[0]
    return sampler(generator, k, batch.targets, batch.mask, n_rows, excluded_rows, exclude, seen)
