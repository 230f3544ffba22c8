"""Runs and what they leave, for tests of evidence, store and estimates; files are written as the probe writes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.executors.base import Outcome
from harness.executors.run_folder import RunFolder
from harness.runs.keys import content_key
from harness.runs.plan import Run

PROTOCOL = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
DONE = Outcome(0, 12.3456)
INPUTS = {"command": ["python", "train.py", "--epochs=200"], "threads": 1}
RUN = Run(
    key=content_key(INPUTS),
    artifact="paper/table",
    upstream="toy",
    dataset="small",
    system="net/bce",
    model="net",
    loss="bce",
    proof="bce",
    seed=1,
    users=4,
    checkpoint=None,
    epoch_cap=200,
    inputs=INPUTS,
)
EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "model", "t": 0.1, "name": "net", "parameters": 10},
    {"event": "loss", "t": 0.2, "name": "bce", "value": 0.69, "computed": ["bce"]},
    {"event": "epoch", "t": 1.0, "epoch": 0, "metric": "NDCG@10", "value": 0.1},
    {"event": "printed", "t": 2.0, "split": "test", "metrics": {"HIT@10": "0.7500"}},
    {"event": "end", "t": 2.1, "epochs": 7, "best_epoch": 3, "peak_memory_mb": 100.5},
)


def run(**changes: Any) -> Run:
    """The run with other facts."""
    return dataclasses.replace(RUN, **changes)


def write_events(folder: RunFolder, events: Sequence[dict[str, Any]] = EVENTS) -> None:
    """events.jsonl."""
    folder.events.write_text("".join(json.dumps(event) + "\n" for event in events))


def write_ranks(folder: RunFolder, **columns: Any) -> None:
    """ranks-test.npz of four users, three of them with their item in the first ten."""
    arrays: dict[str, Any] = {
        "user": [1, 2, 3, 4],
        "above_printed": [0, 9, 3, 10],
        "tied_printed": [1, 1, 1, 1],
        "candidates_printed": [20, 20, 20, 20],
        "protocol": json.dumps(PROTOCOL),
        **columns,
    }
    np.savez_compressed(folder.ranks("test"), **{k: np.array(v) for k, v in arrays.items() if v is not None})


def left(path: Path) -> RunFolder:
    """The folder of a run that ended well."""
    folder = RunFolder(path)
    folder.renew()
    write_events(folder)
    write_ranks(folder)
    folder.log.write_text("done\n")
    return folder
