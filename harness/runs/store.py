"""The layout of results/: one folder a run under its content key, and the tables; written here alone.

A record is put together in a temporary folder and renamed, so it is there whole or not at all. A lock per key, which
the kernel frees when its holder dies, makes two harnesses on one store share a run instead of running it twice.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from harness.core.config import Config
from harness.core.errors import ArgumentError, MetricsError, StoreError
from harness.core.files import disk_errors, json_text, remove_tree, write_whole
from harness.core.results import RunResult
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import read_ranks
from harness.runs.record import FORMAT

DEMONSTRATION = "demonstration"

NEEDED = ("key", "upstream", "dataset", "system", "seed", "status", "fault", "inputs", "seconds", "disagreements")


@dataclass(frozen=True)
class Record:
    """One record as it lies in the store.

    Attributes:
        content: record.json; see docs/records.md for its keys.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def finished(self) -> bool:
        """Whether it ended well; a failed run is kept with its fault."""
        return bool(self.content["status"] == "finished")

    @property
    def reason(self) -> str:
        """Fault class and reason of a failed run, "" otherwise."""
        fault = self.content.get("fault")
        return f"{fault['kind']}: {fault['reason']}" if fault else ""

    @property
    def former_keys(self) -> list[str]:
        """Keys under which earlier formats kept this record, or others with equal ranks that were merged into it."""
        return [str(former["key"]) for former in self.content.get("formerly", ())]


class Store:
    """Records and tables under one results folder."""

    def __init__(self, results: Path, cache: Path) -> None:
        self.results, self.cache = results, cache

    def folder(self, key: str) -> Path:
        """Where the record of a key lies or would lie."""
        return self.results / "runs" / key

    def lock(self, key: str) -> FileLock:
        """The lock of a key, not yet taken.

        Raises:
            StoreError: if the cache cannot be written.
        """
        path = self.cache / "locks" / key
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)

    def read(self, key: str) -> Record | None:
        """The record of a key, None if there is none.

        Raises:
            StoreError: damaged, or written by a later format.
        """
        folder = self.folder(key)
        try:
            content = dict(json.loads((folder / "record.json").read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(str(folder), f"damaged record: {error}", "remove this folder and run again") from error
        if content.get("format") != FORMAT:
            what = f"record format {content.get('format')!r}, known: {FORMAT}"
            raise StoreError(str(folder), what, "update the harness, or remove this folder and run again")
        if missing := [name for name in NEEDED if name not in content]:
            what = f"damaged record: lacks {', '.join(missing)}"
            raise StoreError(str(folder), what, "remove this folder and run again")
        if content["key"] != key:
            what = f"holds the record of another run, {content['key']}"
            raise StoreError(str(folder), what, "remove this folder and run again")
        return Record(folder, content)

    def find(self, prefix: str) -> Record:
        """The one record whose key, or former key where no key does, starts with `prefix`.

        Raises:
            StoreError: none, or several.
        """
        keys = self.matching(prefix)
        record = self.read(keys[0]) if len(keys) == 1 else None
        if record is None:
            what = f"{len(keys)} records start with {prefix!r}" if keys else f"no record {prefix!r}"
            raise StoreError(str(self.results / "runs"), what, "`harness status ARTIFACT` lists keys")
        return record

    def matching(self, prefix: str) -> list[str]:
        """Keys of the records whose key, or former key where no key does, starts with `prefix`, sorted."""
        if keys := sorted(name for p in self.paths() if (name := p.parent.name).startswith(prefix)):
            return keys
        return [r.folder.name for r in self.records if any(key.startswith(prefix) for key in r.former_keys)]

    def paths(self) -> Iterator[Path]:
        """The record.json of every record, in no order; one that is being written is not among them."""
        return (self.results / "runs").glob("[0-9a-f]*/record.json")

    @cached_property
    def records(self) -> Sequence[Record]:
        """All readable records, as of the first look."""
        found = []
        for path in sorted(self.paths()):
            try:
                record = self.read(path.parent.name)
            except StoreError:
                continue
            if record is not None:
                found.append(record)
        return found

    def relatives(self, run: Run) -> Iterator[Record]:
        """Records of the same upstream, dataset and system, whatever their key and seed."""
        for record in self.records:
            content = record.content
            if (content["upstream"], content["dataset"], content["system"]) == (run.upstream, run.dataset, run.system):
                yield record

    def write(self, content: Mapping[str, Any], left: RunFolder, symbols: Mapping[str, str]) -> None:
        """Store a record with what the run left; an earlier one of this key is replaced. Hold the key's lock.

        Args:
            content: record.json.
            symbols: text of folders of this machine -> the symbol that stands for it in the stored log.
        Raises:
            StoreError: the disk is full or not writable; nothing half is left.
        """
        runs = self.results / "runs"
        target = runs / content["key"]
        with disk_errors(target):
            runs.mkdir(parents=True, exist_ok=True)
            temporary, replaced = (runs / f".{content['key']}.{end}" for end in ("new", "old"))
            settle(target, temporary, replaced)  # after a harness that was killed here
            temporary.mkdir()
            try:
                fill(temporary, content, left, symbols)
                if target.exists():
                    target.rename(replaced)  # at once: a folder that is being removed would pass for a record
                temporary.rename(target)
            finally:
                settle(target, temporary, replaced)

    def result(self, run: Run, known: Record | None = None) -> RunResult:
        """A planned run as tables see it; `known` is its record where that was read before."""
        record = known or self.read(run.key)
        if record is None:
            return RunResult(run.key, run.dataset, run.system, run.seed, "missing", "not run", epoch_cap=run.epoch_cap)
        end = record.content.get("end") or {}
        facts: dict[str, Any] = {
            "epochs": end.get("epochs"),
            "best_epoch": end.get("best_epoch"),
            "epoch_cap": run.epoch_cap,
            "seconds": record.content["seconds"],
            "peak_memory_mb": end.get("peak_memory_mb"),
            "printed": dict(record.content.get("printed") or {}),
            "agrees": not record.content.get("disagreements"),
        }
        name = (run.key, run.dataset, run.system, run.seed)
        if not record.finished:
            return RunResult(*name, status="failed", reason=record.reason, **facts)
        try:
            return RunResult(
                *name, status="finished", ranks=read_ranks(RunFolder(record.folder).ranks("test")), **facts
            )
        except MetricsError as error:
            return RunResult(*name, status="failed", reason=f"{error.where}: {error.what}", **facts)

    def table_folder(self, artifact: str, variant: str) -> Path:
        """Where a table's files go; `variant` tells filtered or changed tables apart."""
        return self.results / "tables" / artifact / variant

    def write_table(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Write the files of a table; a file that already says the same is not touched.

        Raises:
            StoreError: the disk is full or not writable.
        """
        for name, content in files.items():
            path = folder / name
            if not (path.is_file() and path.read_bytes() == content):
                write_whole(path, content)


def settle(target: Path, temporary: Path, replaced: Path) -> None:
    """Leave one whole record: the one that was to be replaced comes back where none took its place."""
    if replaced.exists() and not target.exists():
        replaced.rename(target)
    for remains in (temporary, replaced):
        remove_tree(remains)


def fill(folder: Path, content: Mapping[str, Any], left: RunFolder, symbols: Mapping[str, str]) -> None:
    """Put a record's files into a folder."""
    for path in sorted(left.path.glob("ranks-*.npz")):
        shutil.copyfile(path, folder / path.name)
    for path in (left.events, left.loss):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    if left.log.is_file():
        (folder / left.log.name).write_text(clean_log(left.log.read_bytes(), symbols), encoding="utf-8")
    (folder / "record.json").write_text(json_text(content), encoding="utf-8")


def clean_log(raw: bytes, symbols: Mapping[str, str]) -> str:
    """A log without folders of this machine, and with only the last state of each progress bar."""
    text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    for path, symbol in sorted(symbols.items(), key=lambda item: -len(item[0])):
        text = text.replace(path, symbol)
    return text


def find_record(config: Config, key: str) -> Record:
    """The record whose key starts with `key`, also among those of demonstrations.

    Raises:
        StoreError: none, or several.
    """
    if not re.fullmatch("[0-9a-f]+", key):
        raise ArgumentError("KEY", f"{key!r} is no run's key", "`harness status ARTIFACT` lists keys")
    shown = Store(config.results / DEMONSTRATION, config.cache)
    if not any((config.results / "runs").glob(f"{key}*")) and any((shown.results / "runs").glob(f"{key}*")):
        return shown.find(key)
    return Store(config.results, config.cache).find(key)
