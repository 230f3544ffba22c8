"""Records on disk whose ranks and course a test chooses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from made_runs import DONE, PROTOCOL, RUN, left, write_events

from harness.runs.record import build_record
from harness.runs.store import Store
from harness.runs.stored import Record
from harness.runs.validation import validate_run

N_USERS = 500


def columns(**changes: Any) -> dict[str, np.ndarray]:
    """Ranks of 500 users: the first hundred have their item in the first ten, the others far behind."""
    places = np.concatenate([np.arange(100) % 10, 200 + np.arange(N_USERS - 100)])
    found = {"user": np.arange(1, N_USERS + 1), "protocol": np.array(json.dumps(PROTOCOL))}
    for view in ("printed", "all"):
        found |= {f"above_{view}": places.copy(), f"tied_{view}": np.ones(N_USERS, dtype=np.int64)}
        found[f"candidates_{view}"] = np.full(N_USERS, 1000)
    return {**found, **changes}


def record(folder: Path, ranks: dict[str, np.ndarray] | None = None, epochs: int = 5, **course: Any) -> Record:
    """A record of a run that trained so many epochs.

    Args:
        course: `loss`, `value` and `first` of its training; what is not given is the same for every record.
    """
    store = Store(folder / "results", folder / "cache")
    run = dataclasses.replace(RUN, users=N_USERS)
    work = left(folder / "work")
    losses = course.get("loss", [0.5 - 0.01 * n for n in range(epochs)])
    values = course.get("value", [0.1 + 0.01 * n for n in range(epochs)])
    events: list[dict[str, Any]] = [
        {"event": "model", "name": "net", "parameters": course.get("parameters", 10)},
        {"event": "loss", "name": "bce", "value": course.get("first", 0.69), "computed": ["bce"]},
        *({"event": "epoch", "epoch": n, "loss": a, "metric": "NDCG@10", "value": b, "t": float(n)}
          for n, (a, b) in enumerate(zip(losses, values, strict=True))),
        {"event": "printed", "split": "test", "metrics": {"HIT@10": "0.2000"}},
        {"event": "end", "epochs": epochs, "best_epoch": 3, "peak_memory_mb": 1.0},
    ]  # fmt: skip
    write_events(work, events)
    np.savez_compressed(work.ranks("test"), **(ranks or columns()))
    store.write(build_record(run, PROTOCOL, DONE, validate_run(run, work, DONE), {}), work, {})
    found = store.read(run.key)
    assert found
    return found
