"""What gbce and bce learn of known probabilities: petrov2023 Theorem 5.1 and its corollaries, seen in a fit.

The data have two contexts with 30 items each, whose P(i) are whole hundredths, so that a batch can hold every item in
exactly its share. The model is a free score for each context and item: contexts are one-hot hidden states, and the
table's columns are the scores. It can reach the minimum of the expected loss, and the theorem says where that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.losses.in_torch import LOSSES  # noqa: E402
from overlay.losses.samplers_torch import draw  # noqa: E402

N_ITEMS, PARTS = 30, 100
OTHERS = N_ITEMS - 1


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def shares() -> np.ndarray:
    """P(i) of two contexts, (2, 30), in hundredths: one popular item and a long tail, and a flatter one."""
    steep = [38, 15, 10, 6, 4, 3] + [1] * 24
    flat = [1] * 11 + [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8]
    return np.array([steep, flat]) / PARTS


def curve(p: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """Eq. 10: what sigmoid(s_i) becomes."""
    return beta * p / (alpha - alpha * p + beta * p)


def positions(copies: int) -> Any:
    """Targets of every context in exact proportion, (2, copies x 100): `copies` of each hundredth."""
    one = [np.repeat(np.arange(N_ITEMS), np.rint(row * PARTS).astype(int)) for row in shares()]
    return torch.tensor(np.repeat(np.stack(one), copies, axis=1))


def every_negative_alike(targets: Any, k: int) -> Any:
    """The expectation over draws in a sample: the m-th of 29 copies takes the other items m, ..., m + k - 1 in a cycle.

    (2, 2900, k); over the 29 copies of a position each item but its target is a negative k times.
    """
    place = torch.arange(targets.shape[1])[:, None] % OTHERS + torch.arange(k)
    return (targets[..., None] + 1 + place % OTHERS) % N_ITEMS


def learnt(name: str, targets: Any, negatives: Any, **options: Any) -> np.ndarray:
    """sigmoid of the scores that minimise the loss, (2, 30): they are convex in it, and found to 1e-6."""
    table = torch.zeros((N_ITEMS, 2), dtype=torch.float64, requires_grad=True)
    hidden = torch.eye(2, dtype=torch.float64)[:, None].expand(-1, targets.shape[1], -1)
    mask = torch.ones_like(targets, dtype=torch.bool)
    optimiser = torch.optim.LBFGS(
        [table], max_iter=300, tolerance_grad=1e-12, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss() -> Any:
        optimiser.zero_grad()
        value = LOSSES[name](hidden, table, targets, mask, negatives=negatives, **options)
        value.backward()
        return value

    optimiser.step(loss)
    return torch.sigmoid(table.detach()).T.numpy()


@pytest.mark.parametrize("k", [1, 8, OTHERS])
def test_gbce_with_t_of_one_learns_the_probabilities(k: int) -> None:
    """Corollary 5.1.1, eq. 20, without the noise of draws."""
    targets = positions(OTHERS)
    got = learnt("gbce", targets, every_negative_alike(targets, k), t=1.0)
    np.testing.assert_allclose(got, shares(), atol=1e-5)
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-4)


@pytest.mark.parametrize("t", [0.0, 0.5, 0.75, 0.95])
def test_gbce_learns_the_curve_of_its_t(t: float) -> None:
    """Theorem 5.1, eq. 10, with eq. 27: only t = 1 is calibrated, and the smaller t, the bolder."""
    targets, alpha = positions(OTHERS), 4 / OTHERS
    got = learnt("gbce", targets, every_negative_alike(targets, 4), t=t)
    np.testing.assert_allclose(got, curve(shares(), alpha, 1 - t * (1 - alpha)), atol=1e-5)
    assert (got > shares() + 0.001).all()


@pytest.mark.parametrize("weighting", ["summed", "averaged", "normalised"])
def test_bce_with_one_negative_is_overconfident(weighting: str) -> None:
    """Corollary 5.1.3, eq. 22: the popular item is all but certain, and the probabilities add up to many."""
    targets, p = positions(OTHERS), shares()
    got = learnt("bce", targets, every_negative_alike(targets, 1), weighting=weighting)
    np.testing.assert_allclose(got, (p * N_ITEMS - p) / (p * N_ITEMS - 2 * p + 1), atol=1e-5)
    assert got[0, 0] > 0.94 > p[0, 0] + 0.5
    assert (got.sum(axis=1) > 9).all()


def test_bce_averaged_over_negatives_is_as_overconfident_with_many() -> None:
    """More negatives calibrate only where each of them counts: the mean of eight is one negative's expectation."""
    targets, p = positions(OTHERS), shares()
    negatives = every_negative_alike(targets, 8)
    np.testing.assert_allclose(
        learnt("bce", targets, negatives, weighting="averaged"), curve(p, 1 / OTHERS, 1), atol=1e-5
    )
    np.testing.assert_allclose(learnt("bce", targets, negatives), curve(p, 8 / OTHERS, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "k", "copies", "options"), [("gbce", 8, 80, {"t": 1.0}), ("gbce", 8, 80, {"t": 0.5}), ("bce", 1, 300, {})]
)
def test_drawn_negatives_lead_to_the_same(name: str, k: int, copies: int, options: dict[str, float]) -> None:
    """Eq. 15 is a uniform draw from all items but the target.

    With n draws of an item, 1,000 to 2,200 of them here, its odds are off by 1 / sqrt(n), its probability by a quarter.
    """
    targets, alpha = positions(copies), k / OTHERS
    mask = torch.ones_like(targets, dtype=torch.bool)
    negatives = draw(torch.Generator().manual_seed(1), k, targets, mask, N_ITEMS, (), "target", None)
    beta = 1 - options.get("t", 0.0) * (1 - alpha)
    got = learnt(name, targets, negatives, **options)
    np.testing.assert_allclose(got, curve(shares(), alpha, beta), atol=4 / 4 / np.sqrt(alpha * copies * PARTS))
    bias = np.abs(got - shares()).max()
    assert bias < 0.02 if beta == pytest.approx(alpha) else bias > 0.2


def test_negatives_that_may_be_the_target_are_calibrated_for_rare_items_only() -> None:
    """A draw from all items, target included, as gbce makes by default: eq. 15 without its factor 1 - P(i).

    Then beta P(i) log sigmoid(s) + (k / #I) log(1 - sigmoid(s)) is largest at P / (P + 29/30) for t = 1, the calibrated
    odds times (1 - P) 30/29: 0.28 for an item of probability 0.38.
    """
    targets, p = positions(80), shares()
    mask = torch.ones_like(targets, dtype=torch.bool)
    negatives = draw(torch.Generator().manual_seed(1), 8, targets, mask, N_ITEMS, (), "none", None)
    got = learnt("gbce", targets, negatives, t=1.0)
    np.testing.assert_allclose(got, p / (p + OTHERS / N_ITEMS), atol=0.02)
    assert got[0, 0] < 0.31
