"""The losses in float64 NumPy, position by position from their equations, with gradients derived by hand.

Nothing here is fast, and nothing is shared with what it judges. A position has the score `own` of its target and the
scores `others` of its negatives; each function gives the value there and its derivatives by `own` and by each of
`others`. From them `reference` makes the average over a batch and, r[t, i] being hidden[t] . item_embeddings[i], the
gradients by the hidden states and by the table.
Papers: li2023 (Li et al.), petrov2023 (Petrov and Macdonald, gSASRec), klenitskiy2023 (Klenitskiy and Vasilev),
hidasi2016 and hidasi2018 (GRU4Rec and its top-k gains).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

OVER_THE_CATALOGUE = ("ce-last", "ce-all", "mlm-ce")
PAIRWISE = ("bpr", "bpr-max", "top1", "top1-max")


class Point(NamedTuple):
    """A loss at one position: its value, and its derivatives by `own`, a number, and by `others`, shape (k,)."""

    value: float
    by_own: float
    by_others: np.ndarray


class Expected(NamedTuple):
    value: float
    by_hidden: np.ndarray
    by_table: np.ndarray


def sigmoid(x: Any) -> Any:
    return np.exp(-softplus(-np.asarray(x, dtype=np.float64)))


def softplus(x: Any) -> Any:
    """log(1 + exp x): -log sigmoid(-x) and -log(1 - sigmoid(x)); its derivative is sigmoid(x)."""
    return np.logaddexp(0.0, x)


def log_sum_exp(x: np.ndarray) -> float:
    return float(x.max() + np.log(np.exp(x - x.max()).sum()))


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def cross_entropy(own: float, others: np.ndarray) -> Point:
    """-log softmax at the target among the target and all others: d/dr_i = p_i - [i is the target].

    Source: li2023 eq. 4 and klenitskiy2023 eq. 2, `others` being the rest of the catalogue; petrov2023 eq. 5 and 6
    (ssm) and klenitskiy2023 eq. 3 (sampled-ce), `others` being the negatives.
    """
    scores = np.append(others, own)
    p = softmax(scores)
    return Point(log_sum_exp(scores) - own, -p[:-1].sum(), p[:-1])


def bce(own: float, others: np.ndarray, weighting: str = "summed") -> Point:
    """-log sigmoid(own) - sum_j log(1 - sigmoid(r_j)): d/down = -sigmoid(-own), d/dr_j = sigmoid(r_j).

    Source: klenitskiy2023 eq. 1 and li2023 eq. 3, read with 1 - sigma(r) where it prints sigma(1 - r); `normalised` is
    petrov2023 eq. 7; `averaged` is what li2023 released.
    """
    k = len(others)
    whole = {"summed": 1.0, "averaged": 1.0, "normalised": 1 / (k + 1)}[weighting]
    each = whole / k if weighting == "averaged" else whole
    value = whole * softplus(-own) + each * softplus(others).sum()
    return Point(float(value), -whole * float(sigmoid(-own)), each * sigmoid(others))


def beta_of(k: int, n_items: int, t: float) -> float:
    """petrov2023 eq. 27 as printed, with alpha = k / (#I - 1) from Theorem 5.1, at most 1."""
    alpha = min(1.0, k / (n_items - 1)) if n_items > 1 else 1.0
    return alpha * (t * (1 - 1 / alpha) + 1 / alpha)


def gbce(own: float, others: np.ndarray, beta: float) -> Point:
    """(-log sigmoid(own)^beta - sum_j log(1 - sigmoid(r_j))) / (k + 1). Source: petrov2023 eq. 8."""
    share = 1 / (len(others) + 1)
    value = share * (beta * softplus(-own) + softplus(others).sum())
    return Point(float(value), -share * beta * float(sigmoid(-own)), share * sigmoid(others))


def bpr(own: float, others: np.ndarray) -> Point:
    """-(1/k) sum_j log sigmoid(own - r_j). Source: li2023 eq. 1."""
    k = len(others)
    pull = sigmoid(others - own) / k
    return Point(float(softplus(others - own).sum() / k), -float(pull.sum()), pull)


def bpr_max(own: float, others: np.ndarray, regularisation: float = 0.0) -> Point:
    """-log sum_j w_j sigmoid(own - r_j) + regularisation sum_j w_j r_j^2, w the softmax over the negatives.

    With s_j = sigmoid(own - r_j) and q_j = w_j s_j / sum_i w_i s_i, the first term has d/down = -sum_j q_j (1 - s_j),
    d/dr_j = q_j (1 - s_j) through s_j, and w_j - q_j through w; the second has w_j (2 r_j + r_j^2 - sum_i w_i r_i^2).
    Source: li2023 eq. 2; the second term is hidasi2018's.
    """
    w = softmax(others)
    terms = others - log_sum_exp(others) - softplus(others - own)
    q = softmax(terms)
    pull = q * sigmoid(others - own)
    squares = float((w * others**2).sum())
    by_others = pull + w - q + regularisation * w * (2 * others + others**2 - squares)
    return Point(-log_sum_exp(terms) + regularisation * squares, -float(pull.sum()), by_others)


def slope(x: Any) -> Any:
    """Derivative of the sigmoid."""
    return sigmoid(x) * sigmoid(-x)


def top1(own: float, others: np.ndarray) -> Point:
    """(1/k) sum_j [sigmoid(r_j - own) + sigmoid(r_j^2)]. Source: hidasi2016."""
    k = len(others)
    value = (sigmoid(others - own) + sigmoid(others**2)).sum() / k
    push = slope(others - own) / k
    return Point(float(value), -float(push.sum()), push + 2 * others * slope(others**2) / k)


def top1_max(own: float, others: np.ndarray) -> Point:
    """sum_j w_j a_j with a_j = sigmoid(r_j - own) + sigmoid(r_j^2) and w the softmax over the negatives.

    Through w, d/dr_j = w_j (a_j - sum_i w_i a_i). Source: hidasi2018.
    """
    w = softmax(others)
    a = sigmoid(others - own) + sigmoid(others**2)
    value = float((w * a).sum())
    push = w * slope(others - own)
    return Point(value, -float(push.sum()), push + w * (2 * others * slope(others**2) + a - value))


SAMPLED: dict[str, Callable[..., Point]] = {
    "bce": bce,
    "gbce": gbce,
    "sampled-ce": cross_entropy,
    "ssm": cross_entropy,
    "bpr": bpr,
    "bpr-max": bpr_max,
    "top1": top1,
    "top1-max": top1_max,
}
NAMES = (*OVER_THE_CATALOGUE, *SAMPLED)


def reference(
    name: str,
    hidden: np.ndarray,
    table: np.ndarray,
    targets: np.ndarray,
    mask: np.ndarray,
    negatives: np.ndarray | None = None,
    *,
    excluded_rows: tuple[int, ...] = (),
    average: str = "positions",
    at: str = "last",
    **options: Any,
) -> Expected:
    """Value of a loss and its gradients by `hidden` and `table`, all of them zero where nothing counts.

    Args:
        negatives: (B, L, k) rows for each position, or (B, N) for each sequence; not read by the cross entropies over
            the catalogue, whose others are all rows but the target and `excluded_rows`.
        options: `t` of gbce, `weighting` of bce, `regularisation` of bpr-max.
    """
    hidden, table = hidden.astype(np.float64), table.astype(np.float64)
    weights = position_weights(mask, average, name == "ce-last" or (name in PAIRWISE and at == "last"))
    items = [i for i in range(len(table)) if i not in excluded_rows]
    value, by_hidden, by_table = 0.0, np.zeros_like(hidden), np.zeros_like(table)
    for b, t in np.argwhere(weights > 0):
        target, weight = targets[b, t], weights[b, t]
        others = others_of(name, target, items, negatives, b, t)
        point = point_of(name, table[target] @ hidden[b, t], table[others] @ hidden[b, t], len(items), options)
        value += weight * point.value
        by_hidden[b, t] = weight * (point.by_own * table[target] + point.by_others @ table[others])
        by_table[target] += weight * point.by_own * hidden[b, t]
        for other, by_other in zip(others, point.by_others, strict=True):
            by_table[other] += weight * by_other * hidden[b, t]
    return Expected(value, by_hidden, by_table)


def position_weights(mask: np.ndarray, average: str, last_only: bool) -> np.ndarray:
    """What each position's value is multiplied by, (B, L): they sum to 1, or are all 0 where nothing counts.

    `positions` is the mean over the batch; `sequences` is li2023 eq. 4, the mean within a sequence, then over those
    sequences that count at all.
    """
    counted = mask.copy()
    if last_only:
        counted[:, :-1] = False
    if average == "positions":
        return counted / max(1, counted.sum())
    return counted / np.maximum(1, counted.sum(axis=1, keepdims=True)) / max(1, counted.any(axis=1).sum())


def others_of(
    name: str, target: int, items: list[int], negatives: np.ndarray | None, b: int, t: int
) -> np.ndarray | list[int]:
    """Rows used as negatives of the target at position t of sequence b."""
    if name in OVER_THE_CATALOGUE:
        return [i for i in items if i != target]
    assert negatives is not None
    return negatives[b] if negatives.ndim == 2 else negatives[b, t]


def point_of(name: str, own: float, others: np.ndarray, n_items: int, options: dict[str, Any]) -> Point:
    if name in OVER_THE_CATALOGUE:
        return cross_entropy(own, others)
    if name == "gbce":
        return gbce(own, others, beta_of(len(others), n_items, options.get("t", 0.75)))
    return SAMPLED[name](own, others, **options)
