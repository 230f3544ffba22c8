"""Losses for NumPy upstreams, with gradients written by hand, from the same equations as the others.

Every loss has one shape, `loss(scores, targets, ...) -> (value, gradient)`:
    scores: (P, V) float64, of every counted position for every row of the item table.
    targets: (P,) int64, column of the next item.
    negatives: (P, k) int64, columns of the sampled items; one that is drawn twice counts twice.
    value: the mean over the P positions. gradient: (P, V), the derivative of `value` by `scores`.
Nothing here draws a number, except `draw_shared`, which is given its generator.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def softplus(x: Floats) -> Floats:
    """log(1 + exp(x)), which is -log(1 - sigmoid(x)), without overflow."""
    found: Floats = np.logaddexp(0.0, x)
    return found


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    found: Floats = np.exp(-softplus(-x))
    return found


def scattered(like: Floats, columns: Integers, values: Floats) -> Floats:
    """Zeros like `like`, shape (P, V), with values[p, m] added at [p, columns[p, m]]."""
    places = columns + np.arange(len(like))[:, None] * like.shape[1]  # in the flattened array
    sums = np.bincount(places.reshape(-1), weights=values.reshape(-1), minlength=like.size)
    return np.asarray(sums, dtype=np.float64).reshape(like.shape)


def bce(scores: Floats, targets: Integers, negatives: Integers) -> tuple[float, Floats]:
    """-log sigmoid(positive) - sum over negatives of log(1 - sigmoid(negative)).

    Source: klenitskiy2023 eq. 1 (one negative); petrov2023 eq. 7 has it times 1/(k + 1).
    """
    value, gradient = gbce(scores, targets, negatives, beta=1.0)
    return value * (1 + negatives.shape[1]), gradient * (1 + negatives.shape[1])


def gbce_beta(k: int, n_items: int, t: float) -> float:
    """The power of gBCE for `k` negatives out of a catalogue of `n_items` and calibration `t`.

    Raises:
        ValueError: if t is not in [0, 1], or k not in 1..n_items - 1.
    Source: petrov2023 eq. 27.
    """
    if not 0.0 <= t <= 1.0 or not 1 <= k < n_items:
        raise ValueError(f"gbce: expected 0 <= t <= 1 and 1 <= k < {n_items}, got t = {t} and k = {k}")
    rate = k / (n_items - 1)
    return rate * (t * (1 - 1 / rate) + 1 / rate)


def gbce(scores: Floats, targets: Integers, negatives: Integers, beta: float) -> tuple[float, Floats]:
    """(-beta log sigmoid(positive) - sum over negatives of log(1 - sigmoid(negative))) / (k + 1).

    Source: petrov2023 eq. 8; log sigmoid^beta as beta * log sigmoid, which needs no clipping.
    """
    columns = np.concatenate([targets[:, None], negatives], axis=1)
    chosen = np.take_along_axis(scores, columns, axis=1)
    positive, negative = chosen[:, :1], chosen[:, 1:]
    share = 1.0 / columns.size
    value = (beta * softplus(-positive).sum() + softplus(negative).sum()) * share
    slopes = np.concatenate([-beta * sigmoid(-positive), sigmoid(negative)], axis=1)
    return value, scattered(scores, columns, slopes * share)


def cross_entropy(logits: Floats) -> tuple[float, Floats]:
    """-log softmax of column 0, mean over rows, and the derivative by `logits`, same shape."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    slopes = powers / sums
    slopes[:, 0] -= 1.0
    return (np.log(sums) - shifted[:, :1]).mean(), slopes / len(logits)


def ce_all(scores: Floats, targets: Integers, excluded: Iterable[int] = ()) -> tuple[float, Floats]:
    """-log softmax over the catalogue, at every position given.

    Args:
        excluded: columns left out of the softmax, such as padding; they must not be targets.
    Source: li2023 eq. 4; klenitskiy2023 eq. 2.
    """
    logits = np.concatenate([np.take_along_axis(scores, targets[:, None], axis=1), scores], axis=1)
    rows = np.arange(len(targets))
    logits[rows, 1 + targets] = -np.inf  # the target is in column 0 instead
    logits[:, [1 + column for column in excluded]] = -np.inf
    value, slopes = cross_entropy(logits)
    gradient = slopes[:, 1:]
    gradient[rows, targets] = slopes[:, 0]
    return value, gradient


def sampled_ce(scores: Floats, targets: Integers, negatives: Integers) -> tuple[float, Floats]:
    """-log softmax over the positive and the sampled items.

    Source: klenitskiy2023 eq. 3, where positions of one user share their negatives; petrov2023 eq. 5 where they do not.
    """
    columns = np.concatenate([targets[:, None], negatives], axis=1)
    value, slopes = cross_entropy(np.take_along_axis(scores, columns, axis=1))
    return value, scattered(scores, columns, slopes)


def draw_shared(rng: np.random.Generator, tables: Integers, counts: Integers, owners: Integers, n: int) -> Integers:
    """`n` different items per user, uniformly from the user's own table, the same for all positions of the user.

    Args:
        tables: shape (n_users, widest), the items a user may be given. owners: shape (P,), the user of each position.
        counts: shape (n_users,), how many items of a user's row are real; the rest is padding.
    Returns:
        shape (P, n).
    Raises:
        ValueError: if a user has fewer than `n` items to draw from.
    """
    # 1. Users that occur in the batch, and for each position the place of its user among them.
    users, place = np.unique(owners, return_inverse=True)
    if n > counts[users].min():
        raise ValueError(f"sampled-ce: {n} negatives asked for, a user has {counts[users].min()} to draw from")
    # 2. A random key for each item of a user; what fills up the row gets a key above all others.
    keys = rng.random((len(users), tables.shape[1]))
    keys[np.arange(tables.shape[1]) >= counts[users][:, None]] = 2.0
    # 3. The items with the n smallest keys: every choice of n different items is equally likely.
    chosen = np.argsort(keys, axis=1, kind="stable")[:, :n]
    drawn: Integers = np.take_along_axis(tables[users], chosen, axis=1)[place.reshape(-1)]
    return drawn
