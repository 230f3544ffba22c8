"""The PyTorch losses against a float64 NumPy reference written from the equation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.losses_torch import LOSSES, ce_all, ce_last  # noqa: E402

B, L, D, V = 4, 6, 5, 9
N_REAL = (6, 3, 1, 4)  # per sequence; the padding comes first


def batch(seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """Hidden states, table, targets and mask in float64; the padded targets are the padding row."""
    rng = np.random.default_rng(seed)
    mask = np.arange(L) >= L - np.array(N_REAL)[:, None]
    targets = np.where(mask, rng.integers(1, V - 1, (B, L)), 0)
    hidden, table = rng.normal(size=(B, L, D)), rng.normal(size=(V, D))
    leaves = [torch.tensor(a, requires_grad=True) for a in (hidden, table)]
    return leaves[0], leaves[1], torch.tensor(targets), torch.tensor(mask)


def weights_of(mask: np.ndarray, kind: str) -> np.ndarray:
    """What each position's cross entropy is multiplied by: (B, L), summing to 1."""
    if kind == "last":
        mask = mask & (np.arange(L) == L - 1)
    if kind == "sequences":
        return mask / np.maximum(mask.sum(1, keepdims=True), 1) / mask.any(1).sum()
    return mask / mask.sum()


def reference(
    hidden: np.ndarray, table: np.ndarray, targets: np.ndarray, weights: np.ndarray, excluded: tuple[int, ...] = ()
) -> tuple[float, np.ndarray, np.ndarray]:
    """Value and both gradients of sum_t w_t (log sum_i exp r[t, i] - r[t, i+]), position by position."""
    kept = [i for i in range(len(table)) if i not in excluded]
    value, grad_hidden, grad_table = 0.0, np.zeros_like(hidden), np.zeros_like(table)
    for u, t in np.argwhere(weights > 0):
        scores = table @ hidden[u, t]
        soft = np.zeros(len(table))
        soft[kept] = np.exp(scores[kept]) / np.exp(scores[kept]).sum()
        value += weights[u, t] * -np.log(soft[targets[u, t]])
        soft[targets[u, t]] -= 1
        grad_hidden[u, t] = weights[u, t] * soft @ table
        grad_table += weights[u, t] * np.outer(soft, hidden[u, t])
    return value, grad_hidden, grad_table


CASES = [
    ("ce-last", {}, "last"),
    ("ce-last", {"excluded_rows": (0, V - 1)}, "last"),
    ("ce-all", {}, "positions"),
    ("ce-all", {"average": "positions", "excluded_rows": (0, V - 1)}, "positions"),
    ("ce-all", {"average": "sequences"}, "sequences"),
    ("ce-all", {"average": "sequences", "excluded_rows": (0,)}, "sequences"),
]


@pytest.mark.parametrize(("name", "options", "kind"), CASES)
def test_value_and_gradients_are_those_of_the_equation(name: str, options: dict[str, Any], kind: str) -> None:
    hidden, table, targets, mask = batch()
    loss = LOSSES[name](hidden, table, targets, mask, **options)
    loss.backward()
    arrays = hidden.detach().numpy(), table.detach().numpy(), targets.numpy()
    expected = reference(*arrays, weights_of(mask.numpy(), kind), options.get("excluded_rows", ()))
    for got, wanted in zip((loss.detach(), hidden.grad, table.grad), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-12, atol=1e-14)


def test_hand_computed_two_items() -> None:
    hidden, table = torch.ones(1, 2, 1), torch.tensor([[0.0], [1.0]])
    mask = torch.tensor([[True, True]])
    log_sum = np.log(1 + np.e)
    assert float(ce_all(hidden, table, torch.tensor([[0, 1]]), mask)) == pytest.approx(log_sum - 0.5)
    assert float(ce_last(hidden, table, torch.tensor([[0, 1]]), mask)) == pytest.approx(log_sum - 1)


@pytest.mark.parametrize("name", LOSSES)
def test_padded_positions_count_for_nothing(name: str) -> None:
    hidden, table, targets, mask = batch()
    before = LOSSES[name](hidden, table, targets, mask)
    noise = torch.where(mask.unsqueeze(2), hidden.detach(), torch.full_like(hidden, 1e6))
    other = torch.where(mask, targets, torch.full_like(targets, 5))
    assert torch.equal(before, LOSSES[name](noise, table, other, mask))


def test_ce_last_reads_the_last_position_only() -> None:
    hidden, table, targets, mask = batch()
    ce_last(hidden, table, targets, mask).backward()
    assert (hidden.grad[:, -1] != 0).all()
    assert (hidden.grad[:, :-1] == 0).all()


def test_ce_last_skips_a_sequence_whose_last_position_does_not_count() -> None:
    hidden, table, targets, mask = batch()
    mask[2] = False
    kept = [0, 1, 3]
    assert torch.allclose(
        ce_last(hidden, table, targets, mask), ce_last(hidden[kept], table, targets[kept], mask[kept])
    )


def test_ce_last_is_ce_all_where_one_position_counts() -> None:
    hidden, table, targets, mask = batch()
    only_last = mask & (torch.arange(L) == L - 1)
    assert torch.allclose(ce_last(hidden, table, targets, mask), ce_all(hidden, table, targets, only_last))


def test_the_averages_differ_as_named() -> None:
    """Losses of 1 in a sequence of one position and 2 in one of three: 7/4 over positions, 3/2 over sequences."""
    hidden = torch.tensor([[[0.0], [0.0], [1.0]], [[2.0], [2.0], [2.0]]], dtype=torch.float64)
    table = torch.tensor([[0.0], [700.0]], dtype=torch.float64)  # so large that cross entropy = 700 hidden, or 0
    mask = torch.tensor([[False, False, True], [True, True, True]])
    targets = torch.zeros(2, 3, dtype=torch.int64)
    assert float(ce_all(hidden, table, targets, mask)) / 700 == pytest.approx(7 / 4)
    assert float(ce_all(hidden, table, targets, mask, average="sequences")) / 700 == pytest.approx(3 / 2)


def test_sequences_without_counted_positions_do_not_enter_the_average() -> None:
    hidden, table, targets, mask = batch()
    none = mask & torch.tensor([[True], [True], [False], [True]])
    kept = [0, 1, 3]
    whole = ce_all(hidden, table, targets, none, average="sequences")
    assert torch.allclose(whole, ce_all(hidden[kept], table, targets[kept], mask[kept], average="sequences"))


def test_an_unknown_average_is_refused() -> None:
    with pytest.raises(ValueError, match="'users'"):
        ce_all(*batch(), average="users")


@pytest.mark.parametrize("name", LOSSES)
def test_same_input_same_bits_and_no_random_draw(name: str) -> None:
    state = torch.get_rng_state()
    assert torch.equal(LOSSES[name](*batch()), LOSSES[name](*batch()))
    assert torch.equal(state, torch.get_rng_state())
