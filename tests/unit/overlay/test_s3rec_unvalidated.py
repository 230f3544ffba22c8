"""Training that stops on its own loss: arguments of the script, reports to the probe, masking."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from overlay import probe  # noqa: E402
from overlay.s3rec import unvalidated  # noqa: E402
from overlay.s3rec.unvalidated import Masked  # noqa: E402

SCRIPT = """
import sys, types
from overlay import probe
from trainers import FinetuneTrainer

trainer = FinetuneTrainer(types.SimpleNamespace(seed=5, words=sys.argv[1:]))
for epoch in range(3):
    trainer.train(epoch)
    scores, _ = trainer.valid(epoch, full_sort=True)
    loss = trainer.args.harness_train_loss
    probe.event("epoch", epoch=epoch, loss=loss, metric="NDCG@20", value=float(scores[-1]), best=True)
probe.event("printed", words=trainer.args.words, seen=trainer.seen)
"""


class Trainer:
    """A trainer whose loss falls, then rises."""

    def __init__(self, args: Any) -> None:
        self.args, self.seen = args, []
        self.train_dataloader = [batch()]

    def train(self, epoch: int) -> None:
        self.iteration(epoch, self.train_dataloader)

    def iteration(self, epoch: int, batches: Any) -> None:
        for _, inputs, targets, *_ in batches:
            self.seen.append([int((inputs == 0).sum()), int((targets > 0).sum())])
        self.args.harness_train_loss = [2.0, 1.0, 3.0][epoch]

    def valid(self, epoch: int, full_sort: bool = False) -> Any:
        raise AssertionError(f"validated in epoch {epoch}, {full_sort}")


def batch(n: int = 40, length: int = 50) -> tuple[Any, ...]:
    """Full sequences of items 1 to 50, next items, negatives."""
    inputs = torch.arange(1, length + 1).repeat(n, 1)
    return torch.arange(n), inputs, inputs + 1, inputs + 2, torch.zeros(n, 1)


def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[dict[str, Any]]:
    """The probe's events of a script that trains as the code base's does."""
    (tmp_path / "run_finetune_full.py").write_text(SCRIPT)
    module: Any = types.ModuleType("trainers")
    module.FinetuneTrainer = type("FinetuneTrainer", (Trainer,), {})
    monkeypatch.setitem(sys.modules, "trainers", module)
    monkeypatch.setattr(sys, "argv", ["as before"])
    monkeypatch.setattr(probe, "event", probe.event)
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    unvalidated.main(list(words))
    return [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]


def test_the_script_is_handed_the_negative_training_loss_and_the_probe_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer: Any = types.SimpleNamespace(args=types.SimpleNamespace(harness_train_loss=2.5))
    assert unvalidated.unvalidated(trainer, 0, full_sort=True) == ([-2.5], "")
    *epochs, printed = ran(tmp_path, monkeypatch, "--seed=5", "--patience=20")
    assert [(e["metric"], e["value"], e["loss"]) for e in epochs] == [
        ("training loss", value, value) for value in (2.0, 1.0, 3.0)
    ]
    assert printed["words"] == ["--seed=5", "--patience=20"]
    assert printed["seen"] == [[0, 2000]] * 3  # nothing was hidden


def test_masking_reaches_every_batch_and_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = ran(tmp_path, monkeypatch, "--masked=0.5", "--seed=5")
    masked = [e for e in events if e["event"] == "masked"]
    assert len(masked) == 1
    seen = events[-1]["seen"]
    assert (masked[0]["share"], masked[0]["of"], masked[0]["asked"]) == (0.5, 2000, seen[0][1])
    assert all(hidden == asked and 900 < asked < 1100 for hidden, asked in seen)
    assert len({tuple(s) for s in seen}) > 1  # drawn again in each epoch
    assert events[-1]["words"] == ["--seed=5"]


def test_hidden_positions_are_padding_and_only_they_have_a_target() -> None:
    user, inputs, targets, negatives, answers = batch()
    inputs[0, :10], targets[0, :10] = 0, 0
    given = (user, inputs.clone(), targets.clone(), negatives, answers)
    (found,) = list(Masked([given], 0.2, seed=1))
    hidden = (found[1] == 0) & (inputs != 0)
    assert torch.equal(found[2] > 0, hidden)
    assert torch.equal(found[2][hidden], targets[hidden])
    assert torch.equal(found[1][~hidden], inputs[~hidden])
    assert all(a is b for a, b in zip((found[0], *found[3:]), (user, negatives, answers), strict=True))
    assert torch.equal(given[1], inputs)  # the data set's own tensors stay as they were
    assert hidden.float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_the_same_seed_hides_the_same_positions() -> None:
    one, same, other = (next(iter(Masked([batch()], 0.5, seed)))[1] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len(Masked([batch()] * 3, 0.5, 1)) == 3


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "nan"])
def test_a_share_that_hides_nothing_or_all_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], share: str
) -> None:
    with pytest.raises(SystemExit):
        ran(tmp_path, monkeypatch, f"--masked={share}")
    assert "--masked: expected a share between 0 and 1, got" in capsys.readouterr().err
