"""The probe: a patched upstream's reports about its run, read by the harness.

Standard library and NumPy only, Python 3.7 or later. It writes into the folder that HARNESS_PROBE_DIR names and is
silent if that is not set, so a patched upstream can still be run by hand. It draws no random numbers, changes no result
and computes no metric: ranks are the data.

`events.jsonl` has one JSON object per line with `event` and `t` (seconds since the probe was imported):
  model    name, parameters, and further facts that identify the network
  loss     the verification of the loss: name and value on the first batch, number of positions, rows in the softmax
  epoch    epoch (from 0), train_s, valid_s, loss, metric, value
  printed  split and the metrics as the upstream printed them, as text
  end      epochs run, best_epoch, peak_memory_mb
  modules  written when the process ends: SHA-256 by path of every file of the overlay that was loaded
`ranks-<split>.npz` has one row per user, see `write_ranks`.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

START = time.time()
FORMAT = 1


def folder() -> str | None:
    """The folder to write to, None if the variable is not set."""
    return os.environ.get("HARNESS_PROBE_DIR") or None


def event(kind: str, **facts: object) -> None:
    """Append one event; NumPy's numbers become plain ones."""
    where = folder()
    if where is None:
        return
    row = {"event": kind, "t": round(time.time() - START, 3)}
    row.update({key: plain(value) for key, value in facts.items()})
    with open(os.path.join(where, "events.jsonl"), "a") as file:
        file.write(json.dumps(row, sort_keys=True) + "\n")


def plain(value: object) -> object:
    """A value that JSON can hold; a number that is not finite becomes text, so that it is not read as a number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return repr(value)
    return value


def report_modules() -> None:
    """Report which files of the overlay are loaded, under any name, by their path below the overlay's folder."""
    if folder() is None:
        return
    home = os.path.realpath(sys.modules[__name__.partition(".")[0]].__path__[0])
    files = {}
    for module in list(sys.modules.values()):
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        path = os.path.realpath(origin) if isinstance(origin, str) else ""
        if path.startswith(home + os.sep) and os.path.isfile(path):
            with open(path, "rb") as file:
                files[os.path.relpath(path, home).replace(os.sep, "/")] = hashlib.sha256(file.read()).hexdigest()
    event("modules", files=files)


atexit.register(report_modules)


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB of 2**20 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def refuse(reason: str) -> None:
    """Report why a run is not valid, and end it.

    Raises:
        ValueError: always.
    """
    event("fault", reason="probe: " + reason)
    raise ValueError("probe: " + reason)


def count_ranks(
    scores: np.ndarray, answers: np.ndarray, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates scored above each user's held-out item, and those tied with it.

    Args:
        scores: shape (n_users, n_items).
        answers: shape (n_users,), column of the held-out item.
        allowed: shape (n_users, n_items) bool, candidates that count; None for all. The held-out item always counts.
    Returns:
        above, tied, n_candidates: three int32 arrays of shape (n_users,); tied includes the item itself.
    Raises:
        ValueError: if the score of a held-out item or of a candidate is not a number; the run reports this fault.
    """
    # 1. The score of the held-out item: one per row, compared with all scores of the row.
    scores = np.asarray(scores)
    answers = np.asarray(answers).reshape(-1)
    rows = np.arange(len(scores))
    own = scores[rows, answers][:, None]
    if np.isnan(own).any():
        refuse("the score of a held-out item is not a number")
    # 2. The candidates; the held-out item is always one, even if the caller excluded it as seen.
    if allowed is None:
        allowed = np.ones(scores.shape, dtype=bool)
    else:
        allowed = np.array(allowed, dtype=bool)
        allowed[rows, answers] = True
    # 3. Count each row. A score that is not a number would be neither above nor tied, so the item would win against it.
    if (np.isnan(scores) & allowed).any():
        refuse("the score of a candidate is not a number")
    above = ((scores > own) & allowed).sum(axis=1)
    tied = ((scores == own) & allowed).sum(axis=1)
    return above.astype(np.int32), tied.astype(np.int32), allowed.sum(axis=1).astype(np.int32)


class Ranks:
    """Collects the ranks of one split, batch by batch, under several treatments of seen items."""

    def __init__(self) -> None:
        self.users: list[np.ndarray] = []
        self.views: dict[str, list[tuple[np.ndarray, ...]]] = {}

    def add(self, users: np.ndarray, **views: tuple[np.ndarray, ...]) -> None:
        """Add a batch; `views` maps a name to the triple that `count_ranks` returned for these users."""
        if folder() is None:
            return
        self.users.append(np.asarray(users, dtype=np.int64).reshape(-1))
        for name, triple in views.items():
            self.views.setdefault(name, []).append(triple)

    def write(self, split: str, protocol: dict[str, str]) -> None:
        """Write `ranks-<split>.npz`; see `write_ranks`."""
        if folder() is None or not self.users:
            return
        views = {
            name: [np.concatenate([triple[i] for triple in triples]) for i in range(3)]
            for name, triples in self.views.items()
        }
        write_ranks(split, np.concatenate(self.users), views, protocol)


def write_ranks(
    split: str, users: np.ndarray, views: Mapping[str, Sequence[np.ndarray]], protocol: dict[str, str]
) -> None:
    """Write the ranks of a split atomically.

    Args:
        split: 'test' or 'valid'.
        users: shape (n_users,), the upstream's own user ids.
        views: name -> (above, tied, n_candidates), each of shape (n_users,). The view 'printed' is the one that the
            upstream's own metrics are made from; others ('all', 'unseen') treat seen items differently.
        protocol: dict with split, ranking (full or sampled), seen (treatment of seen items).
    """
    where = folder()
    if where is None:
        return
    how = np.array(json.dumps(protocol, sort_keys=True))
    arrays: dict[str, Any] = {"user": users, "protocol": how, "format": np.array(FORMAT)}
    for name, (above, tied, candidates) in views.items():
        arrays["above_" + name], arrays["tied_" + name], arrays["candidates_" + name] = above, tied, candidates
    path = os.path.join(where, f"ranks-{split}.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(file, **arrays)
    os.replace(path + ".part", path)
