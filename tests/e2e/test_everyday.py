"""Commands of everyday use: single runs, the cache, other metrics, JSON, help and completion."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from projects import ROOT, Project, clean_env, fresh

from harness.cli.app import app
from harness.cli.grouped_help import GROUPS

FEW = ("demo", "--where", "loss=bce|ce-all", "--seeds", "42", "--profile", "quick")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a few finished runs of the demonstration, among the other results."""
    project = fresh(tmp_path_factory.mktemp("everyday") / "project")
    done = project.run("reproduce", *FEW)
    assert done.returncode in (0, 1), done.stderr
    (project.results / "runs").rename(project.folder / "results" / "runs")
    return project


def listed(project: Project, *words: str) -> list[dict[str, object]]:
    done = project.run("runs", "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_records_are_listed_and_filtered(finished: Project) -> None:
    everything = listed(finished)
    assert {run["system"] for run in everything} == {"popularity", "factorised/bce", "factorised/ce-all"}
    (one,) = listed(finished, "--where", "loss=BCE,seed=42")
    assert (one["status"], one["profile"], one["epochs"]) == ("finished", "quick", 5)
    assert listed(finished, "--where", "dataset=other") == []
    refused = finished.run("runs", "list", "--where", "colour=red")
    assert refused.returncode == 2
    assert "unknown key 'colour'" in refused.stderr
    assert "3 records" in finished.run("runs", "list").stdout


def test_two_records_are_compared(finished: Project) -> None:
    keys = {run["system"]: str(run["key"]) for run in listed(finished)}
    shown = finished.run("runs", "diff", keys["factorised/bce"][:8], keys["factorised/ce-all"][:8]).stdout
    assert "command changed" in shown
    assert "bce became ce-all" in shown.replace("--loss ", "")
    assert "printed.HIT@10" in shown


def test_a_log_is_printed_and_a_record_removed(finished: Project) -> None:
    (run,) = listed(finished, "--where", "loss=ce-all")
    key = str(run["key"])
    text = (finished.folder / "results" / "runs" / key / "log.txt").read_text(encoding="utf-8")
    assert finished.run("runs", "log", key[:8]).stdout == text
    assert text
    assert finished.run("runs", "remove", key[:8]).returncode == 1  # asked, and nobody answers
    assert len(listed(finished)) == 3
    done = finished.run("runs", "remove", key[:8], "--yes")
    assert "removed" in done.stdout
    assert len(listed(finished)) == 2
    missing = finished.run("runs", "remove", key[:8], "--yes")
    assert missing.returncode == 3
    assert "no record" in missing.stderr


def test_a_log_is_followed_until_the_run_ends(project: Project) -> None:
    words = ("demo", "--where", "loss=bce", "--seeds", "42", "--set", "epochs=400", "--set", "patience=400")
    child = project.start("reproduce", *words)
    key = ""
    while not key:
        rows = json.loads(project.run("status", *words, "--json").stdout)
        key = next((row["key"] for row in rows if row["status"] == "running" and row["seed"] == 42), "")
        assert child.poll() is None, "it ended before its log was followed"
        time.sleep(0.05)
    begun = time.monotonic()
    followed = project.run("runs", "log", key, "--follow").stdout
    assert "epoch" in followed
    assert time.monotonic() - begun > 0.5
    assert child.wait(60) in (0, 1)


def test_the_cache_is_shown_and_cleaned(finished: Project) -> None:
    cache = finished.folder / ".cache"
    before = {part["name"]: part for part in json.loads(finished.run("cache", "--json").stdout)}
    trees = sum(
        path.stat().st_size for path in (cache / "trees").rglob("*") if path.is_file() and not path.is_symlink()
    )
    assert 0 < before["trees"]["bytes"] <= trees
    assert finished.run("cache", "clean", "trees", "--yes").returncode == 0
    assert not (cache / "trees").exists()
    assert "trees" not in finished.run("cache").stdout
    refused = finished.run("cache", "clean", "locks", "--yes")
    assert refused.returncode == 2
    assert (cache / "locks").is_dir()


def test_other_metrics_make_a_table_of_their_own(tmp_path: Path) -> None:
    project = Project(ROOT, {**clean_env(), "HARNESS_RESULTS": str(tmp_path)})
    (tmp_path / "runs").symlink_to(ROOT / "results" / "runs")
    words = ("report", "table2", "--where", "dataset=lastfm,model=sasrec", "--metrics", "HIT@5,MRR")
    done = project.run(*words, "--json")
    table = json.loads(done.stdout)
    assert {row["metric"] for row in table["values"]} == {"HIT@5", "MRR"}
    assert table["claims"] == []  # the paper claims nothing of these metrics
    (folder,) = (tmp_path / "tables" / "li2023" / "table2").iterdir()
    assert folder.name.endswith("metrics=HIT@5+MRR")
    assert json.loads((folder / "request.json").read_text())["metrics"] == ["HIT@5", "MRR"]
    for wrong in ("Hit@5", "MRR,MRR"):
        assert project.run(*words[:-1], wrong).returncode == 2


def test_a_comparison_as_json_has_the_numbers_of_the_table() -> None:
    project = Project(ROOT, clean_env())
    words = (
        "compare",
        "sasrec/ce-all",
        "sasrec/bce",
        "--artifact",
        "table2",
        "--where",
        "dataset=lastfm",
        "--metrics",
        "HIT@10",
        "--json",
    )
    (claim,) = json.loads(project.run(*words).stdout)["claims"]
    assert (claim["n_users"], claim["verdict"] != "") == (1090, True)
    assert isinstance(claim["p"], float)


def test_help_lists_every_command_under_a_heading(finished: Project) -> None:
    shown = finished.run("--help").stdout
    assert [line for line in shown.splitlines() if line.removesuffix(":") in GROUPS] == [
        f"{title}:" for title in GROUPS
    ]
    assert "Other:" not in shown
    names = {name for names in GROUPS.values() for name in names}
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert commands <= names | {"wrapped"}


def test_version_and_completion(finished: Project) -> None:
    assert finished.run("--version").stdout == f"harness {version('seqrec-harness')}\n"
    asked = {"_HARNESS_COMPLETE": "complete_bash", "COMP_WORDS": "harness plan li2023/t", "COMP_CWORD": "2"}
    program = str(Path(sys.executable).with_name("harness"))
    done = subprocess.run([program], cwd=finished.folder, env={**finished.env, **asked}, capture_output=True, text=True)
    offered = done.stdout.split()
    assert "li2023/table2" in offered
    assert all(name.startswith("li2023/t") for name in offered)
