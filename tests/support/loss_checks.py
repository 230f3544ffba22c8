"""What the losses and samplers of every framework must do: one set of tests, run by a subclass for each framework.

A subclass has `framework`, how its tensors are made and its gradients asked for; all that is checked is in NumPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loss_cases import FORMS, WITH_FORMS, Case, cases, disagreements, off_grid
from loss_reference import NAMES, OVER_THE_CATALOGUE, PAIRWISE, SAMPLED

Result = tuple[float, np.ndarray | None, np.ndarray | None]
PROPERTY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],  # the subclasses are these
)
CHOICES = {
    "average": ("positions", "sequences"),
    "form": FORMS,
    "weighting": ("summed", "averaged", "normalised"),
    "at": ("last", "all"),
    "exclude": ("none", "target", "sequence"),
}


class Framework(Protocol):
    losses: Mapping[str, Callable[..., Any]]

    def compute(
        self,
        case: Case,
        dtype: str = "float64",
        *,
        seed: int | None = None,
        seen: np.ndarray | None = None,
        wanted: tuple[str, ...] = ("hidden", "table"),
        factor: float = 1.0,
    ) -> Result:
        """Value of `factor` times the loss, and its gradients by what is `wanted`, None for the other.

        Args:
            seed: of a new generator that the loss is given; None: the loss is given none.
        """

    def drawn(self, sampler: str, seed: int, calls: int, *arguments: Any) -> list[np.ndarray]:
        """What `draw` or `draw_shared` gives in so many calls with one generator; arrays are made tensors."""

    def seed_globally(self, seed: int) -> None: ...

    def next_global_numbers(self) -> np.ndarray:
        """What the framework's default source of randomness gives next."""

    def chunks_of_one(self) -> AbstractContextManager[Any]:
        """The lean forms take the smallest chunks there are."""


def assert_same(got: Result, want: Result, atol: float = 0.0, factor: float = 1.0) -> None:
    for mine, theirs in zip(got, want, strict=True):
        if mine is not None and theirs is not None:
            np.testing.assert_allclose(mine, factor * np.asarray(theirs), rtol=0, atol=atol)


def batch(name: str, *, n_rows: int = 40, b: int = 5, length: int = 4, seed: int = 3, **options: Any) -> Case:
    """Moderate scores in float64, every row of the table and the first position of the last sequence padded.

    The options are for drawing: no negatives are given.
    """
    rng = np.random.default_rng(seed)
    mask = np.ones((b, length), dtype=bool)
    mask[-1, 0] = False
    targets = rng.integers(2, n_rows // 2, (b, length))
    return Case(name, rng.normal(size=(b, length, 3)), rng.normal(size=(n_rows, 3)), targets, mask, None, options)


def small_k(name: str) -> dict[str, Any]:
    """Options with which 40 rows are enough to draw from."""
    return {"k": 6} if name in SAMPLED else {}


class LossChecks:
    framework: Framework

    def test_all_eleven_losses_are_there(self) -> None:
        assert sorted(self.framework.losses) == sorted(NAMES)

    @pytest.mark.parametrize("name", NAMES)
    @PROPERTY
    @given(data=st.data())
    def test_float32_is_the_reference_to_a_millionth(self, name: str, data: st.DataObject) -> None:
        """In every form, for exact scores: loss_cases says why these."""
        for variant in data.draw(cases(name)).forms():
            wrong = disagreements(variant, self.framework.compute(variant, "float32"), 1e-6)
            assert not wrong, "\n".join([str(variant), *wrong])

    @pytest.mark.parametrize("name", WITH_FORMS)
    @PROPERTY
    @given(data=st.data())
    def test_the_size_of_chunks_changes_nothing(self, name: str, data: st.DataObject) -> None:
        case = data.draw(cases(name)).with_options(form="lean")
        with self.framework.chunks_of_one():
            wrong = disagreements(case, self.framework.compute(case, "float32"), 1e-6)
        assert not wrong, "\n".join([str(case), *wrong])

    @pytest.mark.parametrize("name", NAMES)
    def test_lean_is_the_default_where_there_are_forms(self, name: str) -> None:
        parameters = inspect.signature(self.framework.losses[name]).parameters
        assert ("form" in parameters) == (name in WITH_FORMS)
        assert name not in WITH_FORMS or parameters["form"].default == "lean"

    @pytest.mark.parametrize("name", NAMES)
    @PROPERTY
    @given(data=st.data(), seed=st.integers(0, 2**32 - 1))
    def test_float64_is_the_reference_to_ten_digits(self, name: str, data: st.DataObject, seed: int) -> None:
        """For any numbers: here the scores are not exact."""
        case = off_grid(data.draw(cases(name)), seed)
        for variant in case.forms():
            wrong = disagreements(variant, self.framework.compute(variant), 1e-10)
            assert not wrong, "\n".join([str(variant), *wrong])

    @pytest.mark.parametrize("size", [80.0, 800.0])
    @pytest.mark.parametrize("name", NAMES)
    def test_far_scores_bend_nothing(self, name: str, size: float) -> None:
        """Target above, among and below the others by so much: a clipped logarithm would lose value and gradient."""
        table = np.array([[-size], [0.0], [size]]) / 16
        hidden, targets = np.full((3, 1, 1), 16.0), np.array([[0], [1], [2]])
        negatives = np.array([[[1, 2]], [[0, 2]], [[0, 1]]]) if name in SAMPLED else None
        for one in range(3):
            mask = np.arange(3)[:, None] == one
            for variant in Case(name, hidden, table, targets, mask, negatives).forms():
                got = self.framework.compute(variant, "float32")
                assert not disagreements(variant, got, 1e-6)

    @pytest.mark.parametrize("size", [-800.0, -80.0, 80.0, 800.0])
    @pytest.mark.parametrize("name", NAMES)
    def test_far_scores_that_are_close_keep_their_differences(self, name: str, size: float) -> None:
        """Scores of 80, 79 and 79.875: a loss of 0.9 that is the difference of two numbers near 80 has lost digits."""
        table = (size - np.array([[0.0], [1.0], [0.125]])) / 16
        hidden, targets, mask = np.full((1, 3, 1), 16.0), np.array([[0, 1, 2]]), np.ones((1, 3), dtype=bool)
        for k in (1, 2, 3, 6, 7):
            negatives = np.arange(3 * k).reshape(1, 3, k) % min(k, 3) if name in SAMPLED else None
            for variant in Case(name, hidden, table, targets, mask, negatives).forms():
                wrong = disagreements(variant, self.framework.compute(variant, "float32"), 1e-6)
                assert not wrong, "\n".join([str(variant), *wrong])

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("name", OVER_THE_CATALOGUE)
    def test_many_positions_and_items(self, name: str, form: str) -> None:
        """More scores than one chunk holds as it comes."""
        rng = np.random.default_rng(0)
        b, length, n_rows = (1600, 2, 1500) if name == "ce-last" else (400, 4, 1500)
        mask = rng.random((b, length)) < 0.9
        case = Case(
            name, rng.normal(size=(b, length, 2)), rng.normal(size=(n_rows, 2)),
            rng.integers(1, n_rows, (b, length)), mask, None, {"excluded_rows": (0,), "form": form},
        )  # fmt: skip
        case_of_naive = case.with_options(form="naive")
        assert_same(self.framework.compute(case), self.framework.compute(case_of_naive), atol=1e-12)
        few = replace(case, mask=mask & (np.arange(b) % 200 == 0)[:, None])
        assert not disagreements(few, self.framework.compute(few), 1e-10)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("name", sorted(set(WITH_FORMS) & set(SAMPLED)))
    def test_many_negatives(self, name: str, form: str) -> None:
        """Again more than one chunk holds, per position and shared."""
        rng = np.random.default_rng(0)
        b, length, n_rows, k = 60, 8, 300, 900
        case = Case(
            name, rng.normal(size=(b, length, 16)) / 4, rng.normal(size=(n_rows, 16)),
            rng.integers(1, n_rows, (b, length)), rng.random((b, length)) < 0.7, None, {"form": form},
        )  # fmt: skip
        for shape in ((b, length, k), (b, k)):
            case = replace(case, negatives=rng.integers(0, n_rows, shape))
            assert_same(
                self.framework.compute(case), self.framework.compute(case.with_options(form="naive")), atol=1e-12
            )

    @pytest.mark.parametrize("name", NAMES)
    @PROPERTY
    @given(data=st.data())
    def test_what_stands_where_nothing_counts_is_not_read(self, name: str, data: st.DataObject) -> None:
        case = data.draw(cases(name))
        noise = replace(
            case,
            hidden=np.where(case.mask[..., None], case.hidden, 1e6),
            targets=np.where(case.mask, case.targets, 2**50),
        )
        for variant, noisy in zip(case.forms(), noise.forms(), strict=True):
            want, got = self.framework.compute(variant), self.framework.compute(noisy)
            assert_same(got, want, atol=1e-12)
            assert not got[1][~case.mask].any()

    @pytest.mark.parametrize("name", NAMES)
    def test_gradients_of_one_argument_alone(self, name: str) -> None:
        """As where the table, or what is below the hidden states, is frozen."""
        for variant in batch(name, **small_k(name)).forms():
            whole = self.framework.compute(variant, seed=1)
            assert_same(self.framework.compute(variant, seed=1, wanted=("hidden",)), whole, atol=1e-14)
            assert_same(self.framework.compute(variant, seed=1, wanted=("table",)), whole, atol=1e-14)
            assert np.abs(whole[1]).max() > 0.01
            assert np.abs(whole[2]).max() > 0.001

    @pytest.mark.parametrize("name", NAMES)
    def test_a_scaled_loss_has_scaled_gradients(self, name: str) -> None:
        for variant in batch(name, **small_k(name)).forms():
            whole = self.framework.compute(variant, seed=1)
            assert_same(self.framework.compute(variant, seed=1, factor=3.0), whole, atol=1e-14, factor=3.0)

    @pytest.mark.parametrize(
        ("name", "option"), [(name, "average") for name in NAMES]
        + [(name, "form") for name in WITH_FORMS]
        + [(name, "at") for name in PAIRWISE]
        + [(name, "exclude") for name in SAMPLED]
        + [("bce", "weighting")],
    )  # fmt: skip
    def test_an_unknown_choice_is_refused(self, name: str, option: str) -> None:
        case = batch(name, **small_k(name)).with_options(**{option: "users"})
        with pytest.raises(ValueError, match="'users'") as caught:
            self.framework.compute(case)
        assert all(repr(choice) in str(caught.value) for choice in CHOICES[option])

    @pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
    def test_t_outside_its_range_is_refused(self, t: float) -> None:
        with pytest.raises(ValueError, match=str(t)):
            self.framework.compute(batch("gbce", t=t))

    @pytest.mark.parametrize("k", [0, -1])
    @pytest.mark.parametrize("name", SAMPLED)
    def test_k_below_one_is_refused(self, name: str, k: int) -> None:
        with pytest.raises(ValueError, match=rf"(?<!\d){k}\b"):
            self.framework.compute(batch(name, k=k))


class GbceChecks:
    """petrov2023: what gbce is, and what it becomes at the ends of t."""

    framework: Framework

    @staticmethod
    def given_negatives(name: str, n_rows: int, k: int, scale: float = 1.0, **options: Any) -> Case:
        case = batch(name, n_rows=n_rows, **options)
        rng = np.random.default_rng(11)
        return replace(case, hidden=scale * case.hidden, negatives=rng.integers(0, n_rows, (*case.mask.shape, k)))

    @pytest.mark.parametrize("form", FORMS)
    def test_t_of_zero_is_bce(self, form: str) -> None:
        """Section 5.3 and eq. 9: beta = 1."""
        gbce = self.framework.compute(self.given_negatives("gbce", 40, 7, t=0.0, form=form))
        bce = self.framework.compute(self.given_negatives("bce", 40, 7, weighting="normalised", form=form))
        assert_same(gbce, bce, atol=1e-14)

    @pytest.mark.parametrize(
        ("n_rows", "excluded", "k", "t"),
        [(40, (), 7, 0.0), (40, (), 7, 1.0), (40, (), 7, 0.4), (42, (0, 1), 7, 1.0), (8, (), 7, 1.0), (8, (), 9, 1.0)],
    )
    def test_beta_is_read_off_the_gradient(self, n_rows: int, excluded: tuple[int, ...], k: int, t: float) -> None:
        """Section 5.3: t = 1 is beta = alpha = k / (#I - 1), t = 0 is beta = 1; alpha above 1 counts as 1.

        With negatives of score 0 all of the state's gradient towards an orthogonal target is its positive part,
        -beta sigmoid(-r+) / (k + 1).
        """
        table = np.zeros((n_rows, 2))
        table[2], table[3] = (1.0, 0.0), (0.0, 1.0)
        case = Case(
            "gbce", np.full((1, 1, 2), 0.0), table, np.array([[2]]), np.array([[True]]), np.full((1, 1, k), 3),
            {"t": t, "excluded_rows": excluded},
        )  # fmt: skip
        beta = -(k + 1) * self.framework.compute(case)[1][0, 0, 0] / 0.5
        alpha = min(1.0, k / (n_rows - len(excluded) - 1))
        assert beta == pytest.approx(1 - t * (1 - alpha), rel=1e-14)

    @pytest.mark.parametrize("t", [0.25, 0.75, 1.0])
    def test_gbce_is_bce_on_a_transformed_positive(self, t: float) -> None:
        """Eq. 24 and 25: bce on gamma(s+) = log(1 / (sigmoid(s+)^-beta - 1)).

        The target has a dimension to itself, in which gamma replaces its score.
        """
        n_rows, k, score = 40, 6, np.array([-3.0, -0.5, 0.7, 4.0])
        alpha = k / (n_rows - 1)
        beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha)
        gamma = np.log(1 / ((1 + np.exp(-score)) ** beta - 1))
        rng = np.random.default_rng(2)
        table = np.concatenate([rng.normal(size=(n_rows, 2)), np.zeros((n_rows, 1))], axis=1)
        table[0] = (0.0, 0.0, 1.0)
        negatives, rest = rng.integers(1, n_rows, (1, 4, k)), rng.normal(size=(1, 4, 2))
        hidden, mask = np.concatenate([rest, score[None, :, None]], axis=2), np.ones((1, 4), dtype=bool)
        case = Case("gbce", hidden, table, np.zeros((1, 4), np.int64), mask, negatives, {"t": t})
        hidden = np.concatenate([rest, gamma[None, :, None]], axis=2)
        bce = replace(case, name="bce", hidden=hidden, options={"weighting": "normalised"})
        assert self.framework.compute(case)[0] == pytest.approx(self.framework.compute(bce)[0], rel=1e-13)
