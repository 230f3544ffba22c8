"""The benchmark of statistics runs, on few users fast enough to be a test, and says what failed."""

from __future__ import annotations

import json
import os
import runpy
from pathlib import Path
from typing import Any

import pytest

ABSURD_S = 5


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "comparisons.py"))


def test_few_users_cost_no_absurd_time(
    benchmark: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    )
    message = tmp_path / "printed.json"
    benchmark["main"](["--users", "300", "400", "--resamples", "200", "--json", str(message)])
    rows = json.loads(message.read_text())["rows"]
    assert [(row["what"], row["users"]) for row in rows] == [("harness", 300), ("harness", 400)]
    assert all(0 < row["cpu_s"] < ABSURD_S for row in rows)
    assert all(20 < row["peak_mb"] < 500 for row in rows)
    assert capsys.readouterr().out.count("| harness |") == 2


def test_an_interpreter_without_ranx_is_told(benchmark: dict[str, Any]) -> None:
    row = benchmark["measured"]("ranx-student", "/bin/false", 10, 10)
    assert row["failed"] == "status 1"
    report = {"rows": [row], "cores": 1, "load_before": 0.0, "load_after": 0.0}
    assert "failed: status 1" in "\n".join(benchmark["markdown"](report))


def test_systems_agree_with_each_other_as_real_ones_do(benchmark: dict[str, Any]) -> None:
    ranks = benchmark["made_ranks"](20_000)
    hits = [(rank <= 10).mean() for rank in ranks]
    assert len(ranks) == 7
    assert 0.08 < min(hits) < max(hits) < 0.2
    assert hits[-1] > hits[0]
