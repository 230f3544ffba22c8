"""The benchmark of overhead loses no run and finds no absurd time; without Snakemake it is fast enough to be a test."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long
ABSURD_MS = 200
N_RUNS = 40


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "overhead.py"))


def test_a_trivial_run_costs_no_absurd_time_and_none_is_lost(
    benchmark: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = tmp_path / "printed.json"
    options = ["--runs", str(N_RUNS), "--jobs", "2", "--no-snakemake", "--run-seconds", "0", "--json", str(message)]
    benchmark["main"](options)  # raises if runs are lost
    lines = {line["what"]: line for line in json.loads(message.read_text())["lines"]}
    per_run = lines[f"{N_RUNS} trivial runs, per run"]
    assert 0 < per_run["ours"] < ABSURD_MS
    assert lines[f"Rerun with all {N_RUNS} there"]["ours"] * 1000 < ABSURD_MS * N_RUNS
    assert "| harness |" in capsys.readouterr().out


def test_lost_runs_are_an_error(benchmark: dict[str, Any], tmp_path: Path) -> None:
    """The benchmark must not praise a harness that drops runs."""
    project = benchmark["make_project"](tmp_path / "project")
    benchmark["reproduce"](project, range(2), 1)
    require: Callable[[Path, int], None] = benchmark["require_records"]
    require(project, 2)
    shutil.rmtree(next(iter(project.glob("results/**/record.json"))).parent)
    with pytest.raises(benchmark["BenchmarkError"], match="1 of 2 runs are lost"):
        require(project, 2)
