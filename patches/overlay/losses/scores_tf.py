"""Shared parts of the losses of `in_tf`: the weighted sum of a batch's values over positions, in either form."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from . import lean_tf
from .checks import AVERAGES, FORMS, one_of


class Batch(NamedTuple):
    """The arguments of every loss as tensors: (B, L, D), (V, D), (B, L) int64 and (B, L) bool."""

    hidden: tf.Tensor
    table: tf.Tensor
    targets: tf.Tensor
    mask: tf.Tensor


def batch_of(hidden: tf.Tensor, table: tf.Tensor | tf.Variable, targets: tf.Tensor, mask: tf.Tensor) -> Batch:
    """A batch of tensors, from anything that can be made a tensor."""
    return Batch(
        tf.convert_to_tensor(hidden), tf.convert_to_tensor(table), tf.cast(targets, tf.int64), tf.cast(mask, tf.bool)
    )


def counted_at(batch: Batch, at: str) -> Batch:
    """The batch with all its counted positions, or with only those that are the last index (L - 1)."""
    one_of("at", at, ("last", "all"))
    if at == "all":
        return batch
    length = tf.shape(batch.mask)[1]
    return batch._replace(mask=batch.mask & (tf.range(length) == length - 1))


def over_catalogue(batch: Batch, excluded_rows: tuple[int, ...], average: str, form: str) -> tf.Tensor:
    """The weighted sum over positions of log sum over rows of exp r - r of the target."""
    n_rows = tf.shape(batch.table)[0]

    def values(states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        scores = tf.matmul(states, table, transpose_b=True)
        if excluded_rows:
            scores += _barred(excluded_rows, n_rows, scores.dtype)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, scores)

    counted = tf.where(batch.mask)
    states, targets = tf.gather_nd(batch.hidden, counted), tf.gather_nd(batch.targets, counted)
    weights = tf.gather_nd(_weights(batch, average), counted)
    return _summed(values, states, batch.table, (targets,), weights, n_rows, form)


def over_negatives(
    values: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], batch: Batch, negatives: tf.Tensor, average: str, form: str
) -> tf.Tensor:
    """The weighted sum over positions of `values(positive (...), negative (..., k)) -> (...)`.

    Own negatives of a position are treated as shared by a sequence of length 1; positions that do not count are then
    omitted. If a sequence shares them, positions that do not count are computed from zeros with weight 0.
    """
    negatives = tf.cast(negatives, tf.int64)
    hidden, targets, weights = batch.hidden, batch.targets, _weights(batch, average)
    if negatives.shape.rank == 3:
        counted = tf.where(batch.mask)
        states, targets, weights, negatives = (tf.gather_nd(x, counted) for x in (hidden, targets, weights, negatives))
        states, targets, weights = states[:, None], targets[:, None], weights[:, None]
    else:
        states = tf.where(batch.mask[..., None], hidden, tf.zeros_like(hidden))
        targets = tf.where(batch.mask, targets, tf.zeros_like(targets))

    def of_chunk(states: tf.Tensor, table: tf.Tensor, targets: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
        positive = tf.reduce_sum(states * tf.gather(table, targets), axis=-1)
        return values(positive, tf.matmul(states, tf.gather(table, negatives), transpose_b=True))

    (length, width), k = tf.unstack(tf.shape(states, tf.int64)[1:]), tf.shape(negatives, tf.int64)[1]
    return _summed(of_chunk, states, batch.table, (targets, negatives), weights, k * (length + width), form)


def _summed(
    values: lean_tf.Values,
    states: tf.Tensor,
    table: tf.Tensor,
    rows: lean_tf.Rows,
    weights: tf.Tensor,
    each: tf.Tensor,
    form: str,
) -> tf.Tensor:
    one_of("form", form, FORMS)
    if form == "lean":
        return lean_tf.weighted_sum(values, states, table, rows, weights, each)
    return tf.reduce_sum(weights * values(states, lean_tf.dense(table), *rows))


def _weights(batch: Batch, average: str) -> tf.Tensor:
    """The weight of each position's value, (B, L); they sum to 1, or to 0 if no position counts."""
    one_of("average", average, AVERAGES)
    counted = tf.cast(batch.mask, batch.hidden.dtype)
    if average == "positions":
        return tf.math.divide_no_nan(counted, tf.reduce_sum(counted))
    lengths = tf.reduce_sum(counted, axis=1, keepdims=True)
    n_sequences = tf.math.count_nonzero(lengths, dtype=counted.dtype)
    return tf.math.divide_no_nan(tf.math.divide_no_nan(counted, lengths), n_sequences)


def _barred(excluded_rows: tuple[int, ...], n_rows: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """The addend of the scores of all rows, (V,): -inf for excluded ones, 0 for others."""
    rows = tf.constant(excluded_rows, tf.int64, (len(excluded_rows), 1))
    return tf.tensor_scatter_nd_update(
        tf.zeros((n_rows,), dtype), rows, tf.fill((len(excluded_rows),), tf.constant(float("-inf"), dtype))
    )
