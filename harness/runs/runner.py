"""Carries out what a plan lacks: locks, prepares, waits, judges, stores; a kill at any point loses no finished run.

The order of steps at a run's end is what makes it safe: judge, free the space of its outputs, put the record
beside the work folder, copy the whole into the store by rename, remove record and work folder. A harness that finds a
record beside a work folder only does the last two.
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
from harness.runs.validation import Validation, validate_run
from harness.runs.workspace import Workspace
from harness.stats.comparability import Shared

SHARED_POLL_S = 0.2


class Observer:
    """Hears how an execution goes; the silent one."""

    def begun(self, runs: Sequence[Run]) -> None:
        """These runs are needed, and all that they share is made."""

    def started(self, run: PreparedRun) -> None:
        """A run began."""

    def finished(self, run: Run, record: Record) -> None:
        """A run's record is in the store."""

    def gap(self, run: Run, error: HarnessError) -> None:
        """A run could not begin."""

    def waiting(self, run: Run) -> None:
        """Another harness holds this run."""

    def tick(self) -> None:
        """Time passes."""


@dataclass
class Execution:
    """Carries out runs of one recipe.

    Attributes:
        resolved: machine, packages and own commit for the record of a run, looked up only if something runs.
        allowed: seconds that a run may take if it begins now, 0 if it must not.
        gaps: runs that could not begin, with why; nothing of them is stored.
        found: finished runs that were there, so that nobody reads them twice.
        common: what the runs of each dataset share that were there.
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
        """Runs without a usable record, each key once, those that others depend on before them."""
        unique = {run.key: run for run in runs}
        judged = self.store.look_up_all(unique.values())
        self.common = judged.common
        missing = [run for run in unique.values() if not self.counts(run, judged.runs[run.key])]
        stages = {run.depends_on.key: run.depends_on for run in missing if run.depends_on}
        return [*(stage for stage in stages.values() if not self.is_stored(stage)), *missing]

    def is_stored(self, run: Run) -> bool:
        """Whether the store has this run; a failed or damaged one counts unless a retry was asked for."""
        return self.counts(run, self.store.look_up(run, self.common.get(run.dataset)))

    def counts(self, run: Run, stored: Stored) -> bool:
        """Whether what the store holds of a run is all that is wanted of it; see `is_stored`."""
        if stored.status == "finished":
            self.found[run.key] = stored
            return not run.produces or self.workspace.made.path(run) is not None
        return stored.status == "failed" and (stored.kept or not self.retry_failed)

    def prepare_workspace(self, missing: Sequence[Run]) -> list[Run]:
        """Make what the missing runs share: data, source tree, environment; the runs that can start.

        A run whose data is unavailable becomes a gap. Everything that all runs need fails here, before the first one.

        Raises:
            HarnessError: no source, no environment, a full disk.
        """
        ready = self.with_data(missing)
        if ready:
            self.workspace.source.path  # noqa: B018
            for backend in {run.environment: self.workspace.backend_of(run) for run in ready}.values():
                backend.python, backend.executor  # noqa: B018
        return ready

    def execute(self, ready: Sequence[Run]) -> None:
        """Carry out these runs, each by this harness or by another one on the same store.

        Raises:
            HarnessError: what stops all runs, such as a full disk; finished runs are in the store.
            Interrupted: after all children were ended.
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
        """The runs whose data can be had, as far as they come from elsewhere; gaps are told before anything is made."""
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
        """Whether what a run needs was made; a gap where not."""
        if run.depends_on is None or self.workspace.made.path(run.depends_on) is not None:
            return True
        if run.depends_on.key not in self.gaps:
            why = f"its pre-training failed: `harness runs show {run.depends_on.key[:8]} --log` shows why"
            self.gap(run, RunError(run.label, why, "mend that, then run the same command with --retry-failed"))
        else:
            self.gap(run, self.gaps[run.depends_on.key])
        return False

    def run_batch(self, missing: Sequence[Run]) -> None:
        """Carry out runs of one environment that do not need each other; see `execute`."""
        if not missing:
            return
        going: dict[str, tuple[Run, FileLock]] = {}
        others: list[Run] = []

        def ended(prepared: PreparedRun, outcome: Outcome) -> None:
            run, lock = going.pop(prepared.key)
            self.keep(run, prepared.folder, outcome)
            lock.release()

        def tick() -> None:
            self.resolved(missing[0])  # now, while the first run is under way, and not when it waits to be judged
            self.observer.tick()

        try:
            executor = self.workspace.backend_of(missing[0]).executor
            wait(executor, self.prepared(missing, going, others), self.jobs, ended, tick)
            for run in others:
                self.await_other(run)
        finally:
            for _, lock in going.values():
                lock.release()
        if left := [run for run in others if not self.is_stored(run)]:
            self.run_batch(left)

    def prepared(
        self, runs: Sequence[Run], going: dict[str, tuple[Run, FileLock]], others: list[Run]
    ) -> Iterator[PreparedRun]:
        """Prepare runs one by one, taking each one's lock; those that another harness holds go to `others`."""
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
            self.observer.started(prepared)
            yield prepared

    def try_prepare(self, run: Run) -> PreparedRun | None:
        """The prepared run; None where it must not begin, and a gap where its data or checkpoint is unavailable."""
        if (seconds := self.allowed(run)) <= 0:
            return None
        try:
            prepared = self.workspace.prepare(run, self.data[run.dataset])
        except (SourceError, DatasetError) as error:
            self.gap(run, error)
            return None
        return replace(prepared, timeout_s=min(prepared.timeout_s, seconds))

    def gap(self, run: Run, error: HarnessError) -> None:
        """Note a run that could not be carried out through no fault of its own; nothing of it is stored."""
        self.gaps[run.key] = error
        self.observer.gap(run, error)

    def keep(self, run: Run, folder: RunFolder, outcome: Outcome) -> None:
        """Judge a run that ended and put its record into the store."""
        with disk_errors(folder.path):
            odd = folder.clear()  # before anything is read: a link among the outputs may name any file of this machine
        if odd and not outcome.reason:
            more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
            outcome = replace(outcome, reason=f"left {odd[0]}{more}: only plain files are taken")
        validation: Validation = validate_run(run, folder, outcome)
        if validation.fault and not self.workspace.is_intact(run, self.data[run.dataset]):
            what = f"{run.label} failed ({validation.fault.reason}), and its source tree or data changed while it ran"
            self.gap(run, SetupError("cache", what, "let the cache alone and run the same command again"))
            return
        if validation.fault and self.store.holds_usable(run.key):
            what = f"{validation.fault.reason}; the record of before was kept, as it counts for other tables"
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
        """Store a record that a harness left beside its work folder when it was killed or the disk was full."""
        folder = self.workspace.work(run)
        if not folder.record.is_file():
            return False
        try:
            content = parse_json(folder.record.read_bytes())
            parse_record(content)
        except (ValueError, RecursionError):  # cut off by a failing disk: the run is carried out again
            folder.record.unlink()
            return False
        self.store_record(run, folder, content)
        return True

    def store_record(self, run: Run, folder: RunFolder, content: Mapping[str, Any]) -> None:
        """Copy a finished work folder into the store, then remove it."""
        self.store.write(content, folder, self.workspace.symbols(run, self.data[run.dataset]))
        folder.record.unlink()  # first: without its ranks it must not be taken for whole
        remove_tree(folder.path)
        self.observer.finished(run, Record(self.store.folder(run.key), content))

    def await_other(self, run: Run) -> None:
        """Wait until the harness that holds a run is done with it."""
        self.observer.waiting(run)
        while True:
            self.observer.tick()
            try:
                with self.store.lock(run.key).acquire(timeout=SHARED_POLL_S):
                    return
            except Timeout:
                time.sleep(SHARED_POLL_S)
