"""The layout of results/: one folder per run under its content key, and the tables; written only here.

A record is written to a temporary folder and then renamed, so it is complete or absent. A lock per key, which
the kernel releases when its holder ends, makes two harnesses on one store share a run instead of executing it twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from filelock import FileLock

from harness.core.config import Config
from harness.core.errors import ArgumentError, StoreError
from harness.core.files import disk_errors, write_whole
from harness.core.results import NOT_RUN, RunResult
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.rank_faults import peer_fault, shared_by_dataset
from harness.runs.record_folder import fill, settle
from harness.runs.record_model import FORMATS, End, parse_json
from harness.runs.stored import Judged, Record, Stored, judge
from harness.runs.validation import disagreements, marks
from harness.stats.comparability import Shared

DEMONSTRATION = "demonstration"


class LaterFormatError(StoreError):
    """A record written by a later version of the harness."""


class Store:
    """Records and tables under one results folder."""

    def __init__(self, results: Path, cache: Path) -> None:
        self.results, self.cache = results, cache

    def folder(self, key: str) -> Path:
        """The folder of the record of a key, existing or not."""
        return self.results / "runs" / key

    def lock(self, key: str) -> FileLock:
        """The lock of a key, not yet acquired.

        Raises:
            StoreError: if the cache is not writable.
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
        fix = "remove this folder, or repeat with --retry-failed"
        try:
            content = parse_json((folder / "record.json").read_bytes())
            if content.get("format") not in FORMATS or isinstance(content["format"], bool):
                what = f"record format {content.get('format')!r}, known: {', '.join(map(str, FORMATS))}"
                raise LaterFormatError(
                    str(folder), what, "update the harness, or remove this folder and repeat the command"
                )
            record = Record(folder, content)
            found = record.typed.key
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise StoreError(str(folder), f"damaged record: {' '.join(str(error).split())}", fix) from error
        if found != key:
            raise StoreError(str(folder), f"holds the record of another run, {found}", fix)
        return record

    def look_up(self, run: Run, common: Shared | None = None) -> Stored:
        """The stored state of a planned run, judged; an unreadable record is a failed run.

        Args:
            common: shared properties of its dataset's runs, see `look_up_all`; None to judge it alone.
        """
        try:
            record = self.read(run.key)
        except StoreError as error:
            return Stored("failed", error.what, kept=isinstance(error, LaterFormatError))
        return Stored("missing", NOT_RUN) if record is None else judge(record, run, common)

    def look_up_all(self, runs: Iterable[Run], known: Mapping[str, Stored] = MappingProxyType({})) -> Judged:
        """The stored state of planned runs, each judged together with the others of its dataset.

        Args:
            known: states found before, by key.
        """
        wanted = {run.key: run for run in runs}
        found = {key: known.get(key) or self.look_up(run) for key, run in wanted.items()}
        common = shared_by_dataset((wanted[key], stored.ranks) for key, stored in found.items())
        for key, run in wanted.items():
            if reason := peer_fault(run, found[key].ranks, common.get(run.dataset)):
                found[key] = Stored("failed", reason, found[key].record)
        return Judged(found, common)

    def holds_usable(self, key: str) -> bool:
        """Whether there is a record that is valid alone, independent of a recipe."""
        try:
            record = self.read(key)
        except StoreError:
            return False
        return record is not None and judge(record).status == "finished"

    def find(self, prefix: str) -> Record:
        """The single record whose key, or else former key, starts with `prefix`.

        Raises:
            StoreError: none. ArgumentError: several.
        """
        keys = self.matching(prefix)
        if len(keys) > 1:
            fix = "give more of its characters; `harness runs list` shows keys"
            raise ArgumentError("KEY", f"{len(keys)} records start with {prefix!r}", fix)
        record = self.read(keys[0]) if keys else None
        if record is None:
            raise StoreError(str(self.results / "runs"), f"no record {prefix!r}", "`harness runs list` shows keys")
        return record

    def matching(self, prefix: str) -> list[str]:
        """Keys of the records whose key, or else former key, starts with `prefix`, sorted."""
        if keys := sorted(name for p in self.paths() if (name := p.parent.name).startswith(prefix)):
            return keys
        return [r.folder.name for r in self.records if any(key.startswith(prefix) for key in r.former_keys)]

    def paths(self) -> Iterator[Path]:
        """The record.json of every record, unordered; without records being written."""
        return (self.results / "runs").glob("[0-9a-f]*/record.json")

    @cached_property
    def records(self) -> Sequence[Record]:
        """All readable records, as of the first access."""
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
        """Records of the same upstream, dataset and system, with any key and seed."""
        for record in self.records:
            content = record.content
            if (content["upstream"], content["dataset"], content["system"]) == (run.upstream, run.dataset, run.system):
                yield record

    def write(self, content: Mapping[str, Any], left: RunFolder, symbols: Mapping[str, str]) -> None:
        """Store a record with the run's files, replacing an earlier one of this key. Requires the key's lock.

        Args:
            content: record.json.
            symbols: text of folders of this machine -> its symbol in the stored log.
        Raises:
            StoreError: the disk is full or not writable; no partial record remains.
        """
        runs = self.results / "runs"
        target = runs / content["key"]
        with disk_errors(target):
            runs.mkdir(parents=True, exist_ok=True)
            temporary, replaced = (runs / f".{content['key']}.{end}" for end in ("new", "old"))
            # 1. Clean up after a harness that was killed here. 2. Write all files to a temporary folder.
            settle(target, temporary, replaced)
            temporary.mkdir()
            try:
                fill(temporary, content, left, symbols)
                # 3. Move the earlier record away, then the new one to its place. 4. Remove or restore the earlier one.
                if target.exists():
                    target.rename(replaced)  # renamed first: a partly removed folder would look like a record
                temporary.rename(target)
            finally:
                settle(target, temporary, replaced)

    def result(self, run: Run, known: Stored | None = None) -> RunResult:
        """A planned run as used by tables; `known` is its state if found before."""
        stored = known or self.look_up(run)
        name = (run.key, run.dataset, run.system, run.seed, stored.status, stored.reason, stored.ranks)
        if stored.record is None:
            return RunResult(*name, epoch_cap=run.epoch_cap)
        record = stored.record.typed
        end = record.end or End()
        return RunResult(
            *name,
            epochs=end.epochs,
            best_epoch=end.best_epoch,
            epoch_cap=run.epoch_cap,
            seconds=record.seconds,
            peak_memory_mb=end.peak_memory_mb,
            printed=dict(record.printed or {}),
            disagreements=disagreements(stored.ranks, record.printed or {}, record.disagreements),
            marks=marks(record),
        )

    def table_folder(self, artifact: str, variant: str) -> Path:
        """The folder of a table's files; `variant` separates filtered or changed tables."""
        return self.results / "tables" / artifact / variant

    def write_table(self, folder: Path, files: Mapping[str, bytes | None]) -> None:
        """Write the files of a table, and remove those that are None; unchanged files are not written.

        Raises:
            StoreError: the disk is full or not writable.
        """
        for name, content in files.items():
            path = folder / name
            if content is None:
                path.unlink(missing_ok=True)
            elif not (path.is_file() and path.read_bytes() == content):
                write_whole(path, content)


def find_record(config: Config, key: str) -> Record:
    """The record whose key starts with `key`, also among those of demonstrations.

    Raises:
        StoreError: none. ArgumentError: several.
    """
    if not re.fullmatch("[0-9a-f]+", key):
        raise ArgumentError("KEY", f"{key!r} is not a run key", "`harness status ARTIFACT` lists keys")
    shown = Store(config.results / DEMONSTRATION, config.cache)
    if not any((config.results / "runs").glob(f"{key}*")) and any((shown.results / "runs").glob(f"{key}*")):
        return shown.find(key)
    return Store(config.results, config.cache).find(key)
