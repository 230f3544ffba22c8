"""Executes missing runs of a plan: lock, prepare, wait, judge, store; a kill at any point loses no finished run.

The order of steps at a run's end makes this safe: judge, delete large outputs, write the record
beside the work folder, copy everything into the store by rename, remove record and work folder. A harness that finds a
record beside a work folder only does the last two steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from filelock import FileLock, Timeout

from harness.core.errors import DatasetError, HarnessError, RunError, SetupError, SourceError
from harness.core.files import disk_errors, remove_tree, write_json
from harness.executors.base import Outcome, PreparedRun, wait
from harness.executors.run_folder import RunFolder
from harness.recipes.datasets import Dataset
from harness.runs.plan import Run
from harness.runs.record import build_record
from harness.runs.record_model import parse_json, parse_record
from harness.runs.store import Store
from harness.runs.stored import Record, Stored
from harness.runs.under_way import remove_note, write_note
from harness.runs.validation import Validation, validate_run
from harness.runs.workspace import Workspace
from harness.stats.comparability import Shared

SHARED_POLL_S = 0.2


class Observer:
    """Observer of an execution; this one does nothing."""

    def begun(self, runs: Sequence[Run]) -> None:
        """These runs are needed, and their shared inputs exist."""

    def started(self, run: PreparedRun) -> None:
        """A run started."""

    def finished(self, run: Run, record: Record) -> None:
        """A run's record is in the store."""

    def gap(self, run: Run, error: HarnessError) -> None:
        """A run could not start."""

    def waiting(self, run: Run) -> None:
        """Another harness is executing this run."""

    def tick(self) -> None:
        """Called regularly."""


@dataclass
class Execution:
    """Executes runs of one recipe.

    Attributes:
        resolved: machine, packages and own commit for the record of a run, determined only if something runs.
        allowed: seconds that a run may take if it starts now, 0 if it must not start.
        gaps: runs that could not start, with the error; they are not stored.
        found: finished runs in the store, so that they are read only once.
        common: shared properties of each dataset's stored runs.
    """

    store: Store
    workspace: Workspace
    data: Mapping[str, Dataset]
    jobs: int
    resolved: Callable[[Run], Mapping[str, Any]]
    observer: Observer = field(default_factory=Observer)
    retry_failed: bool = False
    allowed: Callable[[Run], float] = lambda _: math.inf
    gaps: dict[str, HarnessError] = field(default_factory=dict)
    found: dict[str, Stored] = field(default_factory=dict)
    common: Mapping[str, Shared] = field(default_factory=dict)

    def find_missing(self, runs: Sequence[Run]) -> list[Run]:
        """Runs without a valid record, each key once, dependencies first."""
        unique = {run.key: run for run in runs}
        judged = self.store.look_up_all(unique.values())
        self.common = judged.common
        missing = [run for run in unique.values() if not self.counts(run, judged.runs[run.key])]
        stages = {run.depends_on.key: run.depends_on for run in missing if run.depends_on}
        return [*(stage for stage in stages.values() if not self.is_stored(stage)), *missing]

    def is_stored(self, run: Run) -> bool:
        """Whether the store has this run; a failed or damaged one counts unless a retry was requested."""
        return self.counts(run, self.store.look_up(run, self.common.get(run.dataset)))

    def counts(self, run: Run, stored: Stored) -> bool:
        """Whether the stored run suffices; see `is_stored`."""
        if stored.status == "finished":
            self.found[run.key] = stored
            return not run.produces or self.workspace.made.path(run) is not None
        return stored.status == "failed" and (stored.kept or not self.retry_failed)

    def prepare_workspace(self, missing: Sequence[Run]) -> list[Run]:
        """Create the shared inputs of missing runs (data, source tree, environment); return the runs that can start.

        A run whose data is unavailable becomes a gap. Errors of inputs that all runs need are raised here, first.

        Raises:
            HarnessError: missing source, environment or disk space.
        """
        ready = self.with_data(missing)
        if ready:
            self.workspace.source.path  # noqa: B018
            for backend in {run.environment: self.workspace.backend_of(run) for run in ready}.values():
                backend.python, backend.executor  # noqa: B018
        return ready

    def execute(self, ready: Sequence[Run]) -> None:
        """Execute these runs, each by this harness or by another one on the same store.

        Raises:
            HarnessError: an error that stops all runs, such as a full disk; finished runs are in the store.
            Interrupted: after all child processes were ended.
        """
        if not ready:
            return
        self.observer.begun(ready)
        if stages := [run for run in ready if run.produces]:
            self.run_batch(stages)
        for environment in dict.fromkeys(run.environment for run in ready):
            own = [run for run in ready if run.environment == environment and not run.produces]
            self.run_batch([run for run in own if self.can_start(run)])

    def with_data(self, runs: Sequence[Run]) -> list[Run]:
        """The runs whose external data is available; gaps are reported before anything is created."""
        faults: dict[str, HarnessError] = {}
        for name in dict.fromkeys(run.dataset for run in runs if self.data[run.dataset].is_fetched):
            try:
                self.workspace.data(self.data[name])
            except (SourceError, DatasetError) as error:
                faults[name] = error
        for run in runs:
            if run.dataset in faults:
                self.gap(run, faults[run.dataset])
        return [run for run in runs if run.dataset not in faults]

    def can_start(self, run: Run) -> bool:
        """Whether the weights that a run needs exist; a gap if not."""
        if run.depends_on is None or self.workspace.made.path(run.depends_on) is not None:
            return True
        if run.depends_on.key not in self.gaps:
            why = f"its pre-training failed: `harness runs show {run.depends_on.key[:8]} --log` shows why"
            self.gap(run, RunError(run.label, why, "correct that, then repeat the command with --retry-failed"))
        else:
            self.gap(run, self.gaps[run.depends_on.key])
        return False

    def run_batch(self, missing: Sequence[Run]) -> None:
        """Execute runs of one environment that do not depend on each other; see `execute`."""
        if not missing:
            return
        going: dict[str, tuple[Run, FileLock]] = {}
        others: list[Run] = []

        def ended(prepared: PreparedRun, outcome: Outcome) -> None:
            run, lock = going.pop(prepared.key)
            self.keep(run, prepared.folder, outcome)
            remove_note(prepared.folder)
            lock.release()

        def tick() -> None:
            self.resolved(missing[0])  # now, while the first run is active, not when it waits to be judged
            self.observer.tick()

        try:
            executor = self.workspace.backend_of(missing[0]).executor
            wait(executor, self.prepared(missing, going, others), self.jobs, ended, tick)
            for run in others:
                self.await_other(run)
        finally:
            for run, lock in going.values():
                remove_note(self.workspace.work(run))
                lock.release()
        if left := [run for run in others if not self.is_stored(run)]:
            self.run_batch(left)

    def prepared(
        self, runs: Sequence[Run], going: dict[str, tuple[Run, FileLock]], others: list[Run]
    ) -> Iterator[PreparedRun]:
        """Prepare runs one by one with their locks; runs locked by another harness go to `others`."""
        for run in runs:
            lock = self.store.lock(run.key)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                others.append(run)
                continue
            prepared = None if self.is_stored(run) or self.recover_record(run) else self.try_prepare(run)
            if prepared is None:
                lock.release()
                continue
            going[run.key] = (run, lock)
            write_note(prepared)
            self.observer.started(prepared)
            yield prepared

    def try_prepare(self, run: Run) -> PreparedRun | None:
        """The prepared run; None if it must not start, or, with a gap, if its data or checkpoint is unavailable."""
        if (seconds := self.allowed(run)) <= 0:
            return None
        try:
            prepared = self.workspace.prepare(run, self.data[run.dataset])
        except (SourceError, DatasetError) as error:
            self.gap(run, error)
            return None
        return replace(prepared, timeout_s=min(prepared.timeout_s, seconds))

    def gap(self, run: Run, error: HarnessError) -> None:
        """Note a run that could not be executed for external reasons; it is not stored."""
        self.gaps[run.key] = error
        self.observer.gap(run, error)

    def keep(self, run: Run, folder: RunFolder, outcome: Outcome) -> None:
        """Judge an ended run and store its record."""
        with disk_errors(folder.path):
            removed = (
                folder.clear()
            )  # before anything is read: a link among the outputs may point to any file of this machine
        if removed and not outcome.reason:
            more = f" and {len(removed) - 1} more" if len(removed) > 1 else ""
            outcome = replace(outcome, reason=f"left {removed[0]}{more}: only plain files are accepted")
        validation: Validation = validate_run(run, folder, outcome)
        if validation.fault and not self.workspace.is_intact(run, self.data[run.dataset]):
            what = f"{run.label} failed ({validation.fault.reason}), and its source tree or data changed while it ran"
            self.gap(run, SetupError("cache", what, "do not modify the cache, and repeat the command"))
            return
        if validation.fault and self.store.holds_usable(run.key):
            what = f"{validation.fault.reason}; the earlier record was kept, as it is valid for other tables"
            self.gap(run, RunError(run.label, what, f"`{folder.log}` is its log"))
            return
        made = (
            self.workspace.made.keep(run, folder.out / run.produces) if run.produces and not validation.fault else None
        )
        recipe = self.workspace.recipe
        criteria = recipe.criteria.sha256
        content = build_record(run, recipe.protocol, outcome, validation, self.resolved(run), made, criteria)
        remove_tree(folder.out)
        write_json(folder.record, content)
        self.store_record(run, folder, content)

    def recover_record(self, run: Run) -> bool:
        """Store a record left beside its work folder when a harness was killed or the disk was full."""
        folder = self.workspace.work(run)
        if not folder.record.is_file():
            return False
        try:
            content = parse_json(folder.record.read_bytes())
            parse_record(content)
        except (ValueError, RecursionError):  # truncated by a failing disk: the run is repeated
            folder.record.unlink()
            return False
        self.store_record(run, folder, content)
        return True

    def store_record(self, run: Run, folder: RunFolder, content: Mapping[str, Any]) -> None:
        """Copy a finished work folder into the store, then remove it."""
        self.store.write(content, folder, self.workspace.symbols(run, self.data[run.dataset]))
        folder.record.unlink()  # first: without its ranks it must not look complete
        remove_tree(folder.path)
        remove_note(folder)
        self.observer.finished(run, Record(self.store.folder(run.key), content))

    def await_other(self, run: Run) -> None:
        """Wait until the other harness has finished a run."""
        self.observer.waiting(run)
        while True:
            self.observer.tick()
            try:
                with self.store.lock(run.key).acquire(timeout=SHARED_POLL_S):
                    return
            except Timeout:
                time.sleep(SHARED_POLL_S)
