"""The proof of the loss in PyTorch: it recognises a loss by value and reach, also where a negative is the target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.losses import chosen_torch, in_torch  # noqa: E402
from overlay.proof import comparison  # noqa: E402
from overlay.proof import in_torch as proof  # noqa: E402

ITEMS = 12  # rows 1 to 12 of the table; row 0 is padding


def batch() -> tuple[Any, Any, Any]:
    """Hidden states, table and targets of two sequences of five positions; the first two of the second are padded."""
    random = np.random.default_rng(3)
    targets = torch.tensor(random.integers(1, ITEMS + 1, (2, 5)))
    targets[1, :2] = 0
    hidden = torch.tensor(random.normal(size=(2, 5, 6)), dtype=torch.float32, requires_grad=True)
    return hidden, torch.tensor(random.normal(size=(ITEMS + 1, 6)), dtype=torch.float32), targets


def one_negative(targets: Any) -> Any:
    """A negative for each position, which at one counted position is the target."""
    drawn = 1 + targets % ITEMS
    drawn[0, 2] = targets[0, 2]
    return drawn[..., None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    return tmp_path


def proven(folder: Path, name: str, negatives: Any, still: Any = None, **options: Any) -> dict[str, Any]:
    """The event for a batch that is trained with this loss and these negatives.

    Args:
        still: (B, L) bool, positions that get no gradient although the value is that of all positions.
    """
    hidden, table, targets = batch()
    states = hidden if still is None else torch.where(still[..., None], hidden.detach(), hidden)
    chosen = chosen_torch.choose(name, "k=1", (0,))
    chosen.options = {**chosen.options, **options}
    chosen.negatives = negatives
    loss = in_torch.LOSSES[name](
        states, table, targets, targets > 0, negatives=negatives, excluded_rows=(0,), **options
    )
    proof.first_batch(loss, hidden, table, targets, chosen=chosen)
    (line,) = (folder / "events.jsonl").read_text().splitlines()
    event: dict[str, Any] = json.loads(line)
    return event


EITHER = (7, 8)  # both scores of the target are equal, or differ by rounding


@pytest.mark.parametrize(
    ("name", "positions"), [("ssm", EITHER), ("bpr", EITHER), ("bpr-max", EITHER), ("bce", (8,)), ("gbce", (8,))]
)
def test_where_the_one_negative_is_the_target_a_loss_may_pull_at_nothing(
    folder: Path, name: str, positions: tuple[int, ...]
) -> None:
    options = {"at": "all"} if name.startswith("bpr") else {}
    event = proven(folder, name, one_negative(batch()[2]), **options)
    assert name in event["computed"]
    assert event["positions"] in positions


@pytest.mark.parametrize(
    ("name", "position", "computed"),
    [("ssm", (0, 2), True), ("ssm", (0, 1), False), ("bce", (0, 2), False), ("top1", (0, 2), False)],
)
def test_a_loss_that_lets_a_position_out_is_found(
    folder: Path, name: str, position: tuple[int, int], computed: bool
) -> None:
    """The same value, but no gradient at one position: right only where sampled softmax has the target itself."""
    still = torch.zeros((2, 5), dtype=torch.bool)
    still[position] = True
    options = {"at": "all"} if name == "top1" else {}
    event = proven(folder, name, one_negative(batch()[2]), still, **options)
    assert (name in event["computed"]) is computed


def test_a_loss_that_does_not_act_is_none_however_many_negatives_are_the_target(folder: Path) -> None:
    """Every counted position lacks a gradient, of which the rule excuses one."""
    still = torch.ones((2, 5), dtype=torch.bool)
    still[0, 0] = False
    event = proven(folder, "ssm", one_negative(batch()[2]), still)
    assert (event["computed"], event["positions"]) == ([], 1)


def test_a_shared_negative_counts_at_each_position_of_its_sequence(folder: Path) -> None:
    targets = batch()[2]
    event = proven(folder, "sampled-ce", targets[:, -1:].clone(), targets == targets[:, -1:])
    counted = (targets > 0) & (targets != targets[:, -1:])
    assert event["computed"] == ["sampled-ce"]
    assert event["positions"] == int(counted.sum()) < int((targets > 0).sum())


def test_without_contrast_needs_every_negative_to_be_the_target() -> None:
    targets = np.array([[3, 4]])
    own = np.array([[[3, 3], [4, 5]]])
    assert comparison.without_contrast(targets, own).tolist() == [[True, False]]
    assert comparison.without_contrast(targets, np.array([[4, 4]])).tolist() == [[False, True]]
    assert not comparison.without_contrast(targets, None).any()


@pytest.mark.parametrize(("value", "expected"), [(1.0, ["ssm"]), (1.0001, []), (float("nan"), [])])
def test_a_loss_is_recognised_by_its_value(value: float, expected: list[str]) -> None:
    counted = np.array([[True, True]])
    known = {"ssm": (1.00001, counted), "bce": (2.0, counted)}
    assert comparison.recognised(known, value, counted, np.array([[3, 4]]), None) == expected


def test_a_position_that_does_not_count_must_not_be_pulled_at() -> None:
    counted, pulled = np.array([[True, False]]), np.array([[True, True]])
    known = {"ssm": (1.0, counted)}
    assert comparison.recognised(known, 1.0, pulled, np.array([[3, 4]]), np.array([[[3], [4]]])) == []
