"""A record that was damaged later: a gap with its reason for every command, exit code 4, repaired by --retry-failed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from projects import Project

FEW = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")


def cut_off(folder: Path) -> None:
    """Half of record.json, as a full disk leaves it."""
    path = folder / "record.json"
    path.write_bytes(path.read_bytes()[:700])


def half_the_users(folder: Path) -> None:
    """Ranks of every second user."""
    path = folder / "ranks-test.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    n = len(arrays["user"])
    np.savez_compressed(path, **{k: v[::2] if v.ndim and len(v) == n else v for k, v in arrays.items()})


def other_users(folder: Path) -> None:
    """Ranks of the same number of users, with ids of no other run."""
    path = folder / "ranks-test.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez_compressed(path, **{**arrays, "user": arrays["user"] + 100_000})


def other_inputs(folder: Path) -> None:
    """Another commit among the inputs."""
    path = folder / "record.json"
    content = json.loads(path.read_text())
    content["inputs"]["upstream"] = "0" * 40
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_off, "damaged record: "),
        (half_the_users, "ranks of 300 users, expected 600"),
        (other_users, "its users are not those of the other runs"),
        (other_inputs, "damaged record: its inputs do not hash to its key"),
    ],
)
def test_a_damaged_record_is_one_failed_run_until_it_is_run_again(
    reproduced_few: tuple[Project, subprocess.CompletedProcess[str]], damage: Callable[[Path], None], reason: str
) -> None:
    """The table stopped, or said failed while `status` said finished and --retry-failed did nothing."""
    project, done = reproduced_few
    assert "1 failed" not in done.stderr
    kept = [p.parent for p in (project.results / "runs").glob("[0-9a-f]*/record.json")]
    (trained,) = [p for p in kept if json.loads((p / "record.json").read_text())["system"] == "factorised/bce"]
    damage(trained)
    for command in ("report", "reproduce"):
        message = project.run(command, "demo", *FEW)
        assert (message.returncode, "Traceback" in message.stderr) == (4, False), message.stderr
        assert reason in message.stdout
    status = project.run("status", "demo", *FEW)
    assert "1 failed, 1 finished" in status.stdout
    assert reason.split()[0] in status.stdout
    plan = project.run("plan", "demo", *FEW)
    assert "(1 failed; --retry-failed repeats them)" in " ".join(plan.stdout.split())
    again = project.run("reproduce", "demo", *FEW, "--retry-failed")
    assert again.returncode == done.returncode, again.stderr
    assert "done    generated factorised/bce seed 42" in again.stderr
    assert "1 failed" not in project.run("status", "demo", *FEW).stdout
