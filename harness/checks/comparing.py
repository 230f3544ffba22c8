"""Comparison of a rerun with its reference: ranks of every user, or the training curve of the first epochs.

The meaning of a difference on a machine class is decided by `outcome`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks.outcome import RunOutcome
from harness.core.errors import HarnessError, MetricsError
from harness.core.files import canonical_json, sha256_bytes
from harness.runs.probe_output import DAMAGED, read_events, read_ranks
from harness.runs.stored import Record
from harness.stats.metrics import per_user

METRIC = re.compile(r"(HIT|HR|Recall|NDCG|MAP|MRR)(@\d+)?", re.IGNORECASE)
FACTS = ("computed", "parameters", "weights")  # of a training curve, which no machine may change
Columns = Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Limits:
    """The allowed differences between a rerun and the record on an unknown machine class.

    Attributes:
        users: share of users whose rank changed. places: largest change.
        metric: of printed metrics. loss: relative, of losses.
    """

    users: float = 0.01
    places: float = 2
    metric: float = 1e-4
    loss: float = 1e-5


@dataclass(frozen=True)
class Comparison:
    """A rerun against a record.

    Attributes:
        equal: all compared values are equal to the last digit.
        near: within the limits for an unknown class.
        digest: SHA-256 of the rerun's compared values.
        alien: with other users or candidates, which no machine difference explains.
    """

    equal: bool
    near: bool
    digest: str
    alien: bool = False
    moved: int = 0
    places: float = 0.0
    delta: Mapping[str, float] = field(default_factory=dict)
    changes: tuple[str, ...] = ()


def outcome(found: Comparison, anchor: str | None) -> RunOutcome:
    """The outcome of a deterministic rerun.

    Args:
        anchor: digest of an earlier rerun on this machine class, or None.
    Returns:
        On a class with an anchor `held` or `changed`, on another one `held`, `near` or `left`.
    """
    if found.alien:
        return "changed"
    if anchor is not None:
        return "held" if found.digest == anchor else "changed"
    return "held" if found.equal else "near" if found.near else "left"


def rank_columns(path: Path) -> Columns:
    """All columns of a file of ranks, in the order of users.

    Raises:
        MetricsError: missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith(("above_", "tied_", "candidates_"))]
            order = np.argsort(file["user"], kind="stable")
            return {name: file[name].astype(np.int64)[order] for name in ("user", *sorted(names))}
    except DAMAGED as error:
        raise MetricsError(path.name, f"is not valid: {error}", "repeat the run") from error


def ranks_digest(columns: Columns) -> str:
    """SHA-256 of ranks in every view, independent of the order of users."""
    return "sha256:" + sha256_bytes(
        b"".join(name.encode() + column.tobytes() for name, column in sorted(columns.items()))
    )


def compare_ranks(old: Columns, new: Columns) -> tuple[bool, int, float]:
    """Whether users or candidates differ; number of users whose rank changed in any view; largest change.

    A user's rank is the mean rank of the items tied with the held-out item.
    """
    fixed = [name for name in old if name == "user" or name.startswith("candidates_")]
    if old.keys() != new.keys() or any(not np.array_equal(old[name], new[name]) for name in fixed):
        return True, 0, 0.0
    moved = np.zeros(old["user"].shape, dtype=bool)
    places = 0.0
    for view in (name.removeprefix("above_") for name in old if name.startswith("above_")):
        above, tied = f"above_{view}", f"tied_{view}"
        moved |= (old[above] != new[above]) | (old[tied] != new[tied])
        a, b = (columns[above] + (columns[tied] - 1) / 2 for columns in (old, new))
        places = max(places, float(np.max(np.abs(a - b), initial=0.0)))
    return False, int(moved.sum()), places


def compare_full(accepted: Record, rerun: Record, limits: Limits) -> Comparison:
    """Comparison of a full rerun: ranks of every user in every view of the record, epochs and printed metrics.

    A view that only the rerun has is ignored: the probe may have learned to write it since the record was made.

    Raises:
        MetricsError: ranks that are not readable.
    """
    old, new = (rank_columns(record.folder / "ranks-test.npz") for record in (accepted, rerun))
    new = {name: column for name, column in new.items() if name in old}
    alien, moved, places = compare_ranks(old, new)
    delta = {} if alien else metric_differences(accepted, rerun)
    epochs = [record.typed.end.epochs if record.typed.end else None for record in (accepted, rerun)]
    changes = ["other users or candidates"] * alien
    changes += [f"epochs {epochs[0]} before, {epochs[1]} now"] * (epochs[0] != epochs[1])
    near = moved <= limits.users * len(old["user"]) and places <= limits.places and not changes
    near &= all(abs(value) <= limits.metric for value in delta.values())
    return Comparison(not (moved or changes), near, ranks_digest(new), alien, moved, places, delta, tuple(changes))


def metric_differences(accepted: Record, rerun: Record) -> dict[str, float]:
    """Rerun minus record, by printed metric, computed from ranks, since printed text hides the last digits.

    Raises:
        MetricsError: ranks that are not readable.
    """
    ranks = [read_ranks(record.folder / "ranks-test.npz") for record in (accepted, rerun)]
    names = [name for name in accepted.typed.printed or {} if METRIC.fullmatch(name)]
    found = {}
    for name in names:
        try:
            old, new = (float(per_user(one, name).mean()) for one in ranks)
        except HarnessError:  # a metric of the upstream that does not follow from ranks
            continue
        found[name] = round(new - old, 12)
    return found


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, float]:
    """Rerun minus record, by metric; values that are not metrics of ranks, such as minutes, are left out."""
    names = [name for name in old if name in new and METRIC.fullmatch(name)]
    return {name: round(float(new[name]) - float(old[name]), 12) for name in names}


def compare_prefix(accepted: Record, rerun: Record, epochs: int, limits: Limits) -> Comparison:
    """The beginning of a training: network, first batch, losses and validation metric of the first epochs."""
    old, new = (course(record, epochs) for record in (accepted, rerun))
    changes = [f"{name} {old[name]} before, {new[name]} now" for name in FACTS if old[name] != new[name]]
    near = not changes
    for name, most in (("first batch", limits.loss), ("loss", limits.loss), ("value", limits.metric)):
        if old[name] != new[name]:
            apart = distance(old[name], new[name], relative=name != "value")
            changes.append(f"{name} differs by {apart:.1e}" if math.isfinite(apart) else f"{name} has another length")
            near &= apart <= most
    digest = "sha256:" + sha256_bytes(canonical_json(new).encode())
    return Comparison(old == new, near, digest, changes=tuple(changes))


def course(record: Record, epochs: int) -> dict[str, Any]:
    """The beginning of a training: network, first batch, and loss and metric of its first epochs."""
    events = read_events(record.folder / "events.jsonl")
    found = [event for event in events if event.get("event") == "epoch" and (event.get("epoch") or 0) < epochs]
    network, proof = record.typed.network or {}, record.typed.proof or {}
    return {
        "computed": proof.get("computed"),
        "parameters": network.get("parameters"),
        "weights": network.get("checkpoint_sha256"),
        "first batch": [proof.get("value")],
        "loss": [event.get("loss") for event in found],
        "value": [event.get("value") for event in found],
    }


def distance(old: Sequence[Any], new: Sequence[Any], relative: bool) -> float:
    """The largest difference of two series; infinite if the lengths or the missing values differ."""
    if len(old) != len(new):
        return math.inf
    apart = 0.0
    for a, b in zip(old, new, strict=True):
        if a != b:
            if not all(isinstance(value, int | float) for value in (a, b)):
                return math.inf
            apart = max(apart, abs(b - a) / (abs(a) or 1.0) if relative else abs(b - a))
    return apart
