"""Losses in chunks: the gradient is computed with the value, chunk by chunk, so that no chunk is stored.

A gradient tape keeps the scores of every position until the backward pass. A loss, though, is a sum over positions, and
its gradient is known as soon as a position's scores are. So one chunk of scores is held at a time, at the price of two
gradients as large as the states and the table, which are computed even if not requested. Nothing is computed
twice. There are no gradients of gradients: a tape returns None.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

ELEMENTS = 2**22  # numbers of a chunk: 16 MB in float32; times measured on CPUs hardly differ from 2**20 to 2**24
DEVICE_ELEMENTS = 2**26  # on an accelerator a chunk must keep thousands of cores busy

Values = Callable[..., tf.Tensor]
Rows = tuple[tf.Tensor, ...]


def weighted_sum(
    values: Values, states: tf.Tensor, table: tf.Tensor, rows: Rows, weights: tf.Tensor, each: tf.Tensor
) -> tf.Tensor:
    """The sum over places of weight x value, a scalar; both its gradients are dense.

    Peak memory beyond the arguments: what `values` and its gradient take for one chunk, and two gradients of the shapes
    of `states` and `table`, of the latter one more while a chunk is added to it.

    Args:
        values: `values(states[chunk], table, *(tensor[chunk] for tensor in rows))`, of the shape of `weights[chunk]`.
        states: (n, ..., D). table: (V, D). rows: tensors of n rows without gradient, such as targets.
        weights: (n, ...), no gradient flows to them.
        each: how many numbers `values` holds for one of the n. A chunk is as many of the n as hold ELEMENTS together,
            or as many as the table has if these are more: each chunk makes a gradient of that size anyway.
    """
    size = _size(each, tf.size(table, tf.int64))

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def summed(states: tf.Tensor, table: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], Rows]]:
        value, to_states, to_table = _passed(values, _unseen(states), _unseen(table), rows, _unseen(weights), size)

        def gradient(slope: tf.Tensor) -> Rows:
            return slope * to_states, slope * to_table

        return value, gradient

    return summed(states, table)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def dense(table: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """The table itself, whose gradient is a tensor even where only some of its rows are gathered."""
    n_rows = tf.shape(table)[0]

    def gradient(slope: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
        if isinstance(slope, tf.IndexedSlices):
            return tf.math.unsorted_segment_sum(slope.values, slope.indices, n_rows)
        return slope

    return tf.identity(table), gradient


def _unseen(tensor: tf.Tensor) -> tf.Tensor:
    """The same numbers in the same memory, not recorded by an outer tape.

    What follows a `tf.stop_gradient` has no gradient, but in eager mode a tape still stores it: 2.9 GB were
    measured instead of 41 MB. A tape does not record integers, and a bitcast copies nothing.
    """
    return tf.bitcast(tf.bitcast(tensor, tf.uint8), tensor.dtype)


def _size(each: tf.Tensor, of_table: tf.Tensor) -> tf.Tensor:
    elements = DEVICE_ELEMENTS if tf.config.list_logical_devices("GPU") else ELEMENTS
    return tf.cast(tf.maximum(tf.maximum(of_table, elements) // tf.maximum(tf.cast(each, tf.int64), 1), 1), tf.int32)


def _passed(
    values: Values, states: tf.Tensor, table: tf.Tensor, rows: Rows, weights: tf.Tensor, size: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The value and its gradients to `states` and `table`. At least one chunk is computed, an empty one of n = 0."""
    n_chunks = tf.maximum(1, (tf.shape(states)[0] + size - 1) // size)
    shape = tf.TensorShape([None]).concatenate(states.shape[1:])
    parts = tf.TensorArray(states.dtype, n_chunks, element_shape=shape, infer_shape=False)

    # A loop of the graph over chunks. It carries the value (summed in float64), the gradient to each chunk's states,
    # which are joined in the end, and the gradient to the table, to which each chunk adds its own.
    def step(
        i: tf.Tensor, value: tf.Tensor, parts: tf.TensorArray, to_table: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.Tensor]:
        at = slice(i * size, (i + 1) * size)
        share, to_states, more = _of_chunk(values, states[at], table, tuple(tensor[at] for tensor in rows), weights[at])
        return i + 1, value + tf.cast(share, tf.float64), parts.write(i, to_states), _added(to_table, more)

    start = (tf.constant(0), tf.constant(0.0, tf.float64), parts, tf.zeros_like(table))
    _, value, parts, to_table = tf.while_loop(lambda i, *_: i < n_chunks, step, start, parallel_iterations=1)
    return tf.cast(value, states.dtype), parts.concat(), to_table


def _of_chunk(
    values: Values, states: tf.Tensor, table: tf.Tensor, rows: Rows, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | tf.IndexedSlices]:
    """The weighted sum of a chunk, and its gradients."""
    states, table = tf.stop_gradient(states), tf.stop_gradient(table)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch((states, table))
        value = tf.reduce_sum(tf.stop_gradient(weights) * values(states, table, *rows))
    return value, *tape.gradient(value, (states, table))


def _added(total: tf.Tensor, part: tf.Tensor | tf.IndexedSlices) -> tf.Tensor:
    if isinstance(part, tf.IndexedSlices):
        return tf.tensor_scatter_nd_add(total, part.indices[:, None], part.values)
    return total + part
