"""What the overlay hears of the PyTorch port of gSASRec: the proof of its loss and its ranks, on made networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from overlay import probe  # noqa: E402
from overlay.gsasrec_torch import home, proof, ranks  # noqa: E402
from overlay.gsasrec_torch.split import Split  # noqa: E402

N, D = 6, 4  # items; the table has a row before and one after them
PAD = N + 1


class Net(torch.nn.Module):  # type: ignore[misc]
    """Hidden states by a table of inputs, as far as the spy looks."""

    def __init__(self, score: float = 1.0) -> None:
        """`score`: of item 2 as the one that follows item 1."""
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.inner = torch.nn.Embedding(N + 2, D)
        self.outer = torch.nn.Embedding(N + 2, D)
        for table in (self.inner, self.outer):
            table.weight.data = 0.5 * torch.randn(N + 2, D, generator=generator)
        target = self.outer.weight.data[2]
        self.inner.weight.data[1] = score * target / target.square().sum()

    def get_output_embeddings(self) -> torch.nn.Embedding:
        return self.outer

    def forward(self, inputs: Any) -> tuple[Any, None]:
        return self.inner(inputs), None


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    return lambda: [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]


def trained(spy: proof.Spy, net: Net, k: int, t: float, edge: float = 1e-10) -> None:
    """Two batches with gBCE as petrov2023 eq. 8 has it, on probabilities cut off at `edge`; then no step is taken."""
    generator = torch.Generator().manual_seed(5)
    rate = k / (N - 1)
    beta = rate * (t * (1 - 1 / rate) + 1 / rate)
    spy.watch(net)
    for _ in range(2):
        positives = torch.tensor([[PAD, 1, 2, 3], [4, 5, 6, 1]])
        negatives = torch.randint(1, N + 1, (2, 4, k), generator=generator)
        spy.batch(positives, negatives)
        hidden, _ = net(positives[:, :-1])
        scores = torch.einsum(
            "bsd,bsnd->bsn", hidden, net.outer(torch.cat([positives[:, 1:, None], negatives[:, 1:]], -1))
        )
        chance = torch.sigmoid(scores[..., 0].double()).clamp(edge, 1 - edge)
        each = (-beta * chance.log() + F.softplus(scores[..., 1:].double()).sum(-1)) / (1 + k)
        mask = (positives[:, :-1] != PAD).double()
        value = (each * mask).sum() / mask.sum()
        spy.value = value.item()
        value.backward()


@pytest.mark.parametrize(("score", "beyond"), [(1.0, 0), (-30.0, 1)])
@pytest.mark.parametrize(("k", "t", "name"), [(1, 0.0, "bce"), (3, 0.75, "gbce")])
def test_the_loss_of_the_first_batch_is_recognised(
    events: Any, score: float, beyond: int, k: int, t: float, name: str
) -> None:
    trained(proof.Spy(name, {"k": k, **({"t": t} if name == "gbce" else {})}, N), Net(score), k, t)
    (event,) = events()
    assert event["computed"] == [name]
    assert (event["positions"], event["rows"], event["by"]) == (5, 1 + k, "code base")
    assert event["cut_off"] == beyond


def test_another_calibration_is_another_loss(events: Any) -> None:
    trained(proof.Spy("gbce", {"k": 3, "t": 0.5}, N), Net(), 3, 0.75)
    assert events()[0]["computed"] == []


def test_another_edge_is_another_loss(events: Any) -> None:
    trained(proof.Spy("gbce", {"k": 3, "t": 0.75}, N), Net(-30.0), 3, 0.75, edge=1e-3)
    assert events()[0]["computed"] == []


def test_nobody_listening_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_PROBE_DIR", raising=False)
    spy = proof.Spy("bce", {"k": 1}, N)
    trained(spy, Net(), 1, 0.0)
    assert spy.positives is None


def test_the_summary_draws_what_torchinfo_draws_and_nothing_else() -> None:
    torch.manual_seed(1)
    torch.rand(3, 5)
    after = torch.rand(1)
    torch.manual_seed(1)
    home.summary(None, (3, 5), batch_dim=None)
    assert torch.rand(1) == after
    with pytest.raises(ValueError, match="batch_dim"):
        home.summary(None, (3, 5), batch_dim=0)


def test_ranks_of_users_as_the_port_scores_them(events: Any, tmp_path: Path) -> None:
    """Three users of four items: the last was tested with an item in its history, which the port excludes."""
    split = Split([7, 5, 9], [[1, 2], [1, 3, 4], [2, 3, 2]], [2, 1, 3], frozenset(), 4)
    ranked = ranks.RankCollector(split, user=5)
    scores = torch.tensor(
        [[9.0, 5.0, 1.0, 2.0, 0.0, 9.0], [9.0, 4.0, 3.0, 2.0, 3.0, 9.0], [9.0, 0.0, 2.0, 1.0, 3.0, 9.0]]
    )
    left = scores.clone()
    left[:, [0, 5]] = float("-inf")
    for row, seen in enumerate(([1], [1, 3], [2, 3])):
        left[row, seen] = float("-inf")
    looked = ranks.TorchProxy(ranked.add)
    for rows in (slice(0, 2), slice(2, 3)):
        found = looked.einsum("ij,jk->ik", scores[rows], torch.eye(6))
        found.copy_(left[rows])  # as the port writes into them
        assert looked.topk(found, 2, dim=1).indices.shape[1] == 2
    assert looked.tensor is torch.tensor
    ranked.write()
    with np.load(tmp_path / "ranks-test.npz") as file:
        assert file["user"].tolist() == [7, 5, 9]
        assert file["above_all"].tolist() == [2, 1, 1]
        assert file["tied_all"].tolist() == [1, 2, 1]
        assert file["candidates_all"].tolist() == [4, 4, 4]
        assert file["above_unseen"].tolist() == [1, 0, 1]
        assert file["above_printed"].tolist() == [1, 0, 2]
        assert file["candidates_printed"].tolist() == [3, 2, 3]
        assert json.loads(str(file["protocol"]))["n_repeated"] == "1"
    message = {event["event"]: event for event in events()}
    chance = 1 / (1 + np.exp(-scores.numpy()[:, 1:5].astype(float)))
    assert message["probabilities"]["user"] == "5"
    assert message["probabilities"]["sum"] == pytest.approx(chance[1].sum())
    assert message["calibration"]["precision"][:2] == pytest.approx([0, 1 / 3])  # a tie goes to the smaller row
    assert message["calibration"]["probability"][0] == pytest.approx((chance[0, 2] + chance[1, 1] + chance[2, 3]) / 3)


def test_more_users_than_the_test_has_are_refused() -> None:
    ranked = ranks.RankCollector(Split([7], [[1, 2]], [1], frozenset(), 4), user=963)
    with pytest.raises(ValueError, match="more users"):
        ranked.add(np.zeros((2, 6)), np.zeros((2, 6)))


def test_ranks_count_above_and_tied() -> None:
    assert probe.count_ranks(np.array([[1.0, 2.0, 2.0]]), np.array([1]))[1].tolist() == [2]
