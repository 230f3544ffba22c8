"""The probe's report of a training: whether its losses were finite, and whether any weight changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overlay.training import Training


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        return [{k: v for k, v in event.items() if k != "t"} for event in found]

    return read


def training(nonfinite: int, moved: bool) -> dict[str, Any]:
    return {"event": "training", "nonfinite": nonfinite, "moved": moved}


def weights() -> list[np.ndarray]:
    return [np.zeros((2, 3), np.float32), np.array(1.0), np.zeros((0, 4)), np.ones((4, 4))[:, ::2]]


def test_each_epoch_speaks_of_all_so_far(events: Callable[[], list[dict[str, Any]]]) -> None:
    watch, now = Training(weights()), weights()
    watch.epoch_ends(0.5, now)
    now[3][3, 1] += 1e-12
    watch.epoch_ends(float("nan"), now)
    watch.epoch_ends(np.float32("inf"), weights())  # back where they were: they have moved all the same
    assert events() == [training(0, moved=False), training(1, moved=True), training(2, moved=True)]


def test_without_the_harness_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_PROBE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    unread = (pytest.fail("read") for _ in range(1))
    Training(unread).epoch_ends(0.5, unread)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_of_pytorch(events: Callable[[], list[dict[str, Any]]], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    from overlay import probe_torch

    net = torch.nn.Linear(3, 2).to(getattr(torch, dtype))
    watch = Training(probe_torch.weights(net))
    watch.epoch_ends(0.5, probe_torch.weights(net))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(1, 3, dtype=net.weight.dtype)).sum().backward()
    optimizer.step()
    watch.epoch_ends(0.5, probe_torch.weights(net))
    assert events() == [training(0, moved=False), training(0, moved=True)]


def test_the_first_batch_s_loss_is_told_where_it_is_no_number(events: Callable[[], list[dict[str, Any]]]) -> None:
    """The run said no more than `ended with status 1`."""
    torch = pytest.importorskip("torch")
    from overlay.proof import in_torch

    hidden = torch.ones(1, 2, 3, requires_grad=True)
    for loss, message in ((hidden.sum() * float("nan"), "is nan"), (torch.tensor(1.0), "carries no gradient")):
        with pytest.raises(ValueError, match=message):
            in_torch.first_batch(loss, hidden, torch.ones(4, 3), torch.ones(1, 2, dtype=torch.int64))
        assert events()[-1]["event"] == "fault"
        assert f"probe: the loss of the first batch {message}" in events()[-1]["reason"]
