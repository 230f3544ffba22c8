"""Verification of the loss for NumPy upstreams: the loss that the first batch was trained with.

The value and the gradient that the upstream uses are compared with every loss. Each loss is implemented here again
from its equation, without the code of `losses.in_numpy`, and evaluated on the scores, targets and negatives of
that batch. The option of the command line is not used, so a run that ignored its option is detected. No random number
is drawn and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from .. import probe

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Reference = Callable[[Floats], float]

TOLERANCE = 1e-6  # relative; both sides are float64
reported: list[bool] = []  # not empty once this process has written its event


def pick(scores: Floats, columns: Integers) -> Floats:
    """scores[p, columns[p]] for one or more columns per position, shape (P, m)."""
    columns = columns.reshape(len(columns), -1)
    found: Floats = scores[np.arange(len(scores))[:, None], columns]
    return found


def value_bce(scores: Floats, targets: Integers, negatives: Integers, beta: float = 1.0) -> float:
    """Mean over positions of -beta log sigmoid(positive) - sum of log(1 - sigmoid(negative)); petrov2023 eq. 7, 8."""
    terms = beta * np.logaddexp(0, -pick(scores, targets)).sum(1) + np.logaddexp(0, pick(scores, negatives)).sum(1)
    mean: float = terms.mean()
    return mean


def value_ce(scores: Floats, targets: Integers, others: Floats) -> float:
    """Mean over positions of log(sum of exp over positive and others) - positive; klenitskiy2023 eq. 2, 3."""
    positive = pick(scores, targets)
    everything = np.concatenate([positive, others], axis=1)
    mean: float = (np.logaddexp.reduce(everything, axis=1) - positive[:, 0]).mean()
    return mean


def references(targets: Integers, draws: Mapping[str, Integers], n_items: int, t: float) -> dict[str, Reference]:
    """Every loss that the batch's draws allow, by name: a function from scores to value.

    Args:
        targets: shape (P,), from 1. draws: loss -> shape (P, k), the negatives drawn for it.
        n_items: size of the catalogue, items 1..n_items; column 0 is padding. t: calibration asked of gbce.
    """
    known: dict[str, Reference] = {}
    catalogue = np.tile(np.arange(1, n_items + 1), (len(targets), 1))
    others = catalogue[catalogue != targets[:, None]].reshape(len(targets), n_items - 1)
    known["ce-all"] = lambda scores: value_ce(scores, targets, pick(scores, others))
    if "bce" in draws:
        known["bce"] = lambda scores: value_bce(scores, targets, draws["bce"])
    if "gbce" in draws:
        k = draws["gbce"].shape[1]
        beta = 1 - t * (1 - k / (n_items - 1))  # petrov2023 eq. 27 in an equivalent form
        known["gbce"] = lambda scores: value_bce(scores, targets, draws["gbce"], beta) / (k + 1)
    if "sampled-ce" in draws:
        known["sampled-ce"] = lambda scores: value_ce(scores, targets, pick(scores, draws["sampled-ce"]))
    return known


def acted(reference: Reference, scores: Floats, value: float, gradient: Floats) -> bool:
    """Whether `reference` has this value at these scores and, along this gradient, this slope.

    The slope is a central difference over a step along the gradient, whose largest entry is 1e-4. To first order it
    must be the product of gradient and step. A gradient of zeros does not count.
    """
    if not np.any(gradient):
        return False
    step = gradient * (1e-4 / np.abs(gradient).max())
    slope = (reference(scores + step) - reference(scores - step)) / 2
    expected = (gradient * step).sum()
    same_value = abs(reference(scores) - value) <= TOLERANCE * abs(value)
    return bool(same_value and abs(slope - expected) <= TOLERANCE * expected)


def prove(
    scores: Floats, targets: Integers, draws: Mapping[str, Integers], value: float, gradient: Floats, n_items: int,
    t: float,
) -> None:  # fmt: skip
    """Report which losses the first batch's value and gradient agree with, once per process.

    Args:
        scores: shape (P, n_items + 1). value, gradient: used to update the parameters. Others: see `references`.
    """
    if probe.folder() is None or reported:
        return
    reported.append(True)
    known = references(targets, draws, n_items, t)
    computed = sorted(name for name, reference in known.items() if acted(reference, scores, value, gradient))
    compared = {name: 1 + drawn.shape[1] for name, drawn in draws.items()}
    compared["ce-all"] = n_items
    rows = max((compared[name] for name in computed), default=0)
    probe.event("loss", computed=computed, value=float(value), positions=len(targets), rows=rows)
