"""Released weights: a toy release end to end, and the real ones compared with their authors' logs."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import ROOT, Project
from toys import committed

from harness.recipes import recipe as recipes
from harness.recipes.papers.published import published_numbers

Check = Callable[[subprocess.CompletedProcess[str], int], str]
WEIGHTS = b"5 4 3 2 1"
ENTRY = """
import argparse, hashlib
import numpy as np
from . import probe
parser = argparse.ArgumentParser()
parser.add_argument("--weights")
parser.add_argument("--users", type=int)
options = parser.parse_args()
content = open(options.weights, "rb").read()
probe.event("model", name="net", checkpoint_sha256=hashlib.sha256(content).hexdigest())
above = np.arange(options.users) % int(content.split()[0])
one = np.ones_like(above)
PROTOCOL = {"split": "leave-one-out", "ranking": "full"}
probe.write_ranks("test", np.arange(options.users), {"printed": [above, one, 9 * one]}, PROTOCOL)
probe.event("printed", split="test", metrics={"HIT@10": "1.0000"})
"""
RECIPE = """
artifact: toy/released
title: Toy weights
upstream: demo
environment: numpy
protocol: {split: leave-one-out, ranking: full, seen: kept}
metrics: [HIT@10]
seeds: [1]
datasets: [generated]
systems:
  net/here: {model: net, loss: bce, label: Here, seeded: false, proof: "", checkpoint: true,
             published: {model: N, loss: l}}
  net/gone: {model: net, loss: bce, label: Gone, seeded: false, proof: "", checkpoint: true}
command: [python, -m, harness_overlay.again, "--weights={out}/{checkpoint}", --users, "USERS"]
checkpoints:
  release: theirs
  files:
    generated:
      net/here: {path: weights/here.pt, sha256: SHA}
      net/gone: {path: weights/gone.pt, blob: BLOB}
margin: {absolute: 0.0002}
published: log#run
published_in: log
"""
LOG = """
artifacts:
  run:
    values:
      - {dataset: generated, model: N, loss: l, metric: HIT@10, value: 1.0, decimals: 4}
"""


@pytest.fixture
def toy(project: Project) -> Project:
    """The embedded upstream with a recipe for released weights, one of which the release's repository has lost."""
    repository = project.folder / "theirs"
    (repository / "weights").mkdir(parents=True)
    for name, content in (("here", WEIGHTS), ("gone", b"gone")):
        (repository / "weights" / f"{name}.pt").write_bytes(content)
    commit = committed(repository)
    blob = hashlib.sha1(b"blob 4\0gone").hexdigest()
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with (project.folder / "harness.toml").open("a") as file:
        file.write(f'\n[releases.theirs]\nurl = "{repository}"\ncommit = "{commit}"\n')
    users = yaml.safe_load((ROOT / "recipes/data/demo.yaml").read_text())["datasets"]["generated"]["users"]
    text = RECIPE.replace("USERS", str(users)).replace("BLOB", blob)
    (project.folder / "recipes" / "toy").mkdir()
    (project.folder / "recipes/toy/released.yaml").write_text(text.replace("SHA", hashlib.sha256(WEIGHTS).hexdigest()))
    (project.folder / "recipes/papers/log.yaml").write_text(LOG)
    (project.folder / "patches/overlay/again.py").write_text(ENTRY)
    return project


def records(project: Project) -> dict[str, dict[str, Any]]:
    """Records of a project's own runs by system."""
    paths = (project.folder / "results" / "runs").glob("[0-9a-f]*/record.json")
    return {r["system"]: r for r in (json.loads(p.read_text(encoding="utf-8")) for p in paths)}


def test_weights_are_evaluated_and_a_lost_file_is_a_gap_with_its_reason(toy: Project) -> None:
    done = toy.run("reproduce", "toy/released")
    assert done.returncode == 3, done.stderr + done.stdout
    assert "1 of 1 published values reproduced" in done.stdout
    assert "weights/gone.pt" in done.stderr
    (record,) = records(toy).values()
    pin = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
    assert (record["system"], record["inputs"]["checkpoint"]) == ("net/here", {"here.pt": pin})
    assert record["modules"]["again.py"] == hashlib.sha256(ENTRY.encode()).hexdigest()
    assert set(record["inputs"]["overlay"]) >= {"again.py", "probe.py"}
    plan = toy.run("plan", "demo", "--seeds", "42")
    assert "again" not in plan.stdout
    again = toy.run("reproduce", "toy/released", "--where", "system=net/here")
    assert (again.returncode, "start" in again.stdout + again.stderr) == (0, False)


def test_another_file_than_the_pinned_one_is_a_gap(toy: Project) -> None:
    toy.replace("recipes/toy/released.yaml", hashlib.sha256(WEIGHTS).hexdigest(), "ab" * 32)
    done = toy.run("reproduce", "toy/released")
    assert done.returncode == 3
    assert f"expected sha256:{'ab' * 32}" in done.stderr
    assert not records(toy)


def test_weights_that_were_not_loaded_fail_the_run(toy: Project) -> None:
    toy.replace("patches/overlay/again.py", "hashlib.sha256(content)", "hashlib.sha256(b'other')")
    done = toy.run("reproduce", "toy/released", "--where", "system=net/here")
    assert done.returncode == 4
    assert "the pre-trained checkpoint was not loaded" in done.stderr


def test_mistakes_are_told_in_one_message(toy: Project, one_error: Check) -> None:
    toy.replace("recipes/toy/released.yaml", "harness_overlay.again", "harness_overlay.agian")
    message = one_error(toy.run("plan", "toy/released"), 2)
    assert "recipes/toy/released.yaml: command: 'harness_overlay.agian' names agian.py, which is not in" in message
    assert "did you mean 'again.py'" in message
    toy.replace("recipes/toy/released.yaml", "harness_overlay.agian", "harness_overlay.again")
    toy.replace("recipes/toy/released.yaml", "release: theirs", "release: thiers")
    assert "unknown release 'thiers'" in one_error(toy.run("plan", "toy/released"), 2)
    toy.replace("recipes/toy/released.yaml", "      net/gone: {path", "      net/lost: {path")
    message = one_error(toy.run("plan", "toy/released"), 2)
    assert "unknown system 'net/lost'" in message
    assert "generated: no file for net/gone" in message


@pytest.mark.upstream
def test_lastfm_s_eight_files_give_their_authors_logs(real_project: Project) -> None:
    done = real_project.run("reproduce", "li2023/released", "--where", "dataset=lastfm", timeout=1200)
    assert done.returncode == 1, done.stderr  # every value, but not every claim is significant over users
    assert "16 of 16 published values reproduced" in done.stdout
    recipe = recipes.load_recipe(ROOT, "li2023/released", {})
    logs = [p for p in published_numbers(ROOT, recipe) if not p.beside and p.dataset == "lastfm"]
    found = {k: r for k, r in records(real_project).items() if k in recipe.systems and r["dataset"] == "lastfm"}
    assert len(logs) == 8 * 6
    for log in logs:
        record = found[log.system]
        assert float(record["printed"][log.metric]) == pytest.approx(log.value, abs=0.0002), log
        assert record["disagreements"] == []
        assert record["proof"] is None


@pytest.mark.upstream
def test_weights_of_another_network_fail_the_run(real_project: Project) -> None:
    recipe = Path("recipes/li2023/released.yaml")
    sasrec = "LastFM/SASRec-LastFM-0-BCE.pt, sha256: "
    text = (real_project.folder / recipe).read_text()
    digest = text.partition(sasrec)[2][:64]
    gru = "LastFM/GRU4Rec-LastFM-0-CE.pt, sha256: "
    real_project.replace(str(recipe), gru + text.partition(gru)[2][:64], sasrec + digest)
    where = ("--where", "dataset=lastfm,system=gru4rec/ce-last-released")
    done = real_project.run("reproduce", "li2023/released", *where, timeout=600)
    assert done.returncode == 4
    (failed,) = [r for r in records(real_project).values() if r["status"] == "failed"]
    assert failed["fault"]["kind"] == "training"


def test_time_steps_are_drawn_from_what_runs_reported(toy: Project, one_error: Check) -> None:
    steps = ("timesteps", "toy/released", "--dataset", "generated")
    assert "no run on generated reported time steps" in one_error(toy.run(*steps), 3)
    said = 'probe.event("position", position=50, users=20, places=[1] * 10)\n'
    toy.replace("patches/overlay/again.py", "above =", f"{said}above =")
    toy.run("reproduce", "toy/released", "--where", "system=net/here")
    done = toy.run(*steps)
    assert done.returncode == 0, done.stderr
    figure, numbers = (Path(line) for line in done.stdout.splitlines())
    assert "not run: Gone" in figure.read_text()
    assert numbers.read_text().splitlines()[1].startswith("Here,50,20,10,0.5")
    assert "unknown dataset 'other'" in one_error(toy.run(*steps[:-1], "other"), 2)
