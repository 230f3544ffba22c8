"""The benchmark of sasrec-bert4rec: what it takes from a process and from what that left; no training."""

from __future__ import annotations

import os
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BUSY_S = 0.3
SCRIPT = f"""
import sys, time
print("begin", flush=True)
held, end = bytearray(64 * 2**20), time.process_time() + {BUSY_S}
while time.process_time() < end:
    pass
print("training_time", 1.5, flush=True)
time.sleep(1)  # the reader of this line measures the memory so far, even on a busy machine
more = bytearray(128 * 2**20)
print({{"test_ndcg@10": 0.25}})
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def benchmark() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "klenitskiy_cost.py"))


def test_an_epoch_ends_where_the_script_prints_its_training_time(benchmark: dict[str, Any], tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    cost = benchmark["measured"]([sys.executable, "-c", SCRIPT, "0"], tmp_path, os.environ, log)
    assert BUSY_S * 0.9 <= cost.epoch_cpu_s <= cost.cpu_s < BUSY_S + 2
    assert cost.epoch_wall_s <= cost.wall_s
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts what the parent held as the child's
    assert 64 < cost.epoch_mb < cost.epoch_mb + 100 < cost.peak_mb < own + 500
    assert benchmark["printed_in"](log) == {"test_ndcg@10": 0.25}


def test_a_process_that_fails_is_no_measurement(benchmark: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with 3"):
        benchmark["measured"]([sys.executable, "-c", SCRIPT, "3"], tmp_path, os.environ, tmp_path / "log.txt")


def test_places_and_metrics_that_differ_are_counted(benchmark: dict[str, Any]) -> None:
    left = benchmark["Left"]
    one = left(0.5, {"test_ndcg@10": 0.25}, np.array([1, 0, 7, 0]))
    other = left(0.5, {"test_ndcg@10": 0.26}, np.array([1, 0, 8, 100]))
    message = benchmark["compared"](one, other)
    assert "1.00e-02; places of test items in the lists of 100: 1 of 3 equal; users: 4" in message
