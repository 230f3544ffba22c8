"""`harness check --against FOLDER`: compares existing results with those in another folder; executes no run."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.checks import comparing
from harness.checks.outcome import BROKEN, Check, Item, Part, RunCheck, broken, held, left_out
from harness.commands.check.options import Options
from harness.commands.check.reruns import limits_of
from harness.commands.check.tables import difference
from harness.core.config import Config
from harness.core.errors import ArgumentError, MetricsError
from harness.environments.machine import own_version
from harness.environments.machine_class import class_facts, machine_class
from harness.runs.store import Store
from harness.runs.stored import Record

SIGNATURE = "signature"  # column that names the harness's version, which is not a result


def compare_folders(config: Config, options: Options, other: Path) -> Check:
    """Records of equal keys by the ranks of every user, and tables of equal names by their CSV files.

    Raises:
        ArgumentError: the folder holds no results.
    """
    if not (other / "runs").is_dir() and not (other / "tables").is_dir():
        raise ArgumentError("--against", f"{other} holds neither runs nor tables", "name a results folder")
    ours, theirs = Store(config.results, config.cache), Store(other, config.cache)
    keys = [{path.parent.name for path in store.paths()} for store in (ours, theirs)]
    runs = tuple(run for key in sorted(keys[0] & keys[1]) if (run := of_run(config, ours.read(key), theirs.read(key))))
    parts = (Part("records", tuple(only(*keys))), Part("tables", tuple(tables(config.results, other))))
    own = own_version(config)
    return Check(
        night=options.night.isoformat(), began=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tier=options.tier, commit=str(own["commit"] or ""), dirty=bool(own["dirty"]),
        machine=machine_class(class_facts(config.base_env, "cpu", config.executor)),
        parts=tuple(part for part in parts if part.items), runs=runs, strict=options.strict,
    )  # fmt: skip


def of_run(config: Config, ours: Record | None, theirs: Record | None) -> RunCheck | None:
    """One run in both folders; None if a record was removed meanwhile or neither has ranks."""
    if ours is None or theirs is None or (ours.typed.weights and theirs.typed.weights):
        return None
    o = theirs.typed
    facts = (o.key, o.upstream, o.dataset, o.system, o.seed, "full")
    try:
        found = comparing.compare_full(theirs, ours, limits_of(config.file.check))
    except MetricsError as error:
        same = ours.typed.status == theirs.typed.status == "failed"
        return RunCheck(*facts, "held" if same else "failed", changes=(error.what,), code=0 if same else BROKEN)
    outcome = comparing.outcome(found, None)
    code = 0 if outcome in ("held", "near") else BROKEN
    return RunCheck(
        *facts, outcome, found.moved, found.places, found.delta, changes=found.changes, code=code,
        again=f"harness runs show {o.key[:8]}" if code else "",
    )  # fmt: skip


def only(ours: set[str], theirs: set[str]) -> Iterator[Item]:
    """Records that only one folder has; not an error."""
    yield from (left_out(key, "only in the current results") for key in sorted(ours - theirs))
    yield from (left_out(key, "only in the other folder") for key in sorted(theirs - ours))


def tables(ours: Path, theirs: Path) -> Iterator[Item]:
    """The CSV files of tables."""
    names = [
        {p.relative_to(place / "tables").as_posix() for p in place.glob("tables/*/*/*/*.csv")}
        for place in (ours, theirs)
    ]
    for name in sorted(names[0] & names[1]):
        one, other = (rows(place / "tables" / name) for place in (ours, theirs))
        if one == other:
            yield held(name)
        else:
            texts = ["\n".join(",".join(row.values()) for row in found).encode() for found in (other, one)]
            yield broken(name, f"differs\n{difference(texts[0], texts[1])}", outcome="stale")
    yield from only(names[0], names[1])


def rows(path: Path) -> list[Mapping[str, str]]:
    """The rows of a CSV file without the column of the harness's version."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v or "" for k, v in row.items() if k != SIGNATURE} for row in csv.DictReader(file)]
