"""Losses with gradients by hand: finite differences, the book, far scores, and the proof that they acted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from overlay.losses import in_numpy as losses
from overlay.proof import in_numpy as proof

N_ITEMS, K, T = 12, 4, 0.75
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Batch:
    """Scores of a batch with column 0 as padding, targets, and negatives of which some are drawn twice."""

    def __init__(self, seed: int = 1, scale: float = 2.0) -> None:
        rng = np.random.default_rng(seed)
        self.scores = scale * (rng.random((6, N_ITEMS + 1)) - 0.5)
        self.targets = rng.integers(1, N_ITEMS + 1, 6)
        shift = rng.integers(1, N_ITEMS, (6, K))
        shift[0] = shift[0, 0]
        self.negatives = 1 + (self.targets[:, None] - 1 + shift) % N_ITEMS

    def losses(self) -> dict[str, Loss]:
        beta = losses.gbce_beta(K, N_ITEMS, T)
        return {
            "bce": lambda scores: losses.bce(scores, self.targets, self.negatives),
            "gbce": lambda scores: losses.gbce(scores, self.targets, self.negatives, beta),
            "ce-all": lambda scores: losses.ce_all(scores, self.targets, excluded=[0]),
            "sampled-ce": lambda scores: losses.sampled_ce(scores, self.targets, self.negatives),
        }


NAMES = list(Batch().losses())


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_differences(name: str) -> None:
    batch = Batch()
    loss, step = batch.losses()[name], 1e-6
    _, gradient = loss(batch.scores)
    numeric = np.zeros_like(gradient)
    for place in np.ndindex(*batch.scores.shape):
        nudge = np.zeros_like(batch.scores)
        nudge[place] = step
        numeric[place] = (loss(batch.scores + nudge)[0] - loss(batch.scores - nudge)[0]) / (2 * step)
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(gradient, numeric, atol=1e-9)


def test_values_by_the_book() -> None:
    """One position, two items and padding: each equation worked out with math that a reader can redo."""
    scores, target, negatives = np.array([[9.0, 1.0, -1.0]]), np.array([1]), np.array([[2, 2]])
    sigma = 1 / (1 + np.exp(-1.0))  # of the positive; 1 - sigmoid(-1) is the same number
    assert losses.bce(scores, target, negatives)[0] == pytest.approx(-3 * np.log(sigma))
    assert losses.gbce(scores, target, negatives, 0.25)[0] == pytest.approx(-(0.25 + 2) * np.log(sigma) / 3)
    assert losses.ce_all(scores, target, excluded=[0])[0] == pytest.approx(np.log(1 + np.exp(-2.0)))
    assert losses.ce_all(scores, target)[0] == pytest.approx(np.log(1 + np.exp(-2.0) + np.exp(8.0)))
    assert losses.sampled_ce(scores, target, negatives)[0] == pytest.approx(np.log(1 + 2 * np.exp(-2.0)))


def test_gbce_with_beta_one_is_bce() -> None:
    batch = Batch()
    value, gradient = losses.bce(batch.scores, batch.targets, batch.negatives)
    same_value, same_gradient = losses.gbce(batch.scores, batch.targets, batch.negatives, beta=1.0)
    assert same_value * (K + 1) == pytest.approx(value, rel=1e-15)
    np.testing.assert_allclose(same_gradient * (K + 1), gradient, rtol=1e-15)


def test_gbce_is_bce_on_a_transformed_positive() -> None:
    """petrov2023 eq. 25: sigmoid(s)^beta = sigmoid(gamma(s)), gamma(s) = -log(sigmoid(s)^-beta - 1)."""
    batch, beta, rows = Batch(), 0.4, np.arange(6)
    transformed = batch.scores.copy()
    transformed[rows, batch.targets] = -np.log(losses.sigmoid(batch.scores[rows, batch.targets]) ** -beta - 1)
    expected, _ = losses.gbce(transformed, batch.targets, batch.negatives, beta=1.0)
    assert losses.gbce(batch.scores, batch.targets, batch.negatives, beta)[0] == pytest.approx(expected, rel=1e-12)


def test_beta_has_its_two_ends() -> None:
    assert losses.gbce_beta(4, 101, 0.0) == pytest.approx(1.0)
    assert losses.gbce_beta(4, 101, 1.0) == pytest.approx(0.04)
    assert losses.gbce_beta(4, 101, 0.75) == pytest.approx(1 - 0.75 * (1 - 0.04))


@pytest.mark.parametrize(("k", "t"), [(0, 0.5), (12, 0.5), (4, -0.1), (4, 1.1)])
def test_beta_refuses_what_has_no_meaning(k: int, t: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= t"):
        losses.gbce_beta(k, N_ITEMS, t)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("far", [-800.0, -80.0, 80.0, 800.0])
def test_far_scores_stay_finite(name: str, far: float) -> None:
    """A positive at -80 costs that many nats, with the full gradient; a clipped logarithm would lose both."""
    batch, rows = Batch(), np.arange(6)
    batch.scores[:] = -far
    batch.scores[rows, batch.targets] = far
    value, gradient = batch.losses()[name](batch.scores)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if far < 0:
        assert value > 60
        assert np.abs(gradient).max() > 0.01
    else:
        assert 0 <= value < 1e-30


def test_padding_gets_no_gradient() -> None:
    batch = Batch()
    for name, loss in batch.losses().items():
        assert not loss(batch.scores)[1][:, 0].any(), name


def shared(seed: int, n: int) -> np.ndarray:
    tables = np.array([[1, 2, 3, 4, 0], [5, 6, 7, 8, 9]])
    rng = np.random.Generator(np.random.PCG64(seed))
    return losses.draw_shared(rng, tables, np.array([4, 5]), np.array([1, 0, 1]), n)


def test_shared_negatives_are_different_items_of_the_users_own_table() -> None:
    drawn = shared(1, 4)
    assert drawn.shape == (3, 4)
    assert (drawn[0] == drawn[2]).all()
    assert sorted(drawn[1]) == [1, 2, 3, 4]
    assert len(set(drawn[0])) == 4
    assert set(drawn[0]) <= {5, 6, 7, 8, 9}


def test_shared_negatives_follow_the_seed_and_are_uniform() -> None:
    assert (shared(3, 2) == shared(3, 2)).all()
    counts = np.bincount(np.concatenate([shared(seed, 2)[0] for seed in range(500)]), minlength=10)[5:]
    assert counts.min() > 150  # 200 expected, standard deviation 11


def test_more_shared_negatives_than_items_are_refused() -> None:
    with pytest.raises(ValueError, match="5 negatives asked for, a user has 4"):
        shared(1, 5)


def proved(folder: Path, batch: Batch, name: str, value: float, gradient: np.ndarray) -> dict[str, object]:
    """The event that `prove` writes for the draws that a run with loss `name` would have made."""
    draws = {"bce": batch.negatives[:, :1]}
    if name in ("gbce", "sampled-ce"):
        draws[name] = batch.negatives
    proof.reported.clear()
    proof.prove(batch.scores, batch.targets, draws, value, gradient, n_items=N_ITEMS, t=T)
    event: dict[str, object] = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    return event


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    monkeypatch.setattr(proof, "reported", [])
    return tmp_path


@pytest.mark.parametrize(("name", "rows"), [("bce", 2), ("gbce", K + 1), ("ce-all", N_ITEMS), ("sampled-ce", K + 1)])
def test_the_proof_names_the_loss(folder: Path, name: str, rows: int) -> None:
    batch = Batch()
    value, gradient = batch.losses()[name](batch.scores)
    if name == "bce":
        value, gradient = losses.bce(batch.scores, batch.targets, batch.negatives[:, :1])
    event = proved(folder, batch, name, value, gradient)
    assert (event["event"], event["computed"], event["positions"], event["rows"]) == ("loss", [name], 6, rows)
    assert event["value"] == value


def test_the_proof_sees_a_loss_that_was_ignored(folder: Path) -> None:
    batch = Batch()
    value, gradient = losses.bce(batch.scores, batch.targets, batch.negatives[:, :1])
    for asked in ("gbce", "sampled-ce", "ce-all"):
        assert proved(folder, batch, asked, value, gradient)["computed"] == ["bce"]


def test_the_proof_sees_a_value_without_its_gradient(folder: Path) -> None:
    """A patch that reports the new loss and trains with the old one."""
    batch = Batch()
    value, gradient = losses.ce_all(batch.scores, batch.targets, excluded=[0])
    _, other = losses.bce(batch.scores, batch.targets, batch.negatives[:, :1])
    assert proved(folder, batch, "ce-all", value, other)["computed"] == []
    assert proved(folder, batch, "ce-all", value, 1.001 * gradient)["computed"] == []
    assert proved(folder, batch, "ce-all", value, 0 * gradient)["computed"] == []


def test_the_proof_sees_another_beta_and_padding_in_the_softmax(folder: Path) -> None:
    batch = Batch()
    uncalibrated = losses.gbce(batch.scores, batch.targets, batch.negatives, beta=1.0)
    assert proved(folder, batch, "gbce", *uncalibrated)["computed"] == []
    assert proved(folder, batch, "ce-all", *losses.ce_all(batch.scores, batch.targets))["computed"] == []


def test_the_proof_is_given_once(folder: Path) -> None:
    batch = Batch()
    proved(folder, batch, "ce-all", *losses.ce_all(batch.scores, batch.targets, excluded=[0]))
    proof.prove(batch.scores, batch.targets, {}, 0.0, batch.scores, n_items=N_ITEMS, t=T)
    assert len((folder / "events.jsonl").read_text().splitlines()) == 1
