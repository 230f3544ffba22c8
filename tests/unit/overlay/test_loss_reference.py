"""The reference that the losses are judged by: gradients against central differences, values by the book."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from loss_cases import OPTIONS, WITH_FORMS, Case, any_case, cases, disagreements, features
from loss_reference import NAMES, PAIRWISE, SAMPLED, Expected, beta_of, reference

STEP = 1e-5
CHECKED = settings(derandomize=True, deadline=None, max_examples=100, database=None)


def differences(case: Case, which: str) -> np.ndarray:
    """Central differences of the reference's value by each entry of `hidden` or `table`."""
    array = getattr(case, which)
    gradient = np.zeros_like(array)
    for place in np.ndindex(*array.shape):
        nudge = np.zeros_like(array)
        nudge[place] = STEP
        ahead, behind = (replace(case, **{which: array + sign * nudge}).expected().value for sign in (1, -1))
        gradient[place] = (ahead - behind) / (2 * STEP)
    return gradient


@CHECKED
@given(case=any_case())
def test_gradients_are_central_differences(case: Case) -> None:
    """With scores up to 5, where the third derivative leaves the differences exact to 1e-7."""
    case = replace(case, hidden=case.hidden / 4, table=case.table / 4)
    want = case.expected()
    np.testing.assert_allclose(want.by_hidden, differences(case, "hidden"), atol=1e-7)
    np.testing.assert_allclose(want.by_table, differences(case, "table"), atol=1e-7)


S1, S2 = 1 / (1 + exp(-1)), 1 / (1 + exp(-2))  # sigmoids of 1 and 2
W = exp(1) / (exp(1) + exp(-1))  # softmax of (1, -1), its first
BOOK: list[tuple[str, dict[str, Any], float]] = [
    ("ce-all", {}, log(exp(2) + exp(1) + exp(-1)) - 1),
    ("mlm-ce", {"excluded_rows": (0,)}, log(exp(1) + exp(-1)) - 1),
    ("ce-last", {"excluded_rows": (0, 2)}, 0),
    ("ssm", {}, log(2 * exp(1) + exp(-1)) - 1),
    ("sampled-ce", {}, log(2 * exp(1) + exp(-1)) - 1),
    ("bce", {}, -log(S1) - log(1 - S1) - log(S1)),
    ("bce", {"weighting": "averaged"}, -log(S1) - (log(1 - S1) + log(S1)) / 2),
    ("bce", {"weighting": "normalised"}, (-2 * log(S1) - log(1 - S1)) / 3),
    ("gbce", {"t": 0.0}, (-2 * log(S1) - log(1 - S1)) / 3),
    ("gbce", {"t": 0.0, "excluded_rows": (0,)}, (-2 * log(S1) - log(1 - S1)) / 3),
    ("bpr", {}, (log(2) - log(S2)) / 2),
    ("bpr-max", {}, -log(W / 2 + (1 - W) * S2)),
    ("bpr-max", {"regularisation": 0.5}, -log(W / 2 + (1 - W) * S2) + 0.5),
    ("top1", {}, (0.5 + (1 - S2) + 2 * S1) / 2),
    ("top1-max", {}, W * (0.5 + S1) + (1 - W) * (1 - S2 + S1)),
]


@pytest.mark.parametrize(("name", "options", "want"), BOOK)
def test_values_by_the_book(name: str, options: dict[str, Any], want: float) -> None:
    """Scores 2, 1 and -1; the target has 1, the two negatives 1 (the target again) and -1."""
    table, negatives = np.array([[2.0], [1.0], [-1.0]]), np.array([[1, 2]]) if name in SAMPLED else None
    got = reference(name, np.ones((1, 1, 1)), table, np.array([[1]]), np.array([[True]]), negatives, **options)
    assert got.value == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize(
    ("k", "n_items", "t", "want"),
    [(4, 101, 0.0, 1.0), (4, 101, 1.0, 0.04), (4, 101, 0.75, 0.28), (500, 101, 0.75, 1.0), (3, 1, 1.0, 1.0)],
)
def test_beta_by_the_book(k: int, n_items: int, t: float, want: float) -> None:
    """petrov2023 section 5.3: t = 0 is beta = 1, t = 1 is beta = alpha; between them 1 - t (1 - alpha)."""
    assert beta_of(k, n_items, t) == pytest.approx(want, rel=1e-15)


def test_the_averages_differ_as_named() -> None:
    """Losses of log 2 in a sequence of one position and of log 3 in one of two; the third sequence has none."""
    table, hidden = np.array([[0.0], [log(2)]]), np.array([[[0.0], [0.0]], [[1.0], [1.0]], [[1.0], [1.0]]])
    mask = np.array([[False, True], [True, True], [False, False]])
    values = {
        average: reference("ce-all", hidden, table, np.zeros((3, 2), int), mask, average=average).value
        for average in ("positions", "sequences")
    }
    assert values == {
        "positions": pytest.approx((log(2) + 2 * log(3)) / 3),
        "sequences": pytest.approx((log(2) + log(3)) / 2),
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_hold_all_that_they_promise(name: str) -> None:
    promised = {"one item", "excluded rows", "nothing counts", "a sequence without a counted position"}
    promised |= {f"length {length}" for length in range(1, 7)}
    promised |= {"last position does not count", "scores of 80", "several sequences"}
    promised |= {"average positions", "average sequences"}
    promised |= {f"{option} {value}" for option, values in OPTIONS.get(name, {}).items() for value in values}
    if name in SAMPLED:
        promised |= {"shared negatives", "negatives per position", "more negatives than items"}
        promised |= {"negatives that are the target", "repeated negatives"}
    if name in PAIRWISE:
        promised |= {"at last", "at all"}
    found: set[str] = set()

    @settings(CHECKED, max_examples=80, phases=[Phase.generate])
    @given(case=cases(name))
    def collect(case: Case) -> None:
        found.update(features(case))

    collect()
    assert sorted(promised - found) == []


@CHECKED
@given(case=any_case(), sign=st.sampled_from((-1, 1)), which=st.sampled_from(Expected._fields))
def test_a_disagreement_is_seen(case: Case, sign: int, which: str) -> None:
    """Two tolerances off in one number of the value or of a gradient."""
    want = case.expected()
    assert disagreements(case, want, 1e-6) == []
    most = dict(zip(Expected._fields, case.allowed(want, 1e-6), strict=True))[which]
    changed = np.array(getattr(want, which))
    changed.flat[-1] += sign * 2 * most
    assert disagreements(case, want._replace(**{which: changed}), 1e-6) != []
    assert disagreements(case, want._replace(**{which: changed * np.nan}), 1e-6) != []


def test_every_loss_with_forms_is_known() -> None:
    assert set(WITH_FORMS) <= set(NAMES)
    assert len(NAMES) == 11
