"""Figure 1's ranking losses as released: against plain loops in NumPy, and what sets them apart from the equations."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.losses import chosen_torch  # noqa: E402
from overlay.s3rec import released_ranking  # noqa: E402
from overlay.s3rec.released_ranking import (  # noqa: E402
    TINY,
    bpr_as_released,
    bpr_max_as_released,
    compared,
    top1_as_released,
    top1_max_as_released,
)

B, L, D, V = 4, 3, 6, 9
FILE = Path(released_ranking.__file__)


def batch(scale: float = 0.5) -> tuple[Any, Any, Any, Any]:
    """Hidden states, table, targets and mask; the third sequence has no last position."""
    rng = np.random.default_rng(3)
    hidden = torch.tensor(rng.normal(0, scale, (B, L, D)), requires_grad=True)
    table = torch.tensor(rng.normal(0, scale, (V, D)), requires_grad=True)
    targets = torch.tensor(rng.integers(1, V - 1, (B, L)))
    mask = torch.ones((B, L), dtype=torch.bool)
    mask[:, 0] = False
    mask[2, -1] = False
    return hidden, table, targets, mask


def seeded(seed: int = 7) -> Any:
    return torch.Generator().manual_seed(seed)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def numbers(k: int) -> list[tuple[float, list[float]]]:
    """For each sequence that counts: the target's score, and one number per dimension, with the draws of seed 7."""
    hidden, table, targets, mask = (tensor.detach() for tensor in batch())
    counting = [b for b in range(B) if mask[b, -1]]
    drawn = torch.randint(V, (len(counting), k), generator=seeded()).tolist()
    found = []
    for row, b in zip(drawn, counting, strict=True):
        target = int(targets[b, -1])
        rows = [V - 1 if j == target else j for j in row]
        state = hidden[b, -1].tolist()
        score = sum(state[d] * float(table[target, d]) for d in range(D))
        found.append((score, [sum(state[d] * float(table[j, d]) for j in rows) for d in range(D)]))
    return found


def shares(values: list[float]) -> list[float]:
    total = sum(map(math.exp, values))
    return [math.exp(v) / total for v in values]


def bpr(r: float, x: list[float]) -> list[float]:
    return [-math.log(TINY + sigmoid(r - v)) for v in x]


def bpr_max(r: float, x: list[float]) -> list[float]:
    return [-math.log(TINY + w * sigmoid(r - v)) for v, w in zip(x, shares(x), strict=True)]


def top1(r: float, x: list[float]) -> list[float]:
    return [sigmoid(v - r) + v**2 for v in x]


def top1_max(r: float, x: list[float]) -> list[float]:
    return [w * (sigmoid(v - r) + v**2) for v, w in zip(x, shares(x), strict=True)]


LOSSES = [(bpr_as_released, bpr), (bpr_max_as_released, bpr_max), (top1_as_released, top1)]
LOSSES += [(top1_max_as_released, top1_max)]


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize(("loss", "terms"), LOSSES)
def test_values_are_those_of_plain_loops(
    loss: Callable[..., Any], terms: Callable[[float, list[float]], list[float]], k: int
) -> None:
    expected = np.mean([term for r, x in numbers(k) for term in terms(r, x)])
    value = loss(*batch(), generator=seeded(), k=k).detach()
    assert value.dim() == 0
    assert float(value) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("k", [10, 100])
def test_what_is_compared_has_a_number_for_each_dimension_however_many_negatives_there_are(k: int) -> None:
    positive, others = compared(*batch(), seeded(), k)
    assert positive.shape == (B - 1, 1)
    assert others.shape == (B - 1, D)


def test_bpr_max_cannot_fall_below_the_logarithm_of_the_number_of_dimensions() -> None:
    hidden, table, targets, mask = batch()
    aligned = torch.zeros_like(hidden)
    aligned[..., 0] = 1.0
    far = torch.zeros_like(table)
    far[:, 1] = 1.0
    far[targets[mask], 0] = 1000.0  # the target's score is as large as it can be, all other numbers small
    value = bpr_max_as_released(aligned, far * 1.0, targets, mask, generator=seeded(), k=1)
    assert float(value.detach()) >= math.log(D) - 1e-6


def test_a_draw_equal_to_the_target_becomes_the_last_row() -> None:
    table = torch.tensor([[0.0], [1000.0], [1.0]])
    targets, mask = torch.ones((50, 1), dtype=torch.int64), torch.ones((50, 1), dtype=torch.bool)
    _, others = compared(torch.ones((50, 1, 1)), table, targets, mask, seeded(), 4)
    assert 0 <= float(others.min()) <= float(others.max()) <= 4  # row 1 would bring 1000
    assert len(others.unique()) > 2


@pytest.mark.parametrize(("loss", "terms"), LOSSES)
def test_the_same_seed_gives_the_same_value_and_only_counted_last_positions_pull(
    loss: Callable[..., Any], terms: Callable[..., Any]
) -> None:
    del terms
    arguments = batch()
    first, again = (loss(*arguments, generator=seeded(), k=10) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, loss(*arguments, generator=seeded(8), k=10))
    (slope,) = torch.autograd.grad(first, arguments[0])
    pulled = (slope != 0).any(dim=-1)
    assert pulled[:, -1].tolist() == arguments[3][:, -1].tolist()
    assert not pulled[:, :-1].any()


def test_no_negatives_are_refused() -> None:
    with pytest.raises(ValueError, match="k: expected 1 or more negatives, got 0"):
        bpr_as_released(*batch(), generator=seeded(), k=0)


@pytest.mark.parametrize("name", ["bpr", "bpr_max", "top1", "top1_max"])
def test_each_is_a_loss_of_ones_own_and_proves_itself_by_the_hash_of_its_file(name: str) -> None:
    chosen = chosen_torch.choose(f"{FILE}:{name}_as_released", "k=10", seed=1)
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()[:12]
    assert chosen.name == f"{name}_as_released@{digest}"
    assert chosen.options == {"k": 10}
    hidden, table, targets, mask = batch()
    value = float(chosen(hidden, table, targets, mask).detach())
    assert chosen.recompute(hidden, table, targets, mask) == value
