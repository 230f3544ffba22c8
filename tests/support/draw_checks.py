"""What the samplers, and the losses that draw, must do in every framework: who may be drawn, how evenly, and when not.

Subclassed for each framework, as in loss_checks.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from loss_cases import ANYTHING, Case
from loss_checks import PROPERTY, Framework, assert_same, batch, small_k
from loss_reference import NAMES, PAIRWISE, SAMPLED, reference

EXCLUDE = ("none", "target", "sequence")
DEFAULT_K = {
    "bce": 1, "gbce": 256, "sampled-ce": 3000, "ssm": 256, "bpr": 1, "bpr-max": 10, "top1": 1, "top1-max": 10,
}  # fmt: skip
DEFAULT_EXCLUDE = dict.fromkeys(SAMPLED, "sequence") | {"gbce": "none", "ssm": "none"}


def chi_square(counts: np.ndarray) -> float:
    """Pearson's statistic against equal counts, in standard deviations from its mean: about 0, give or take 1."""
    expected, free = counts.sum() / counts.size, counts.size - 1
    return float((((counts - expected) ** 2).sum() / expected - free) / np.sqrt(2 * free))


def allowed(
    targets: np.ndarray, mask: np.ndarray, n_rows: int, excluded_rows: tuple[int, ...], exclude: str, seen: Any
) -> list[list[set[int]]]:
    """Rows that may be drawn for each position of each sequence."""
    items = set(range(n_rows)) - set(excluded_rows)
    if exclude == "none":
        return [[items] * mask.shape[1]] * mask.shape[0]
    if exclude == "target":
        return [
            [items - {int(target)} if counts else items for target, counts in zip(*row, strict=True)]
            for row in zip(targets, mask, strict=True)
        ]
    held = [set(row[counts].tolist()) for row, counts in zip(targets, mask, strict=True)]
    held = held if seen is None else [own | set(more) for own, more in zip(held, seen.tolist(), strict=True)]
    return [[items - own] * mask.shape[1] for own in held]


@st.composite
def batches(draw: st.DrawFn, exclude: tuple[str, ...]) -> tuple[Any, ...]:
    """targets, mask, n_rows, excluded_rows, exclude, seen; `seen` may have excluded rows, padding any values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    b, length, n_rows = (draw(st.sampled_from(range(1, most + 1))) for most in (3, 5, 9))
    excluded = tuple(rng.permutation(n_rows)[: draw(st.sampled_from((0, 1, 2)))].tolist())
    items = [i for i in range(n_rows) if i not in excluded]
    assume(items)
    mask = rng.random((b, length)) < draw(st.sampled_from((0.0, 0.4, 0.8, 1.0)))
    targets = np.where(mask, rng.choice(items, (b, length)), rng.choice(ANYTHING, (b, length)))
    seen = rng.integers(0, n_rows, (b, draw(st.sampled_from((0, 1, 3))))) if draw(st.booleans()) else None
    return targets, mask, n_rows, excluded, draw(st.sampled_from(exclude)), seen


class SamplerChecks:
    framework: Framework

    def draw(self, sampler: str, seed: int, k: int, *rest: Any) -> np.ndarray:
        return self.framework.drawn(sampler, seed, 1, k, *rest)[0]

    @PROPERTY
    @given(arguments=batches(EXCLUDE))
    def test_all_that_may_be_drawn_is_and_nothing_else(self, arguments: tuple[Any, ...]) -> None:
        """300 draws of at most 9 rows miss one of them once in 10^14."""
        may = allowed(*arguments)
        assume(all(all(row) for row in may))
        got = self.draw("draw", 1, 300, *arguments)
        assert (got.shape, got.dtype) == ((*arguments[1].shape, 300), np.int64)
        assert [[set(position.tolist()) for position in row] for row in got] == may

    @PROPERTY
    @given(arguments=batches(("none", "sequence")), data=st.data())
    def test_shared_rows_are_allowed_and_different(self, arguments: tuple[Any, ...], data: st.DataObject) -> None:
        may = [row[0] for row in allowed(*arguments)]
        fewest = min(map(len, may))
        assume(fewest)
        k = data.draw(st.sampled_from(range(1, fewest + 1)))
        got = self.draw("draw_shared", 1, k, *arguments)
        assert (got.shape, got.dtype) == ((len(may), k), np.int64)
        assert all(len(set(row)) == k and set(row) <= these for row, these in zip(got.tolist(), may, strict=True))

    @PROPERTY
    @given(arguments=batches(EXCLUDE), k=st.integers(1, 4))
    def test_too_few_left_are_refused_with_both_numbers(self, arguments: tuple[Any, ...], k: int) -> None:
        counting, exclude = arguments[1].any(axis=1), arguments[4]
        left = [min(map(len, row)) for row in allowed(*arguments)]
        fewest = min(left, default=0)
        assume(any(n == fewest and counts for n, counts in zip(left, counting, strict=True)))
        for sampler, needed in (("draw", 1), ("draw_shared", k)):
            if fewest >= needed or (sampler == "draw_shared" and exclude == "target"):
                continue
            with pytest.raises(ValueError, match=rf"(?=.*\b{fewest}\b)(?=.*\b{k}\b)"):
                self.draw(sampler, 1, k, *arguments)

    @pytest.mark.parametrize("sampler", ["draw", "draw_shared"])
    def test_more_than_there_are_without_any_exclusion(self, sampler: str) -> None:
        arguments = np.array([[0]]), np.array([[True]]), 3, (2,), "none", None
        assert self.draw("draw", 1, 5, *arguments).shape == (1, 1, 5)
        with pytest.raises(ValueError, match=r"(?=.*\b2\b)(?=.*\b5\b)"):
            self.draw("draw_shared", 1, 5, *arguments)
        with pytest.raises(ValueError, match="0"):
            self.draw(sampler, 1, 0, *arguments)

    @pytest.mark.parametrize("sampler", ["draw", "draw_shared"])
    def test_an_unknown_exclusion_is_refused(self, sampler: str) -> None:
        with pytest.raises(ValueError, match="'users'"):
            self.draw(sampler, 1, 1, np.array([[0]]), np.array([[True]]), 3, (), "users", None)

    @pytest.mark.parametrize("sampler", ["draw", "draw_shared"])
    def test_the_seed_decides_and_each_call_goes_on(self, sampler: str) -> None:
        arguments = 8, np.zeros((3, 2), np.int64), np.ones((3, 2), dtype=bool), 100, (), "sequence", None
        first, second = self.framework.drawn(sampler, 7, 2, *arguments)
        again, _ = self.framework.drawn(sampler, 7, 2, *arguments)
        other, _ = self.framework.drawn(sampler, 8, 2, *arguments)
        assert (first == again).all()
        assert (first != second).any()
        assert (first != other).any()
        assert len({tuple(row) for row in first.reshape(-1, 8).tolist()}) == first.size // 8

    @pytest.mark.parametrize("exclude", EXCLUDE)
    def test_draws_are_uniform_and_independent(self, exclude: str) -> None:
        """Rows 0 and 4 are not items, 2 and 7 the sequence's targets; single rows and neighbouring pairs of draws."""
        arguments = np.array([[2, 7]]), np.array([[True, True]]), 12, (0, 4), exclude, None
        got = self.draw("draw", 3, 60_000, *arguments)[0]
        for position, may in zip(got, allowed(*arguments)[0], strict=True):
            places = np.searchsorted(sorted(may), position)
            n = len(may)
            assert abs(chi_square(np.bincount(places, minlength=n))) < 4
            assert abs(chi_square(np.bincount(places[:-1:2] * n + places[1::2], minlength=n * n))) < 4
        joint = np.bincount(got[0] * 12 + got[1], minlength=144).reshape(12, 12)
        between = joint[np.ix_(*(sorted(may) for may in allowed(*arguments)[0]))]
        assert abs(chi_square(between.ravel())) < 4

    @pytest.mark.parametrize(("n_left", "k"), [(6, 2), (6, 5), (20, 3), (30, 2)])
    def test_shared_draws_are_uniform_and_independent(self, n_left: int, k: int) -> None:
        """Every ordered pair of two different rows is as likely, at the start of a sequence's draw and at its end."""
        n_rows, b = n_left + 4, 40_000
        targets, mask = np.full((b, 1), 2), np.ones((b, 1), dtype=bool)
        arguments = targets, mask, n_rows, (0, n_rows - 1), "sequence", np.full((b, 2), 5)
        may = sorted(allowed(*(a[:1] if isinstance(a, np.ndarray) else a for a in arguments))[0][0])
        assert len(may) == n_left
        places = np.searchsorted(may, self.draw("draw_shared", 3, k, *arguments))
        for pair in (places[:, :2], places[:, -2:]):
            counts = np.bincount(pair[:, 0] * n_left + pair[:, 1], minlength=n_left**2).reshape(n_left, n_left)
            assert not counts.diagonal().any()
            assert abs(chi_square(counts[~np.eye(n_left, dtype=bool)])) < 4
            assert abs(chi_square(np.bincount(pair[:, 0], minlength=n_left))) < 4


class DrawingLossChecks:
    """Losses that draw their negatives themselves."""

    framework: Framework

    @pytest.mark.parametrize("name", SAMPLED)
    def test_a_generator_decides(self, name: str) -> None:
        """Same seed, same numbers, to the bit and in either form; another seed, others."""
        for option in ("target", "sequence", "none"):
            if name == "sampled-ce" and option == "target":
                continue
            case = batch(name, k=5, exclude=option)
            first = self.framework.compute(case, seed=1)
            for variant in case.forms():
                assert_same(self.framework.compute(variant, seed=1), first, atol=1e-14)
            assert_same(self.framework.compute(case, seed=1), first)
            assert self.framework.compute(case, seed=2)[0] != first[0]

    @pytest.mark.parametrize("name", NAMES)
    def test_the_global_generator_is_left_alone(self, name: str) -> None:
        self.framework.seed_globally(5)
        want = self.framework.next_global_numbers()
        self.framework.seed_globally(5)
        for variant in batch(name, **small_k(name)).forms():
            self.framework.compute(variant, seed=1 if name in SAMPLED else None)
        assert (self.framework.next_global_numbers() == want).all()

    @pytest.mark.parametrize("name", SAMPLED)
    def test_without_a_generator_the_global_one_decides(self, name: str) -> None:
        def value(seed: int) -> float:
            self.framework.seed_globally(seed)
            return self.framework.compute(batch(name, k=5))[0]

        assert value(5) == value(5) != value(6)

    @pytest.mark.parametrize("name", SAMPLED)
    def test_the_defaults_are_those_of_the_papers(self, name: str) -> None:
        parameters = inspect.signature(self.framework.losses[name]).parameters
        assert parameters["k"].default == DEFAULT_K[name]
        assert parameters["exclude"].default == DEFAULT_EXCLUDE[name]
        assert parameters["negatives"].default is None
        assert parameters["seen"].default is None

    @pytest.mark.parametrize("name", SAMPLED)
    def test_where_one_row_is_left_it_is_drawn(self, name: str) -> None:
        """Rows 1 and 2 are targets, 3 was seen, 0 and 5 are not items: 4 is the negative of every position."""
        rng = np.random.default_rng(4)
        options = {"k": 1, "excluded_rows": (0, 5)}
        case = Case(
            name, rng.normal(size=(2, 3, 2)), rng.normal(size=(6, 2)), np.array([[1, 2, 2], [99, 2, 1]]),
            np.array([[True, True, True], [False, True, True]]), None, options | {"exclude": "sequence"},
        )  # fmt: skip
        got = self.framework.compute(case, seed=1, seen=np.array([[0, 3], [3, 5]]))
        options = {"excluded_rows": (0, 5)}
        want = reference(name, case.hidden, case.table, case.targets, case.mask, np.full((2, 3, 1), 4), **options)
        assert_same(got, want, atol=1e-14)

    @pytest.mark.parametrize("name", SAMPLED)
    def test_where_all_is_allowed_the_target_is_drawn_too(self, name: str) -> None:
        """One item: it is its own negative with `none`, and there is nothing to draw with `sequence`."""
        case = Case(
            name, np.ones((1, 1, 1)), np.ones((2, 1)), np.ones((1, 1), np.int64), np.ones((1, 1), dtype=bool), None,
            {"k": 1, "excluded_rows": (0,)},
        )  # fmt: skip
        want = reference(
            name, case.hidden, case.table, case.targets, case.mask, np.ones((1, 1, 1), np.int64), excluded_rows=(0,)
        )
        assert_same(self.framework.compute(case.with_options(exclude="none"), seed=1), want, atol=1e-14)
        with pytest.raises(ValueError, match=r"(?=.*\b0\b)(?=.*\b1\b)"):
            self.framework.compute(case.with_options(exclude="sequence"), seed=1)

    @pytest.mark.parametrize("name", SAMPLED)
    def test_rows_that_may_not_be_drawn_get_no_gradient(self, name: str) -> None:
        """Rows 0 and 1 are not items, 2 to 19 are targets, 20 to 25 were seen, 26 to 39 are left."""
        seen = np.tile(np.arange(20, 26), (5, 1))
        at = {"at": "all"} if name in PAIRWISE else {}
        case = batch(name, k=14, exclude="sequence", excluded_rows=(0, 1), **at)
        by_row = np.abs(self.framework.compute(case, seed=1, seen=seen)[2]).sum(axis=1)
        left = set(range(26, 40)) | (set(range(2, 20)) - set(np.unique(case.targets[case.mask])))
        assert not by_row[[0, 1, *range(20, 26)]].any()
        assert by_row[sorted(left)].astype(bool).mean() > 0.9

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_that_counts_is_no_loss(self, name: str) -> None:
        case = batch(name, **small_k(name))
        for variant in replace(case, mask=np.zeros_like(case.mask)).forms():
            value, by_hidden, by_table = self.framework.compute(variant, seed=1)
            assert value == 0
            assert not by_hidden.any()
            assert not by_table.any()

    def test_sampled_ce_draws_different_rows(self) -> None:
        """As many as are left: each of them once, so that the sum over negatives is known."""
        case = batch("sampled-ce", n_rows=8, b=1, k=8, exclude="none")
        want = reference("sampled-ce", case.hidden, case.table, case.targets, case.mask, np.arange(8)[None])
        assert_same(self.framework.compute(case, seed=1), want, atol=1e-13)

    @pytest.mark.parametrize(("name", "k"), [("sampled-ce", 7), ("sampled-ce", 3000)])
    def test_too_few_rows_are_refused(self, name: str, k: int) -> None:
        """One row is not an item, the sequence contains one: 6 of the 8 are left."""
        case = Case(
            name, np.ones((1, 2, 1)), np.ones((8, 1)), np.full((1, 2), 3), np.ones((1, 2), dtype=bool), None,
            {"k": k, "excluded_rows": (0,)},
        )  # fmt: skip
        with pytest.raises(ValueError, match=rf"(?=.*\b6\b)(?=.*\b{k}\b)"):
            self.framework.compute(case, seed=1)
        self.framework.compute(case.with_options(k=6), seed=1)
