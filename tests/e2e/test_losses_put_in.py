"""Losses added by the command line, on a small PyTorch upstream: trained, verified and shown in tables."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from projects import Project
from toys import add_toy

pytest.importorskip("torch")

Check = Callable[[subprocess.CompletedProcess[str], int], str]
MINE = '''
import torch

def focal_ce(hidden, item_embeddings, targets, mask, *, generator=None, gamma=2.0):
    """Cross entropy that cares less for what is right already."""
    scores = hidden[mask] @ item_embeddings.T
    log_p = torch.log_softmax(scores, dim=-1).gather(1, targets[mask][:, None])[:, 0]
    return -((1 - log_p.exp()) ** gamma * log_p).mean()
'''
ONE = ("--seeds", "1", "--set", "epochs=1")


@pytest.fixture
def toy(project: Project) -> Project:
    """A project with the small upstream and mine.py."""
    (project.folder / "mine.py").write_text(MINE)
    return add_toy(project)


def records(project: Project) -> dict[str, dict[str, Any]]:
    """Records by key."""
    paths = (project.folder / "results" / "runs").glob("[0-9a-f]*/record.json")
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def own(project: Project, system: str = "gru/focal_ce") -> list[dict[str, Any]]:
    """Records of a system."""
    return [record for record in records(project).values() if record["system"] == system]


def test_a_loss_of_one_s_own_trains_proves_itself_and_stands_in_the_table(toy: Project) -> None:
    arguments = ("--where", "loss=ce-all", "--loss", "mine.py:focal_ce", *ONE)
    done = toy.run("reproduce", "toy/table", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout  # it claims nothing, so nothing can fail
    digest = hashlib.sha256(MINE.encode()).hexdigest()
    (record,) = own(toy)
    assert record["inputs"]["loss"] == {"focal_ce": digest}
    assert "--loss=$LOSS:focal_ce" in record["inputs"]["command"]
    assert str(toy.folder) not in json.dumps(record)
    assert record["proof"]["computed"] == [f"focal_ce@{digest[:12]}"]
    assert record["proof"]["options"] == {"gamma": 2.0}
    assert record["training"] == {"nonfinite": 0, "moved": True}
    folder = toy.folder / "results" / "runs" / record["key"]
    assert (folder / "loss.py").read_text() == MINE
    assert not any("loss" in other["inputs"] for other in records(toy).values() if other["key"] != record["key"])
    assert "GRU, focal_ce against GRU+" in done.stdout
    (table,) = (toy.folder / "results" / "tables" / "toy" / "table").iterdir()
    assert table.name == f"loss=ce-all,loss=focal_ce@{digest[:8]},epochs=1,seeds=1"
    text = (table / "table.md").read_text(encoding="utf-8")
    assert "not claims of the paper" in text
    assert f"focal\\_ce: mine.py, SHA-256 {digest[:12]}; added in place of the loss of GRU+" in text
    again = toy.run("reproduce", "toy/table", *arguments)
    assert again.returncode == 0
    assert "start" not in again.stderr


def test_an_edited_file_is_another_run_and_the_old_one_stays(toy: Project) -> None:
    arguments = ("--where", "system=gru/focal_ce", "--loss", "mine.py:focal_ce", *ONE)
    assert toy.run("reproduce", "toy/table", *arguments).returncode == 0
    (first,) = own(toy)
    (toy.folder / "mine.py").write_text(MINE.replace("gamma=2.0", "gamma=1.0"))
    shown = toy.run("plan", "toy/table", *arguments)
    assert "loss focal_ce changed" in shown.stdout
    assert toy.run("reproduce", "toy/table", *arguments).returncode == 0
    assert first in own(toy)
    assert sorted(record["proof"]["options"]["gamma"] for record in own(toy)) == [1.0, 2.0]


def test_the_time_of_the_host_stands_in_for_one_that_never_ran(toy: Project) -> None:
    toy.run("reproduce", "toy/table", "--where", "loss=ce-all", *ONE)
    shown = toy.run("plan", "toy/table", "--where", "loss=ce-all", "--loss", "mine.py:focal_ce", *ONE)
    (line,) = (line for line in shown.stdout.splitlines() if "gru/focal_ce" in line)
    assert "never run" in line
    assert "≈" in line


def test_what_waits_is_trained_with_the_file_as_it_was(toy: Project) -> None:
    """The file overwrites itself when the first run imports it; the second is trained with what was asked for."""
    path = toy.folder / "mine.py"
    text = f"open({str(path)!r}, 'w').write('nonsense(')\n{MINE}"
    path.write_text(text)
    arguments = ("--loss", "mine.py:focal_ce", "--seeds", "1,2", "--set", "epochs=1")
    done = toy.run("reproduce", "toy/table", "--where", "system=gru/focal_ce", *arguments)
    assert done.returncode == 0, done.stderr
    assert path.read_text() == "nonsense("
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert [record["inputs"]["loss"]["focal_ce"] for record in own(toy)] == [digest] * 2
    path.write_text(text)
    (copy,) = (toy.folder / ".cache" / "losses" / digest).glob("*.py")
    copy.write_text("nonsense(")
    more = ("--loss", "mine.py:focal_ce", "--seeds", "3", "--set", "epochs=1")
    assert toy.run("reproduce", "toy/table", "--where", "system=gru/focal_ce", *more).returncode == 0


BROKEN = """
import torch

def base(hidden, item_embeddings, targets, mask):
    return -(hidden * item_embeddings[targets]).sum(-1)[mask].mean()

def nan(hidden, item_embeddings, targets, mask, *, generator=None):
    return base(hidden, item_embeddings, targets, mask) * float("nan")

def detached(hidden, item_embeddings, targets, mask, *, generator=None):
    return base(hidden, item_embeddings, targets, mask).detach()

def shaped(hidden, item_embeddings, targets, mask, *, generator=None):
    return hidden.sum(-1)

def raising(hidden, item_embeddings, targets, mask, *, generator=None):
    return hidden @ item_embeddings

calls = [0]

def late_nan(hidden, item_embeddings, targets, mask, *, generator=None):
    calls[0] += 1
    return base(hidden, item_embeddings, targets, mask) * (float("nan") if calls[0] > 2 else 1.0)

def last_batch(hidden, item_embeddings, targets, mask, *, generator=None):
    return base(hidden, item_embeddings, targets, mask) + 0 * targets.reshape(16, -1).sum()

def zero(hidden, item_embeddings, targets, mask, *, generator=None):
    return hidden.sum() * 0
"""
MESSAGES = {
    "nan": ["broken.py:nan returned nan on the first batch"],
    "detached": ["broken.py:detached returned a value that carries no gradient"],
    "shaped": ["broken.py:shaped returned a tensor of shape (16, 5), expected a scalar"],
    "raising": ["broken.py:raising raised RuntimeError: ", ", line 17"],
    "late_nan": ["broken.py:late_nan returned nan on a later batch"],
    "last_batch": ["broken.py:last_batch raised RuntimeError: shape '[16, -1]' is invalid", ", line 26"],
}


def test_functions_that_cannot_be_trained_with_are_told_in_the_user_s_words(toy: Project) -> None:
    (toy.folder / "broken.py").write_text(BROKEN)
    losses = [word for name in MESSAGES for word in ("--loss", f"broken.py:{name}")]
    where = ("--where", "system=" + "|".join(f"gru/{name}" for name in MESSAGES))
    done = toy.run("reproduce", "toy/table", *where, *losses, *ONE, "--jobs", "2")
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    shown = " ".join(toy.run("status", "toy/table", *where, *losses, *ONE).stdout.split())
    for name, words in MESSAGES.items():
        (record,) = own(toy, f"gru/{name}")
        assert record["fault"]["kind"] == "training"
        assert str(toy.folder) not in record["fault"]["reason"]
        for text in words:
            assert text in record["fault"]["reason"]
            assert text in " ".join(done.stderr.split())
            assert text in " ".join(done.stdout.split())
        assert f"training: {words[0][:20]}" in shown


def test_a_loss_whose_gradient_is_zero_is_marked(toy: Project) -> None:
    (toy.folder / "broken.py").write_text(BROKEN)
    done = toy.run("reproduce", "toy/table", "--where", "system=gru/zero", "--loss", "broken.py:zero", *ONE)
    assert done.returncode == 1, done.stderr
    assert "§ GRU, zero, seed 1: the loss of the first batch has no gradient at any position." in " ".join(
        done.stdout.split()
    )


def test_weights_that_never_moved_are_marked(toy: Project) -> None:
    """The loss has a gradient on the first batch, and no step is taken."""
    toy.replace("recipes/toy/table.yaml", "  - --seed={seed}", "  - --still\n  - --seed={seed}")
    done = toy.run("reproduce", "toy/table", "--where", "system=gru/ce-all", *ONE)
    assert done.returncode == 1, done.stderr
    assert "§ GRU+, seed 1: the weights never moved." in " ".join(done.stdout.split())
    (record,) = own(toy, "gru/ce-all")
    assert (record["status"], record["training"]) == ("finished", {"nonfinite": 0, "moved": False})


def test_a_mistake_in_the_file_is_told_before_anything_is_made(toy: Project, one_error: Check) -> None:
    (toy.folder / "mine.py").write_text("def focal_ce(:\n")
    message = one_error(toy.run("reproduce", "toy/table", "--loss", "mine.py:focal_ce"), 2)
    assert "mine.py, line 1: invalid syntax\n    def focal_ce(:" in message
    assert not (toy.folder / ".cache").exists()
    assert not (toy.folder / "results").exists()


def test_a_loss_of_the_catalogue_is_put_in_with_its_options(toy: Project) -> None:
    arguments = ("--where", "loss=ce-all", "--loss", "gbce:t=0.5,k=5", *ONE)
    done = toy.run("reproduce", "toy/table", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    (record,) = own(toy, "gru/gbce:k=5+t=0.5")
    assert record["loss"] == "gbce"
    assert "gbce" in record["proof"]["computed"]
    assert (record["proof"]["options"]["k"], record["proof"]["options"]["t"]) == (5, 0.5)
    assert not (toy.folder / "results" / "runs" / record["key"] / "loss.py").exists()
    assert "GRU, gbce (k=5, t=0.5)" in done.stdout


def test_an_upstream_that_drops_the_options_is_found_out(toy: Project) -> None:
    toy.replace("recipes/toy/table.yaml", "  - --seed={seed}", "  - --careless\n  - --seed={seed}")
    done = toy.run("reproduce", "toy/table", "--where", "system=gru/gbce:t=0.5", "--loss", "gbce:t=0.5", *ONE)
    assert done.returncode == 4
    assert "patch: asked for gbce with t=0.5, the first batch was trained with t=0.75" in " ".join(done.stderr.split())


def test_options_of_a_recipe_s_own_system_must_be_used_as_well(toy: Project) -> None:
    toy.replace("recipes/toy/table.yaml", "loss: bce, label: GRU}", "loss: bce, label: GRU, loss_options: {k: 3}}")
    arguments = ("--where", "system=gru/bce", *ONE)
    assert toy.run("reproduce", "toy/table", *arguments).returncode == 0
    (record,) = own(toy, "gru/bce")
    assert "--loss_options=k=3" in record["inputs"]["command"]
    assert record["proof"]["options"]["k"] == 3


def test_losses_are_listed_and_one_is_explained(project: Project, one_error: Check) -> None:
    listed = project.run("losses")
    assert listed.returncode == 0, listed.stderr
    assert max(map(len, listed.stdout.splitlines())) <= 120
    into = "s3rec (torch), gsasrec (tensorflow), sasrec-bert4rec (torch), bert4rec_repro (tensorflow)"
    others = "gsasrec-pytorch (torch), demo (numpy)"
    assert f"(--loss mine.py:my_loss) are supported by: {into} not supported by: {others}" in " ".join(
        listed.stdout.split()
    )
    one = project.run("losses", "gbce")
    for text in (
        "petrov2023 eq. 8",
        "t         0.75       number from 0 to 1",
        "upstreams  s3rec, gsasrec, gsasrec-pytorch, sasrec-bert4rec, bert4rec_repro, demo",
    ):
        assert text in one.stdout
    assert "did you mean 'gbce'" in one_error(project.run("losses", "gbc"), 2)
