"""The workflows: actions pinned by commit, stated permissions, and valid commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from harness.checks.outcome import PARTS
from harness.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def jobs(path: Path) -> Iterator[dict[str, Any]]:
    """The jobs of a workflow."""
    yield from yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()


def checks() -> Iterator[list[str]]:
    """Tier and arguments of each call of scripts/check.sh, once for each entry of a matrix."""
    for path in PATHS:
        for job in jobs(path):
            for entry in job.get("strategy", {}).get("matrix", {}).get("include", [{}]):
                (line,) = re.findall(r"scripts/check\.sh (.+)", "\n".join(step.get("run", "") for step in job["steps"]))
                values = {"$BUDGET": "90m", "$JOB": "https://host/job", "$ONLY": entry.get("only", "")}
                words = [values.get(word, word) for word in shlex.split(line)]
                yield [
                    more
                    for word in words
                    for more in (shlex.split(entry["which"].replace("|", r"\|")) if word == "${which[@]}" else [word])
                ]


def test_there_is_a_workflow_for_each_tier() -> None:
    assert [path.stem for path in PATHS] == ["check", "nightly", "weekly"]
    assert {words[0] for words in checks()} == {"smoke", "nightly", "weekly"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_stated(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = [line.strip().removeprefix("- ") for line in text.splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    for job in jobs(path):
        assert job["timeout-minutes"] <= 360
        assert not job["runs-on"].endswith("latest")
        runs = [str(step["run"]) for step in job["steps"] if "run" in step]
        assert not any("${{" in run for run in runs)  # values go through the environment, so no text becomes code


def test_the_pull_request_s_job_has_no_rights_and_keeps_no_credentials() -> None:
    (job,) = jobs(ROOT / ".github" / "workflows" / "check.yml")
    assert "permissions" not in job
    assert job["steps"][0]["with"]["persist-credentials"] is False


@pytest.mark.parametrize("words", list(checks()), ids=" ".join)
def test_the_command_line_understands_each_check(words: list[str]) -> None:
    tier, *arguments = words
    done = CliRunner().invoke(app, ["check", "--tier", tier, *arguments, "--skip", "reruns", "--dry-run"])
    assert done.exit_code == 0, done.output
    named = dict(pairwise(arguments)).get("--only", ",".join(PARTS))
    parts = re.findall(r"^part (\S+)$", done.output, re.MULTILINE)
    assert parts
    assert set(parts) <= set(named.split(","))


@pytest.mark.parametrize("words", [words for words in checks() if words[0] == "weekly"], ids=" ".join)
def test_each_weekly_job_has_runs_to_carry_out(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["check", "--tier", *words, "--only", "reruns", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert re.search(r"^[1-9]\d* of \d+ runs$", done.output, re.MULTILINE), done.output
