"""Negatives for the sampled losses: uniform, exact, from a given generator; no draw is rejected.

The rows that may not be drawn form a sorted list f_0 < f_1 < ... Of the rows that are left, the one with index r
(from 0) is r + #{i: f_i - i <= r}, because f_i - i rows are left below f_i. So one draw of r in [0, number left) is
enough for any forbidden rows, and no table of the catalogue is built.

Too few rows raise a `ValueError` if the numbers are known while Python runs: always in eager mode, and
in a `tf.function` where the table itself is too small. Where that depends on the batch, the graph stops with an
`InvalidArgumentError` of the same words.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .checks import check_exclude, check_k, check_not_target, too_few


def draw(
    generator: tf.random.Generator | None,
    k: int,
    targets: tf.Tensor,
    mask: tf.Tensor,
    n_rows: int | tf.Tensor,
    excluded_rows: tuple[int, ...],
    exclude: str,
    seen: tf.Tensor | None,
) -> tf.Tensor:
    """`k` rows for each position, with replacement, uniform over those that are left.

    Args:
        generator: source of random numbers; None for TensorFlow's own stream, the one that `tf.random.set_seed` starts.
        targets: (B, L) int64, the next item of each position.
        mask: (B, L) bool, positions that count.
        n_rows: rows of the table.
        excluded_rows: rows that are not items (padding, mask token).
        exclude: what else a negative must not be: `none`, `target` (its position's own next item) or `sequence`
            (nothing that the sequence holds: its targets, and `seen`).
        seen: (B, S) int64, further items of each sequence, its inputs; reserved rows may be among them.
    Returns:
        (B, L, k) int64.
    Raises:
        ValueError: `exclude` is unknown, k is below 1, or no row is left.
    """
    n_rows = _checked(k, 1, n_rows, excluded_rows)
    forbidden = _forbidden(targets, mask, n_rows, excluded_rows, exclude, seen)
    left = _left(forbidden, n_rows, k, 1)
    batch, length = tf.unstack(tf.shape(targets))
    if exclude == "target":  # a list for each position
        places = _places(generator, (batch * length, k), left)
    else:
        places = _places(generator, (batch, length * k), left)
    return tf.reshape(_nth_left(places, forbidden, n_rows), (batch, length, k))


def draw_shared(
    generator: tf.random.Generator | None,
    k: int,
    targets: tf.Tensor,
    mask: tf.Tensor,
    n_rows: int | tf.Tensor,
    excluded_rows: tuple[int, ...],
    exclude: str,
    seen: tf.Tensor | None,
) -> tf.Tensor:
    """`k` different rows for each sequence, shared by its positions; all else as in `draw`.

    Every ordered choice is equally likely. Memory grows with B x k, not with the table.
    Returns:
        (B, k) int64.
    Raises:
        ValueError: `exclude` is unknown or asks for a position's own target, k is below 1, or fewer than k are left.
    """
    check_not_target(exclude)
    n_rows = _checked(k, k, n_rows, excluded_rows)
    forbidden = _forbidden(targets, mask, n_rows, excluded_rows, exclude, seen)
    left = tf.broadcast_to(_left(forbidden, n_rows, k, k), (tf.shape(targets)[0], 1))
    places = tf.cond(
        tf.reduce_min(left) < 3 * k,
        lambda: _shuffled(generator, k, left),
        lambda: _first_different(generator, k, left),
    )
    return tf.ensure_shape(_nth_left(places, forbidden, n_rows), (None, k))


def _checked(k: int, needed: int, n_rows: int | tf.Tensor, excluded_rows: tuple[int, ...]) -> tf.Tensor:
    """`n_rows` as a tensor, after the checks that a graph can do without a batch."""
    check_k(k)
    known = None if tf.executing_eagerly() else tf.get_static_value(n_rows)
    if known is not None and known - len(set(excluded_rows)) < needed:
        raise ValueError(too_few(k, known - len(set(excluded_rows)), needed))
    return tf.cast(n_rows, tf.int64)


def _forbidden(
    targets: tf.Tensor,
    mask: tf.Tensor,
    n_rows: tf.Tensor,
    excluded_rows: tuple[int, ...],
    exclude: str,
    seen: tf.Tensor | None,
) -> tf.Tensor:
    """Sorted forbidden rows of each list, (1 or B or B * L, F), F >= 1; at the end n_rows for repeated ones.

    Numbers that are not rows of the table forbid nothing.
    """
    check_exclude(exclude)
    # 1. What a list forbids besides reserved rows; positions that do not count forbid nothing (n_rows is not a row).
    own = tf.fill((1, 1), n_rows)
    if exclude != "none":
        own = tf.where(mask, tf.cast(targets, tf.int64), n_rows)
    if exclude == "target":
        own = tf.reshape(own, (-1, 1))
    if exclude == "sequence" and seen is not None:
        own = tf.concat([own, tf.cast(seen, tf.int64)], axis=1)
    reserved = tf.broadcast_to(
        tf.constant(excluded_rows, tf.int64, (1, len(excluded_rows))), (tf.shape(own)[0], len(excluded_rows))
    )
    # 2. Sorted, each row once: numbers that are not rows, and repeated rows, become n_rows and move to the end.
    rows = tf.concat([reserved, own], axis=1)
    rows = tf.sort(tf.where((rows >= 0) & (rows < n_rows), rows, n_rows), axis=1)
    first = tf.concat([tf.ones_like(rows[:, :1], tf.bool), rows[:, 1:] != rows[:, :-1]], axis=1)
    return tf.sort(tf.where(first, rows, n_rows), axis=1)


def _left(forbidden: tf.Tensor, n_rows: tf.Tensor, k: int, needed: int) -> tf.Tensor:
    """The number of rows left by each list, (lists, 1), after checking that they are `needed` or more."""
    left = n_rows - tf.math.count_nonzero(forbidden < n_rows, axis=1, keepdims=True)
    fewest = tf.reduce_min(left)
    known = tf.get_static_value(fewest)
    if known is None:
        before, after = too_few(k, "|", needed).split("|")
        enough = tf.debugging.Assert(fewest >= needed, [before, fewest, after])
        with tf.control_dependencies([enough]):
            return tf.identity(left)
    if known < needed:
        raise ValueError(too_few(k, known, needed))
    return left


def _nth_left(places: tf.Tensor, forbidden: tf.Tensor, n_rows: tf.Tensor) -> tf.Tensor:
    """The rows that are left at these places, (lists, m); with one list for all, it serves every row of `places`."""
    before = tf.where(forbidden < n_rows, forbidden - tf.range(tf.shape(forbidden, tf.int64)[1]), n_rows)
    if forbidden.shape[0] == 1:
        passed = tf.searchsorted(before[0], tf.reshape(places, (-1,)), side="right", out_type=tf.int64)
        return places + tf.reshape(passed, tf.shape(places))
    return places + tf.searchsorted(before, places, side="right", out_type=tf.int64)


def _uniform(generator: tf.random.Generator | None, shape: tuple[int | tf.Tensor, int | tf.Tensor]) -> tf.Tensor:
    """Numbers in [0, 1), float64."""
    source: Callable[..., tf.Tensor] = tf.random.uniform if generator is None else generator.uniform
    return source(shape, dtype=tf.float64)


def _places(
    generator: tf.random.Generator | None, shape: tuple[int | tf.Tensor, int | tf.Tensor], left: tf.Tensor
) -> tf.Tensor:
    """Whole numbers in [0, left), int64; the chances of two of them differ by less than 1 in 2**52 / left."""
    return tf.minimum(tf.cast(_uniform(generator, shape) * tf.cast(left, tf.float64), tf.int64), left - 1)


def _shuffled(generator: tf.random.Generator | None, k: int, left: tf.Tensor) -> tf.Tensor:
    """`k` different numbers below `left` of each row, (B, k): the start of a permutation of them all."""
    batch, most = tf.shape(left)[0], tf.reduce_max(left)
    keys = tf.where(tf.range(most) < left, _uniform(generator, (batch, tf.cast(most, tf.int32))), 2.0)
    return tf.cast(tf.argsort(keys, axis=1, stable=True)[:, :k], tf.int64)


def _first_different(generator: tf.random.Generator | None, k: int, left: tf.Tensor) -> tf.Tensor:
    """The same: the first `k` different ones of a stream of draws with replacement, drawn on until each row has k."""
    batch = tf.shape(left)[0]

    def drawn_on(stream: tf.Tensor) -> tuple[tf.Tensor]:
        return (tf.concat([stream, _places(generator, (batch, k), left)], axis=1),)

    def too_short(stream: tf.Tensor) -> tf.Tensor:
        n_different = tf.math.count_nonzero(_news(stream) < tf.shape(stream, tf.int64)[1], axis=1)
        return tf.reduce_min(n_different) < k

    (stream,) = tf.while_loop(
        too_short,
        drawn_on,
        (_places(generator, (batch, 2 * k), left),),
        shape_invariants=(tf.TensorShape([None, None]),),
    )
    return tf.gather(stream, _news(stream)[:, :k], batch_dims=1)


def _news(stream: tf.Tensor) -> tf.Tensor:
    """Places at which each row of a stream has a number for the first time, in order, (B, m); filled up with m.

    A number and its place become one key, so that sorting the keys sorts by number and then by place.
    """
    m = tf.shape(stream, tf.int64)[1]
    keys = tf.sort(stream * m + tf.range(m), axis=1)
    first = tf.concat([tf.ones_like(keys[:, :1], tf.bool), keys[:, 1:] // m != keys[:, :-1] // m], axis=1)
    return tf.sort(tf.where(first, keys % m, m), axis=1)
