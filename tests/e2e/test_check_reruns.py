"""Reruns of `harness check` on the demonstration, night after night, as a user runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_checks import SCHEMA
from projects import Project

OneError = Callable[[subprocess.CompletedProcess[str], int], str]
FEW = ("--where", "loss=bce", "--seeds", "42,43")
LOOK = ("check", "--artifact", "demo", "--only", "reruns")


@pytest.fixture(scope="module")
def reproduced(shared_project: Project) -> Project:
    """A project with a table of three runs: two trained to the end, and the floor."""
    done = shared_project.run("reproduce", "demo", *FEW)
    assert done.returncode in (0, 1), done.stderr
    return shared_project


@pytest.fixture
def calm(reproduced: Project, tmp_path: Path) -> Iterator[Project]:
    """The same with a history of its own, and as it was after the test."""
    kept = tmp_path / "kept"
    for name in ("patches", "results"):
        shutil.copytree(reproduced.folder / name, kept / name)
    yield reproduced
    for name in ("patches", "results"):
        shutil.rmtree(reproduced.folder / name)
        shutil.copytree(kept / name, reproduced.folder / name)


def night(project: Project, day: int, *more: str, code: int = 0) -> dict[str, Any]:
    """check.json of a night in January."""
    done = project.run(*LOOK, "--date", f"2026-01-{day:02}", *more)
    assert done.returncode == code, done.stdout + done.stderr
    content: dict[str, Any] = json.loads((project.folder / ".cache" / "check" / "check.json").read_text())
    jsonschema.validate(content, SCHEMA)
    return content


def outcomes(content: dict[str, Any]) -> dict[str, list[str]]:
    """Outcomes by depth."""
    found: dict[str, list[str]] = {}
    for run in content["runs"]:
        found.setdefault(run["depth"], []).append(run["outcome"])
    return {depth: sorted(names) for depth, names in found.items()}


def history(project: Project) -> list[dict[str, Any]]:
    """The lines of all reruns."""
    path = project.folder / "results" / "history" / "2026-01.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def test_nights_hold_at_every_depth_and_accepted_records_are_not_touched(calm: Project) -> None:
    before = {path: path.read_bytes() for path in (calm.results / "runs").rglob("*") if path.is_file()}
    assert outcomes(night(calm, 1, "--depth", "prefix")) == {"prefix": ["held", "held"], "full": ["held"]}
    assert outcomes(night(calm, 2, "--depth", "full", "--jobs", "2")) == {"full": ["held"] * 3}
    third = night(calm, 3)
    assert outcomes(third) == {"full": ["held"] * 3}
    assert third["coverage"] == {"runs": 3, "in_7_days": 3, "in_30_days": 3, "oldest": "2026-01-03"}
    known = [sum(n["known"] for n in history(calm) if n["night"] == f"2026-01-0{day}") for day in (1, 2, 3)]
    assert known == [0, 1, 3]  # the floor has no prefix, so its first night was already a full run
    assert {path: path.read_bytes() for path in (calm.results / "runs").rglob("*") if path.is_file()} == before
    assert not list((calm.folder / ".cache" / "check").glob("2026-*"))
    nights = (calm.folder / "results" / "history" / "nights.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcomes"] for line in nights] == [{"held": 3}] * 3


def test_read_only_nights_leave_no_history(calm: Project) -> None:
    night(calm, 1, "--read-only", "--depth", "prefix")
    assert not (calm.folder / "results" / "history").exists()


def test_a_change_on_a_known_class_fails_is_explained_and_can_be_accepted(calm: Project, one_error: OneError) -> None:
    night(calm, 1, "--depth", "full")
    calm.replace("patches/demo/0001-choose-the-loss.patch", "What: ", "What: In other words: ")  # changes nothing
    assert outcomes(night(calm, 2, "--depth", "full")) == {"full": ["held"] * 3}
    calm.replace(
        "patches/overlay/probe.py", "= above, tied, candidates\n", "= above + (above < 100), tied, candidates\n"
    )
    changed = night(calm, 3, "--depth", "full", code=1)
    assert outcomes(changed) == {"full": ["changed"] * 3}
    run = next(run for run in changed["runs"] if run["system"] == "factorised/bce")
    assert run["moved"] >= 300
    assert run["places"] == 1
    assert run["changes"] == ["overlay probe.py changed", "a second run gave the same"]
    assert run["replaces"] == run["key"]
    assert (calm.folder / ".cache" / "check" / "records" / run["key"] / "record.json").is_file()
    why = calm.run("check", "why", run["key"][:8])
    assert why.returncode == 0, why.stderr
    assert f"{run['moved']} users moved by 1 at most" in why.stdout
    assert "overlay probe.py changed" in why.stdout
    assert "NDCG@10: " in why.stdout
    seed = f",seed={run['seed']}" if run["seed"] is not None else ""
    assert f"--where system={run['system']},dataset={run['dataset']}{seed} --depth full" in why.stdout
    assert "give a run key" in one_error(calm.run("check", "why", "ffff"), 2)
    keys = [run["key"] for run in changed["runs"]]
    assert "is empty" in one_error(calm.run("check", "accept", *keys, "--because", " "), 2)
    done = calm.run("check", "accept", *keys, "--because", "ranks begin at two now", "--date", "2026-01-03")
    assert done.returncode == 0, done.stderr
    assert outcomes(night(calm, 4, "--depth", "full")) == {"full": ["held"] * 3}
    listed = calm.run("check", "history", "factorised/bce")
    assert [line.split()[1] for line in listed.stdout.splitlines()] == ["held"] * 4 + ["changed"] * 2 + ["held"] * 2
    as_json = calm.run("check", "history", keys[0][:10], "--json").stdout.splitlines()
    assert {json.loads(line)["key"] for line in as_json} == {keys[0]}


def test_a_run_that_fails_is_tried_once_more_and_ends_with_4(calm: Project) -> None:
    with (calm.folder / "patches/overlay/losses/in_numpy.py").open("a") as file:
        file.write("\nraise SystemExit(3)\n")
    failed = night(calm, 1, "--depth", "full", code=4)
    assert outcomes(failed) == {"full": ["failed", "failed", "held"]}
    assert any("ended with status 3" in text for run in failed["runs"] for text in run["changes"])


def test_a_budget_that_is_too_small_leaves_runs_for_later(calm: Project) -> None:
    content = night(calm, 1, "--depth", "full", "--budget", "0s")
    assert content["runs"] == []
    assert content["cut"] == "3 of 3 runs were left for later nights."
    assert content["exit"] == 0


def test_a_record_of_another_machine_is_near_once_and_then_an_anchor(calm: Project) -> None:
    """The record is moved by one place for five users; so the rerun is what another maker's processor might give."""
    import numpy as np

    path = next(p for p in (calm.results / "runs").glob("*/record.json") if json.loads(p.read_text())["seed"] == 42)
    with np.load(path.parent / "ranks-test.npz") as file:
        columns = {name: file[name] for name in file.files}
    rows = np.flatnonzero(columns["above_printed"] > 50)[:5]
    columns["above_printed"][rows] -= 1
    np.savez_compressed(path.parent / "ranks-test.npz", **columns)
    assert outcomes(night(calm, 1, "--depth", "full")) == {"full": ["held", "held", "near"]}
    assert outcomes(night(calm, 2, "--depth", "full")) == {"full": ["held"] * 3}


def test_two_results_folders_are_compared(calm: Project, tmp_path: Path, one_error: OneError) -> None:
    other = tmp_path / "other"
    shutil.copytree(calm.results, other)
    env = {**calm.env, "HARNESS_RESULTS": str(calm.results)}
    beside = Project(calm.folder, env)
    same = beside.run("check", "--against", str(other))
    assert same.returncode == 0, same.stdout + same.stderr
    assert "3 of 3 reruns held" in same.stdout
    table = next((other / "tables").rglob("table.csv"))
    table.write_text(table.read_text().replace("0.", "1.", 1))
    shutil.rmtree(next((other / "runs").iterdir()))
    again = beside.run("check", "--against", str(other))
    assert again.returncode == 1
    content = json.loads((calm.folder / ".cache" / "check" / "check.json").read_text())
    jsonschema.validate(content, SCHEMA)
    found = {(part["part"], item["outcome"]) for part in content["parts"] for item in part["items"]}
    assert ("tables", "stale") in found
    assert ("records", "unchecked") in found
    assert "name a results folder" in one_error(calm.run("check", "--against", str(tmp_path)), 2)
