"""scripts/check.sh as a nightly job runs it, in a clone of the demonstration with a remote of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT, Project

FEW = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")
HELD = ("--artifact", "demo", "--only", "records,tables")
SILENT = ("--artifact", "demo", "--only", "locks")


def git(folder: Path, *arguments: str) -> str:
    """Output of Git in a folder."""
    name = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    return subprocess.run(["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def cloned(project: Project, tmp_path: Path) -> Project:
    """A project under Git, with the script and a small table, and a remote without a history."""
    (project.folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "check.sh", project.folder / "scripts")
    (project.folder / ".gitignore").write_text("/.cache/\n/results/demonstration/\n")
    done = project.run("reproduce", "demo", *FEW)
    assert done.returncode in (0, 1), done.stderr
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(project.folder, "init", "--quiet")
    git(project.folder, "remote", "add", "origin", str(tmp_path / "remote"))
    git(project.folder, "add", "--all")
    git(project.folder, "commit", "--quiet", "-m", "all")
    return Project(project.folder, {**project.env, "CHECK_PYTHON": sys.executable})


def script(project: Project, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The script with these arguments, to its end."""
    command = ["bash", "scripts/check.sh", *arguments]
    return subprocess.run(
        command, cwd=project.folder, env={**project.env, **env}, capture_output=True, text=True, timeout=300
    )


def nights(remote: Path) -> list[dict[str, object]]:
    """The nights in the remote's history."""
    return [json.loads(line) for line in git(remote, "show", "history:nights.jsonl").splitlines()]


def test_nights_are_pushed_and_a_fresh_clone_goes_on_with_them(cloned: Project, tmp_path: Path) -> None:
    remote, summary = tmp_path / "remote", tmp_path / "summary.md"
    first = script(cloned, "nightly", *HELD, "--date", "2026-11-01", GITHUB_STEP_SUMMARY=str(summary))
    assert first.returncode == 0, first.stderr
    assert "1 table is current, nothing to do (tier nightly, exit 0)" in summary.read_text()
    assert [night["night"] for night in nights(remote)] == ["2026-11-01"]
    shutil.rmtree(cloned.folder / ".cache" / "history")  # as on a runner, which begins with nothing
    second = script(cloned, "nightly", *HELD, "--date", "2026-11-02")
    assert second.returncode == 0, second.stderr
    third = script(cloned, "nightly", *HELD, "--date", "2026-11-03")
    assert third.returncode == 0, third.stderr
    assert [night["night"] for night in nights(remote)] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert git(cloned.folder, "status", "--porcelain") == ""


def test_the_lines_of_two_jobs_are_both_kept(cloned: Project, tmp_path: Path) -> None:
    assert script(cloned, "nightly", *HELD, "--date", "2026-11-01").returncode == 0
    git(tmp_path, "clone", "--quiet", "--branch", "history", "remote", "other")
    with (tmp_path / "other" / "nights.jsonl").open("a") as file:
        file.write('{"format":1,"night":"2026-11-02"}\n')
    git(tmp_path / "other", "commit", "--quiet", "--all", "-m", "other job")
    hook = cloned.folder / ".git" / "hooks" / "pre-push"  # the other job pushes between our fetch and our push
    hook.write_text(f"#!/bin/sh\nenv -u GIT_DIR git -C {tmp_path / 'other'} push --quiet origin history\n")
    hook.chmod(0o755)
    assert script(cloned, "nightly", *HELD, "--date", "2026-11-03").returncode == 0
    assert {night["night"] for night in nights(tmp_path / "remote")} == {"2026-11-01", "2026-11-02", "2026-11-03"}


def test_a_smoke_check_reads_the_history_and_adds_nothing(cloned: Project, tmp_path: Path) -> None:
    done = script(cloned, "smoke", *HELD)
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "remote", "branch", "--list", "history") == ""
    assert not list((cloned.folder / ".cache" / "history").glob("*.jsonl"))


def test_what_no_longer_holds_fails_and_is_kept(cloned: Project, tmp_path: Path) -> None:
    (table,) = (cloned.results / "tables").rglob("table.csv")
    table.write_text(table.read_text() + "x")
    done = script(cloned, "nightly", *HELD)
    assert done.returncode == 1
    assert [night["exit"] for night in nights(tmp_path / "remote")] == [1]


def test_a_network_that_fails_three_nights_in_a_row_fails(cloned: Project) -> None:
    silent = {"HARNESS_PIP_ARGS": "--index-url http://127.0.0.1:9/simple"}
    codes = [script(cloned, "nightly", *SILENT, "--date", f"2026-11-0{n}", **silent).returncode for n in (1, 2, 3)]
    assert codes == [0, 0, 3]


def test_a_check_that_does_not_come_to_its_end_fails(cloned: Project) -> None:
    assert script(cloned, "nightly", "--only", "nothing").returncode == 2
    (cloned.folder / ".cache" / "check").mkdir(parents=True, exist_ok=True)
    done = script(cloned, "nightly", *HELD, "--out", "/dev/null/out")
    assert done.returncode == 3, done.stderr
