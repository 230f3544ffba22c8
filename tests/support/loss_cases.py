"""Batches for the losses of every framework: what hypothesis draws, and how near to the reference a loss must come.

The promise is 1e-6 in float32. A dot product of arbitrary float32 numbers is itself off by some 1e-5 where it is 80, so
a loss of such scores cannot be asked for more. Therefore the hidden states and the table are multiples of 1/8, at most
4 and 5 large, in at most 4 dimensions: every product, and every sum of them up to +-80, is a multiple of 1/64 that
float32 holds exactly, and what remains is what the loss itself does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from loss_reference import NAMES, OVER_THE_CATALOGUE, PAIRWISE, SAMPLED, Expected, reference

FORMS = ("lean", "naive")
WITH_FORMS = (*OVER_THE_CATALOGUE, "bce", "gbce", "sampled-ce", "ssm")
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "bce": {"weighting": ("summed", "averaged", "normalised")},
    "gbce": {"t": (0.0, 0.25, 0.75, 1.0)},
    "bpr-max": {"regularisation": (0.0, 0.5, 2.0)},
}
ANYTHING = (-100, -1, 0, 2**40)  # a target where nothing counts may be no row of the table at all


@dataclass(frozen=True)
class Case:
    """A batch as in the call of a loss; `options` has what is passed on, and nothing that is left to its default."""

    name: str
    hidden: np.ndarray
    table: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    negatives: np.ndarray | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> Expected:
        """The reference's answer, which knows no forms."""
        options = {key: value for key, value in self.options.items() if key != "form"}
        return reference(self.name, self.hidden, self.table, self.targets, self.mask, self.negatives, **options)

    def with_options(self, **options: Any) -> Case:
        return replace(self, options=self.options | options)

    def forms(self) -> list[Case]:
        """The same batch in each form that the loss has."""
        return [self.with_options(form=form) for form in FORMS] if self.name in WITH_FORMS else [self]

    def allowed(self, want: Expected, relative: float) -> tuple[float, float, float]:
        """Largest error of value, gradient by hidden and gradient by table: `relative` to their own magnitudes.

        A gradient is a sum, with signs, of entries of the table or of `hidden`, so it is measured against the largest
        of these, too; and against k + 1 of these where bce sums over as many scores. bpr-max's regulariser takes the
        difference of squared scores and their mean: it is measured against such a square.
        """
        entry = max(np.abs(array).max() for array in (self.hidden, self.table))
        if self.name == "bce" and self.negatives is not None and self.options.get("weighting", "summed") == "summed":
            entry *= 1 + self.negatives.shape[-1]
        entry *= 1 + self.options.get("regularisation", 0.0) * np.abs(self.hidden @ self.table.T).max() ** 2
        scales = abs(want.value), *(max(entry, np.abs(gradient).max()) for gradient in want[1:])
        return tuple(relative * max(1.0, scale) for scale in scales)


def disagreements(case: Case, got: tuple[float, np.ndarray, np.ndarray], relative: float) -> list[str]:
    """What is wrong with a value and its two gradients; nothing, if they agree with the reference."""
    want = case.expected()
    wrong = []
    for what, mine, theirs, most in zip(Expected._fields, got, want, case.allowed(want, relative), strict=True):
        error = np.abs(np.asarray(mine, dtype=np.float64) - theirs).max(initial=0)
        if np.shape(mine) != np.shape(theirs) or not error <= most:
            wrong.append(f"{what}: off by {error:.3g}, allowed {most:.3g}\ngot {mine}\nexpected {theirs}")
    return wrong


def grid(rng: np.random.Generator, shape: tuple[int, ...], most: int, *, far: bool) -> np.ndarray:
    """Multiples of 1/8 up to `most`; `far`: +-`most` throughout, so that scores are 80, 40, 0, -40 or -80."""
    return rng.choice((-most, most), shape) * 1.0 if far else rng.integers(-8 * most, 8 * most + 1, shape) / 8


def mask_of(rng: np.random.Generator, b: int, length: int, padding: str) -> np.ndarray:
    """Where positions count: with padding `left`, `right` or `anywhere`, or `nothing` at all; empty sequences too."""
    n_real = rng.integers(0, length + (padding == "left"), (b, 1))
    return {
        "left": np.arange(length) >= length - n_real,
        "right": np.arange(length) < n_real,
        "anywhere": rng.random((b, length)) < 0.6,
        "nothing": np.zeros((b, length), dtype=bool),
    }[padding]


def negatives_of(
    rng: np.random.Generator, items: list[int], targets: np.ndarray, k: int, shared: bool, kind: str
) -> Any:
    """Rows for each position or sequence: `any` items, `one row` throughout, or the `targets` again."""
    b, length = targets.shape
    shape = (b, k) if shared else (b, length, k)
    if kind == "targets":
        return np.broadcast_to(targets[:, -1:] if shared else targets[..., None], shape).copy()
    return rng.choice(items[:1] if kind == "one row" else items, shape)


@st.composite
def options_of(draw: st.DrawFn, name: str, excluded_rows: tuple[int, ...]) -> dict[str, Any]:
    """Any choice of options, where None means: not passed on, so that the defaults are tested too."""
    choices = {"average": ("positions", "sequences"), **OPTIONS.get(name, {})}
    if name in PAIRWISE:
        choices["at"] = ("last", "all")
    options = {key: draw(st.sampled_from((None, *values))) for key, values in choices.items()}
    options["excluded_rows"] = excluded_rows or draw(st.sampled_from((None, ())))
    return {key: value for key, value in options.items() if value is not None}


@st.composite
def cases(draw: st.DrawFn, name: str) -> Case:
    """Up to 4 sequences of 1 to 6 positions over 1 to 8 rows, any but one of which may be excluded.

    Hypothesis chooses what kind of case it is; the numbers come from a generator whose seed it chooses.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    b, length, n_rows = (draw(st.sampled_from(range(1, most + 1))) for most in (4, 6, 8))
    far = draw(st.booleans())
    dim = 4 if far else draw(st.sampled_from((1, 2, 3, 4)))
    n_excluded = min(n_rows - 1, draw(st.sampled_from((0, 1, 2, 0, 1, 5))))
    items = sorted(rng.permutation(n_rows)[n_excluded:].tolist())
    mask = mask_of(rng, b, length, draw(st.sampled_from(("left", "anywhere", "right", "left", "anywhere", "nothing"))))
    targets = rng.choice(items, (b, length))
    negatives = None
    if name in SAMPLED:  # up to more of them than there are items
        k, shared = draw(st.sampled_from(range(1, 2 * len(items) + 2))), draw(st.booleans())
        negatives = negatives_of(rng, items, targets, k, shared, draw(st.sampled_from(("any", "one row", "targets"))))
    return Case(
        name,
        grid(rng, (b, length, dim), 4, far=far),
        grid(rng, (n_rows, dim), 5, far=far),
        np.where(mask, targets, rng.choice(ANYTHING, (b, length))),
        mask,
        negatives,
        draw(options_of(name, tuple(i for i in range(n_rows) if i not in items))),
    )


def any_case() -> st.SearchStrategy[Case]:
    return st.sampled_from(NAMES).flatmap(cases)


def off_grid(case: Case, seed: int) -> Case:
    """The case with arbitrary float64 numbers in place of the grid, scores as large as before."""
    rng = np.random.default_rng(seed)
    return replace(case, hidden=rng.uniform(-4, 4, case.hidden.shape), table=rng.uniform(-5, 5, case.table.shape))


def features(case: Case) -> set[str]:
    """Which of the awkward things that the losses must bear are in a case."""
    b, length = case.mask.shape
    n_items = len(case.table) - len(case.options.get("excluded_rows", ()))
    per_sequence = case.mask.any(axis=1)
    scores = np.abs(case.hidden @ case.table.T)[case.mask]
    found = {
        f"length {length}": True,
        "one item": n_items == 1,
        "excluded rows": n_items < len(case.table),
        "nothing counts": not case.mask.any(),
        "a sequence without a counted position": case.mask.any() and not per_sequence.all(),
        "last position does not count": case.mask.any() and not case.mask[:, -1].any(),
        "scores of 80": bool(scores.max(initial=0) == 80),
        "several sequences": b > 1,
    } | {f"{key} {value}": True for key, value in case.options.items() if key != "excluded_rows"}
    if case.negatives is not None:
        k, owns = case.negatives.shape[-1], case.targets[..., None]
        shared = case.negatives.ndim == 2
        each = np.broadcast_to(case.negatives[:, None] if shared else case.negatives, (b, length, k))[case.mask]
        found |= {
            "shared negatives" if shared else "negatives per position": True,
            "more negatives than items": k > n_items,
            "negatives that are the target": bool((each == owns[case.mask]).any()),
            "repeated negatives": any(len(set(row)) < k for row in each.tolist()),
        }
    return {what for what, there in found.items() if there}
