"""Golden digits of the ranks and calibration counts that two code bases hand over user by user."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import golden_batch as golden
import numpy as np

LATER_VIEWS = ("_items",)


def reported(listen: Callable[[], None]) -> dict[str, Any]:
    """Ranks and events that the probe received."""
    with tempfile.TemporaryDirectory() as folder:
        with mock.patch.dict(os.environ, {"HARNESS_PROBE_DIR": folder}):
            listen()
        lines = Path(folder, "events.jsonl").read_text().splitlines()
        with np.load(Path(folder, "ranks-test.npz")) as file:
            arrays = {name: golden.digest(file[name]) for name in file if file[name].dtype.kind == "i"}
            protocol = json.loads(str(file["protocol"]))
        # Declared equivalences contain the hash of this file, so a later view is excluded; it has its own tests.
        arrays = {name: digits for name, digits in arrays.items() if not name.endswith(LATER_VIEWS)}
        protocol = {name: word for name, word in protocol.items() if f"_{name.partition('.')[0]}" not in LATER_VIEWS}
    found: dict[str, Any] = {"arrays": arrays, "protocol": protocol}
    for event in map(json.loads, lines):
        numbers = {f"float64 {key}": golden.digits(v) for key, v in event.items() if isinstance(v, list | float)}
        found[event["event"]] = {k: v for k, v in event.items() if isinstance(v, str | int)} | numbers
        found[event["event"]].pop("float64 t")
    return found


def scores_of(n_users: int, n_items: int) -> np.ndarray:
    """Scores with ties."""
    return np.round(np.random.default_rng(12).normal(scale=2.0, size=(n_users, n_items)), 1)


def gsasrec(loss: str, extra: int | None) -> dict[str, Any]:
    """Six users, seven items; the last one is tested with an item without training interactions."""
    from overlay.gsasrec import watch as watching

    def listen() -> None:
        watch = watching.Watch(SimpleNamespace(user="3", loss=loss))
        watch.seen, watch.listed = {str(user): {f"i{user}", f"i{user + 1}"} for user in range(6)}, 3
        tested = [SimpleNamespace(user_id=str(u), item_id="new" if u == 5 else f"i{(3 * u) % 7}") for u in range(6)]
        system = SimpleNamespace(config=None, items=SimpleNamespace(size=lambda: 7))
        ranked = watching.RankCollector(watch, system, tested, extra)
        for user, scores in enumerate(scores_of(6, 7)):
            ranked.add(str(user), {f"i{item}": item for item in range(7)}, scores)
        ranked.write()

    return reported(listen)


def port() -> dict[str, Any]:
    """Six users in two batches, seven items; one had its test item before."""
    from overlay.gsasrec_torch.ranks import RankCollector
    from overlay.gsasrec_torch.split import Split

    def listen() -> None:
        sequences = [[1 + (user + step) % 7 for step in range(3)] for user in range(5)] + [[2, 4, 2]]
        split = Split([9, 3, 7, 1, 5, 8], sequences, [6, 2, 4, 1, 3, 5], frozenset(), 7)
        ranked = RankCollector(split, user=7)
        scores = scores_of(6, 9).astype(np.float32)
        left = scores.copy()
        left[:, [0, 8]] = -np.inf
        for row, sequence in enumerate(sequences):
            left[row, sequence[:-1]] = -np.inf
        for rows in (slice(0, 4), slice(4, 6)):
            ranked.add(scores[rows], left[rows])
        ranked.write()

    return reported(listen)
