"""The demonstration in containers: end to end, with the same numbers as without containers."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import ROOT

pytestmark = pytest.mark.docker
FEW = ("--seeds", "42", "--where", "loss=bce|ce-all", "--profile", "quick")


def harness(folder: Path, settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The console command on the project of this repository, with results and cache elsewhere."""
    own = {"HARNESS_RESULTS": str(folder / "results"), "HARNESS_CACHE": str(folder / "cache"), "COLUMNS": "200"}
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    words = [sys.executable, "-m", "harness", *arguments, "--project", str(ROOT)]
    env |= {**own, **settings, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def records(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Folder and content of each record, by system."""
    paths = folder.glob("results/demonstration/runs/*/record.json")
    found = [(path.parent, json.loads(path.read_text())) for path in paths]
    return {content["system"]: (place, content) for place, content in found}


def test_the_whole_way_in_containers_gives_the_same_ranks(tmp_path: Path, container_settings: dict[str, str]) -> None:
    shut, free = tmp_path / "docker", tmp_path / "local"
    for folder, executor in ((shut, "docker"), (free, "local")):
        folder.mkdir()
        done = harness(folder, container_settings, "reproduce", "demo", *FEW, "--executor", executor)
        assert done.returncode in (0, 1), done.stdout + done.stderr
    inside, outside = records(shut), records(free)
    assert set(inside) == set(outside) == {"popularity", "factorised/bce", "factorised/ce-all"}
    for system, (place, content) in inside.items():
        other_place, other = outside[system]
        assert content["status"] == "finished", content["fault"]
        assert content["printed"] == other["printed"]
        with np.load(place / "ranks-test.npz") as mine, np.load(other_place / "ranks-test.npz") as theirs:
            assert sorted(mine.files) == sorted(theirs.files)
            assert all((mine[name] == theirs[name]).all() for name in mine.files)
        assert (place / "log.txt").read_text() == (other_place / "log.txt").read_text()


def test_a_record_says_which_image_engine_and_limits(tmp_path: Path, container_settings: dict[str, str]) -> None:
    few = ("--seeds", "42", "--where", "loss=bce", "--profile", "quick", "--executor", "docker")
    settings = {**container_settings, "HARNESS_DOCKER_MEMORY_MB": "512", "HARNESS_EXECUTOR": "docker"}
    harness(tmp_path, settings, "reproduce", "demo", *few)
    place, content = records(tmp_path)["factorised/bce"]
    resolved = content["resolved"]
    assert resolved["executor"] == "docker"
    assert resolved["image"]["tag"].startswith("seqrec-harness/numpy:")
    assert resolved["image"]["id"].startswith("sha256:")
    assert resolved["limits"]["memory_mb"] == 512
    assert resolved["packages"]["numpy"]
    assert set(content["inputs"]["environment"]) == {"lock", "python", "dockerfile", "base"}
    assert "/harness/" not in (place / "log.txt").read_text()
    planned = harness(tmp_path, settings, "plan", "demo", *few[:-2])
    assert "2 runs, 2 finished, 0 to run" in planned.stdout, "limits are in no key, the executor is the default by now"
    table = next(tmp_path.glob("results/demonstration/tables/demo/demo/*docker/table.csv"))
    assert "environment:numpy (docker)" in next(csv.DictReader(table.read_text().splitlines()))["signature"]


def test_reruns_in_containers_are_of_a_machine_class_of_their_own(
    tmp_path: Path, container_settings: dict[str, str]
) -> None:
    few = ("--seeds", "42", "--where", "loss=bce", "--profile", "quick")
    harness(tmp_path, container_settings, "reproduce", "demo", *few)
    found = {}
    for executor in ("local", "docker"):
        nights = ("--history", str(tmp_path / "history"), "--out", str(tmp_path / executor), "--executor", executor)
        done = harness(tmp_path, container_settings, "check", "--artifact", "demo", "--only", "reruns", *nights)
        assert done.returncode == 0, done.stdout + done.stderr
        found[executor] = json.loads((tmp_path / executor / "check.json").read_text())
        assert {run["outcome"] for run in found[executor]["runs"]} <= {"held", "near"}
        assert len(found[executor]["runs"]) == 2
    classes = json.loads((tmp_path / "history" / "classes.json").read_text())
    inside, outside = (classes[found[executor]["class"]] for executor in ("docker", "local"))
    assert inside["image"].startswith("sha256:")
    assert "image" not in outside
