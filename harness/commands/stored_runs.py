"""Single records of the store: which there are, how two differ, how one is removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.config import Config
from harness.core.errors import ArgumentError, StoreError, near_misses
from harness.core.files import remove_tree
from harness.executors.run_folder import RunFolder
from harness.runs.key_changes import key_changes
from harness.runs.store import Store, find_record
from harness.runs.stored import Record
from harness.runs.under_way import is_held, work_folder

FILTERS = ("upstream", "dataset", "system", "model", "loss", "seed", "status", "profile")
FOLLOW_S = 0.5


@dataclass(frozen=True)
class ListedRun:
    """One record.

    Attributes:
        ended: UTC, ISO 8601.
        epochs: None for a run without any.
    """

    key: str
    upstream: str
    dataset: str
    system: str
    seed: int | None
    status: str
    profile: str
    epochs: int | None
    seconds: float
    ended: str


def list_runs(config: Config, where: Mapping[str, Sequence[str]]) -> list[ListedRun]:
    """The readable records of the results folder, in the order of code base, dataset, system and seed.

    Args:
        where: accepted values by the name of a field, as text; without regard to case.
    Raises:
        ArgumentError: a field that cannot be filtered by.
    """
    if unknown := [name for name in where if name not in FILTERS]:
        raise ArgumentError("--where", f"unknown key {unknown[0]!r}", near_misses(unknown[0], FILTERS))
    accepted = {name: {value.casefold() for value in values} for name, values in where.items()}
    found = []
    for record in Store(config.results, config.cache).records:
        typed = record.typed
        if all(str(getattr(typed, name)).casefold() in values for name, values in accepted.items()):
            facts = (typed.key, typed.upstream, typed.dataset, typed.system, typed.seed, typed.status, typed.profile)
            found.append(ListedRun(*facts, typed.end.epochs if typed.end else None, typed.seconds, typed.ended))
    return sorted(found, key=lambda run: (run.upstream, run.dataset, run.system, run.seed or 0, run.key))


@dataclass(frozen=True)
class Difference:
    """How two records differ.

    Attributes:
        inputs: what was hashed, in words; none for records of one key.
        facts: by name, the two values that differ.
    """

    a: Record
    b: Record
    inputs: Sequence[str]
    facts: Mapping[str, tuple[Any, Any]]


def compare_records(config: Config, a: str, b: str) -> Difference:
    """How the records of two keys differ.

    Args:
        a, b: keys or their first characters.
    Raises:
        StoreError: no record with such a key. ArgumentError: several.
    """
    first, second = find_record(config, a), find_record(config, b)
    old, new = (flat_facts(record.content) for record in (first, second))
    facts = {name: (old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)}
    return Difference(first, second, key_changes(first.content["inputs"], second.content["inputs"]), facts)


def flat_facts(content: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record outside its inputs, nested ones with a point between their names."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name in ("inputs", "key", "modules", "formerly", "command"):
            continue
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for inner, part in parts:
            nested = part.items() if isinstance(part, dict) else [("", part)]
            found |= {".".join(filter(None, (name, inner, last))): text for last, text in nested}
    return found


def remove_record(config: Config, record: Record) -> None:
    """Remove a record.

    Raises:
        StoreError: a process is executing its run.
    """
    store = Store(record.folder.parents[1], config.cache)
    if is_held(store, record.folder.name):
        raise StoreError(str(record.folder), "a process is executing this run", "wait for it to end")
    remove_tree(record.folder)


def read_log(folder: RunFolder) -> str:
    """The text of a run's log.

    Raises:
        StoreError: there is none.
    """
    if not folder.log.is_file():
        raise StoreError(str(folder.log), "no such log", "the run never started, or the file was removed")
    return folder.log.read_text(encoding="utf-8", errors="replace")


def log_of(config: Config, key: str) -> tuple[RunFolder, bool]:
    """The folder with the log of a run, and whether the run is active.

    Args:
        key: a key or its first characters.
    Raises:
        StoreError: neither an active run nor a record has such a key. ArgumentError: several have.
    """
    store = Store(config.results, config.cache)
    active = [path.name for path in (config.cache / "work").glob(f"{key}*") if path.is_dir()]
    if len(active) == 1 and is_held(store, active[0]):
        return work_folder(config.cache, active[0]), True
    return RunFolder(find_record(config, key).folder), False


def follow(config: Config, folder: RunFolder, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
    """The text of an active run's log as it grows, until the run ends."""
    store = Store(config.results, config.cache)
    position = 0
    while True:
        active = is_held(store, folder.path.name)
        if folder.log.is_file():
            with folder.log.open(encoding="utf-8", errors="replace") as file:
                file.seek(position)
                yield file.read()
                position = file.tell()
        if not active:
            return
        wait(FOLLOW_S)
