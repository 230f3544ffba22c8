"""A second implementation of every loss, in float64 NumPy, for verification only.

This module shares no code with the losses that it checks. It processes the positions in small blocks, so that the
verification of a loss needs less memory than the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

BLOCK = 2**19  # float64 numbers in a block, 4 MB
Array = np.ndarray


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(0.0, x)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-softplus(-x))


def log_sum_exp(x: Array) -> Array:
    """log of the sum of exp over the last axis."""
    top = x.max(axis=-1)
    return np.log(np.exp(x - top[..., None]).sum(axis=-1)) + top


def shares(x: Array) -> Array:
    """Softmax over the last axis."""
    return np.exp(x - log_sum_exp(x)[..., None])


def weights(mask: Array, average: str) -> Array:
    """The weight of each position's value, (B, L)."""
    if average == "sequences":
        lengths = mask.sum(axis=1)
        return mask / np.maximum(lengths, 1)[:, None] / max((lengths > 0).sum(), 1)
    return mask / max(mask.sum(), 1)


def bce(p: Array, n: Array, o: Mapping[str, Any]) -> Array:
    """petrov2023 eq. 7 without its factor; `averaged` as li2023's code."""
    total = softplus(-p) + (softplus(n).mean(1) if o["weighting"] == "averaged" else softplus(n).sum(1))
    return total / (1 + n.shape[1]) if o["weighting"] == "normalised" else total


def gbce(p: Array, n: Array, o: Mapping[str, Any]) -> Array:
    """petrov2023 eq. 8, with beta by eq. 27."""
    rate = min(1.0, n.shape[1] / max(o["n_items"] - 1, 1))
    beta = rate * (o["t"] * (1 - 1 / rate) + 1 / rate)
    return (beta * softplus(-p) + softplus(n).sum(1)) / (1 + n.shape[1])


def ssm(p: Array, n: Array, _o: Mapping[str, Any]) -> Array:
    """petrov2023 eq. 5; klenitskiy2023 eq. 3 if a sequence shares its negatives."""
    return np.logaddexp(p, log_sum_exp(n)) - p


def bpr(p: Array, n: Array, _o: Mapping[str, Any]) -> Array:
    """li2023 eq. 1."""
    return softplus(n - p[:, None]).mean(1)


def bpr_max(p: Array, n: Array, o: Mapping[str, Any]) -> Array:
    """li2023 eq. 2, with the regulariser of Hidasi and Karatzoglou 2018."""
    main = -np.log((shares(n) * sigmoid(p[:, None] - n)).sum(1))
    return main + o["regularisation"] * (shares(n) * n**2).sum(1)


def top1(p: Array, n: Array, _o: Mapping[str, Any]) -> Array:
    """Hidasi et al. 2016."""
    return (sigmoid(n - p[:, None]) + sigmoid(n**2)).mean(1)


def top1_max(p: Array, n: Array, _o: Mapping[str, Any]) -> Array:
    """Hidasi and Karatzoglou 2018."""
    return (shares(n) * (sigmoid(n - p[:, None]) + sigmoid(n**2))).sum(1)


OWN_NEGATIVES: dict[str, Callable[[Array, Array, Mapping[str, Any]], Array]] = {
    "bce": bce, "gbce": gbce, "ssm": ssm, "bpr": bpr, "bpr-max": bpr_max, "top1": top1, "top1-max": top1_max,
}  # fmt: skip
WHOLE = ("ce-all", "mlm-ce", "ce-last")
AT = ("bpr", "bpr-max", "top1", "top1-max")
DEFAULTS = {"average": "positions", "weighting": "summed", "t": 0.75, "regularisation": 0.0, "at": "last"}


def references(
    hidden: Array, table: Array, targets: Array, mask: Array, negatives: Array | None, excluded: tuple[int, ...],
    options: Mapping[str, Any],
) -> dict[str, tuple[float, Array]]:  # fmt: skip
    """Every known loss of this batch: its value, and the positions that it counts, (B, L) bool.

    Args:
        hidden: (B, L, D) float64. table: (V, D) float64. targets: (B, L). mask: (B, L) bool.
        negatives: (B, L, k) or (B, N), of the batch in training; None without negatives.
        excluded: rows that do not count as items. options: of the run; others have their defaults.
    """
    settings = {**DEFAULTS, **options, "n_items": len(table) - len(excluded)}
    last = mask & (np.arange(mask.shape[1]) == mask.shape[1] - 1)
    known = {"ce-all": mask, "mlm-ce": mask, "ce-last": last}
    if negatives is not None:
        per_position = {name: last if name in AT and settings["at"] == "last" else mask for name in OWN_NEGATIVES}
        known.update({"sampled-ce": mask} if negatives.ndim == 2 else per_position)
    found = {}
    for name, counted in known.items():
        share = weights(counted, settings["average"])
        others = None if name in WHOLE else negatives
        blocks = positions(hidden, table, targets, counted, others, excluded)
        formula = OWN_NEGATIVES.get(name, ssm)
        found[name] = (sum(float((share[at] * formula(p, n, settings)).sum()) for at, p, n in blocks), counted)
    return found


def positions(
    hidden: Array, table: Array, targets: Array, counted: Array, negatives: Array | None, excluded: tuple[int, ...]
) -> Iterator[tuple[tuple[Array, Array], Array, Array]]:
    """The counted positions in blocks: where they are, their target's scores (n,), their other scores (n, m).

    Args:
        negatives: the others; None for all rows but the target and the excluded ones.
    """
    places = np.argwhere(counted)
    width = len(table) if negatives is None else negatives.shape[-1] * table.shape[1]
    size = max(1, BLOCK // width)
    for start in range(0, len(places), size):
        b, t = places[start : start + size].T
        states, goals = hidden[b, t], targets[b, t]
        positive = (states * table[goals]).sum(1)
        if negatives is None:
            others = states @ table.T
            others[:, list(excluded)] = -np.inf
            others[np.arange(len(b)), goals] = -np.inf
        else:
            rows = table[negatives[b] if negatives.ndim == 2 else negatives[b, t]]
            others = np.einsum("nd,nkd->nk", states, rows)
        yield (b, t), positive, others
