"""A run that makes weights which others start from: made first, once a seed, and again where they were lost."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from projects import Project
from toys import add_toy

pytest.importorskip("torch")

Check = Callable[[subprocess.CompletedProcess[str], int], str]
RECIPE = "recipes/toy/table.yaml"
STAGE = """pretraining:
  model: gru
  command: [python, pretrain.py, "--out={out}", "--name={checkpoint}", --rows=31,
            "--epochs={checkpoint_epochs}", "--seed={seed}"]
  produces: "{dataset}-{checkpoint_epochs}.pt"
  every: 2
"""
ASKED = ("reproduce", "toy/table", "--where", "system=gru-pretrained/ce-all", "--set", "epochs=1")


@pytest.fixture
def toy(project: Project) -> Project:
    """The small upstream with a pre-trained system and a stage that makes its weights."""
    add_toy(project)
    system = "  gru-pretrained/ce-all: {model: gru, loss: ce-all, label: GRU*, checkpoint: true, "
    system += 'arguments: ["--start={out}/{checkpoint}"]}\n'
    project.replace(RECIPE, "  gru/ce-all:", f"{system}  gru/ce-all:")
    project.replace(RECIPE, "options: {epochs: 2}", f"{STAGE}options: {{epochs: 2}}")
    return project


def records(project: Project) -> dict[tuple[str, int | None], dict[str, Any]]:
    """Records by system and seed."""
    paths = (project.folder / "results" / "runs").glob("[0-9a-f]*/record.json")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {(record["system"], record["seed"]): record for record in found}


def test_the_stage_runs_first_once_a_seed_and_the_system_proves_that_it_started_from_it(toy: Project) -> None:
    done = toy.run(*ASKED, "--pretrain", "4", "--jobs", "2")
    assert "Traceback" not in done.stderr, done.stderr
    found = records(toy)
    for seed in (1, 2):
        stage, run = found["gru/pretraining", seed], found["gru-pretrained/ce-all", seed]
        (digest,) = stage["weights"].values()
        assert stage["status"] == run["status"] == "finished"
        assert run["inputs"]["checkpoint"] == {"steps-4.pt": f"run:{stage['key']}"}
        assert run["network"]["checkpoint_sha256"] == digest
        assert stage["ended"] <= run["ended"]
    digests = {seed: found["gru/pretraining", seed]["weights"]["steps-4.pt"] for seed in (1, 2)}
    assert digests[1] != digests[2]
    table = next((toy.folder / "results" / "tables").rglob("table.md"))
    assert "pretrain=4" in table.parent.name
    assert "pre-trained here for 4 epochs" in table.read_text()
    assert "pretraining" not in table.read_text()


def test_it_is_off_by_default_and_says_how_to_switch_it_on(toy: Project, one_error: Check) -> None:
    message = one_error(toy.run(*ASKED), 2)
    assert "needs a checkpoint, dataset steps has none" in message
    assert "--pretrain EPOCHS" in message


def test_plan_shows_the_stage_and_counts_it(toy: Project) -> None:
    shown = toy.run("plan", *ASKED[1:], "--pretrain", "4").stdout
    assert shown.count("gru/pretraining") == 2
    assert "5 runs, 0 finished, 5 to run" in shown  # popularity, two stages, two systems
    toy.run(*ASKED, "--pretrain", "4")
    assert "5 runs, 5 finished, 0 to run" in toy.run("plan", *ASKED[1:], "--pretrain", "4").stdout


@pytest.mark.parametrize(("epochs", "expected"), [("3", "multiple of 2"), ("0", "greater than or equal to 1")])
def test_epochs_that_would_leave_no_weights_are_refused(toy: Project, epochs: str, expected: str) -> None:
    done = toy.run(*ASKED, "--pretrain", epochs)
    assert done.returncode == 2
    assert expected in done.stderr


def test_a_recipe_without_a_stage_says_so(toy: Project, one_error: Check) -> None:
    assert "has no pre-training" in one_error(toy.run("reproduce", "demo", "--pretrain", "2"), 2)


def test_lost_weights_are_made_again_only_where_somebody_needs_them(toy: Project) -> None:
    toy.run(*ASKED, "--pretrain", "4", "--seeds", "1")
    before = records(toy)
    shutil.rmtree(toy.folder / ".cache" / "weights")
    assert "3 runs, 3 finished" in toy.run("plan", *ASKED[1:], "--pretrain", "4", "--seeds", "1").stdout
    more = (*ASKED[:-1], "epochs=2", "--pretrain", "4", "--seeds", "1")
    toy.run(*more)
    after = records(toy)
    assert after["gru/pretraining", 1]["ended"] >= before["gru/pretraining", 1]["ended"]
    assert after["gru/pretraining", 1]["weights"] == before["gru/pretraining", 1]["weights"]
    assert after["gru-pretrained/ce-all", 1]["status"] == "finished"


def test_changed_weights_are_not_used(toy: Project) -> None:
    toy.run(*ASKED, "--pretrain", "4", "--seeds", "1")
    (path,) = (toy.folder / ".cache" / "weights").rglob("*.pt")
    path.write_bytes(path.read_bytes()[:-1])
    toy.run(*ASKED[:-1], "epochs=2", "--pretrain", "4", "--seeds", "1")
    (again,) = [p for p in (toy.folder / ".cache" / "weights").rglob("*.pt") if p.stat().st_size > 0]
    assert again.parent.name == records(toy)["gru/pretraining", 1]["weights"]["steps-4.pt"]


def test_a_stage_that_leaves_nothing_fails_and_those_that_need_it_are_gaps(toy: Project) -> None:
    toy.replace(RECIPE, "--rows=31,", "--rows=31, --forget,")
    done = toy.run(*ASKED, "--pretrain", "4", "--seeds", "1")
    assert done.returncode == 4, done.stderr
    assert "its pre-training failed" in done.stderr
    found = records(toy)
    assert found["gru/pretraining", 1]["fault"] == {"kind": "training", "reason": "left no steps-4.pt"}
    assert ("gru-pretrained/ce-all", 1) not in found
