"""Prints the plan of a table's runs, the status of each, and one run in full."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable, Sequence

from rich.table import Table as Grid
from rich.text import Text

from harness.cli import progress_text
from harness.cli.console import console, grid_of, print_json
from harness.cli.reproduce import warn_of_unprinted_metrics
from harness.commands import table_status
from harness.commands.joined import requests_of
from harness.commands.stored_runs import read_log
from harness.commands.table_request import TableRequest
from harness.commands.table_status import PlannedRun, Running, RunStatus
from harness.core.config import Config
from harness.executors.run_folder import RunFolder
from harness.report import rounding
from harness.runs import store
from harness.runs.stored import Record


def print_as_json(request: TableRequest, rows: Callable[[TableRequest], Sequence[PlannedRun | RunStatus]]) -> None:
    """The runs of a table, or of all parts of a joined one, as JSON."""
    print_json([table_status.as_json(row) for part in requests_of(request) for row in rows(part)])


def print_plan(request: TableRequest) -> None:
    """Print the runs of a table: finished, missing and why, with estimated time and disk space."""
    warn_of_unprinted_metrics(request)
    plan = table_status.plan_of(request)
    grid = grid_of("key", "dataset", "system", "seed", "state", "about")
    for run in plan.runs:
        state = f"RUNNING {where(run.running)}" if run.running else run.state
        about = str(run.about) if run.about else "?" if run.to_run else ""
        grid.add_row(run.key[:8], run.dataset, run.system, seed_text(run.seed), state, about)
    out = console()
    out.print(grid)
    n_missing, n_failed = (sum(getattr(run, name) for run in plan.runs) for name in ("to_run", "failed"))
    kept = f" ({n_failed} failed; --retry-failed repeats them)" if n_failed else ""
    n_running = sum(run.running is not None for run in plan.runs)
    now = f", {n_running} of them running now" if n_running else ""
    out.print(f"{len(plan.runs)} runs, {len(plan.runs) - n_missing} finished{kept}, {n_missing} to run{now}")
    for line in (plan.summary, *plan.downloads):
        if line:
            out.print(line, soft_wrap=True)


def seed_text(seed: int | None) -> str:
    """A seed, or a dash if the run is deterministic."""
    return "–" if seed is None else str(seed)


def print_status(request: TableRequest) -> None:
    """Print every run of a table with the result in its record, or with its progress."""
    found = table_status.statuses(request)
    grid = grid_of("key", "dataset", "system", "seed", "status", "epochs", "time", "peak MB", "reason")
    for run in found:
        grid.add_row(run.key[:8], run.dataset, run.system, seed_text(run.seed), *status_cells(run))
    out = console()
    out.print(grid)
    counts = Counter(run.status for run in found)
    out.print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    for run in found:
        if run.running:
            out.print(Text(f"{run.key[:8]} log: {run.running.log}", style="dim"), soft_wrap=True)


def status_cells(run: RunStatus) -> tuple[str, ...]:
    """Status, epochs, time, memory and reason of a run."""
    if run.running:
        course = run.running.course
        epochs = f"{course.epochs} of {course.cap}" if course.cap else str(course.epochs)
        return ("RUNNING", epochs, progress_text.left_text(run.running.left), "", where(run.running))
    epochs = "" if run.epochs is None else f"{run.epochs}" + (" (cap)" if run.epochs == run.epoch_cap else "")
    time = "" if run.seconds is None else rounding.duration(run.seconds)
    memory = "" if run.peak_memory_mb is None else f"{run.peak_memory_mb:.0f}"
    doubt = "" if run.agrees else "printed metrics disagree with the ranks"
    return (run.status, epochs, time, memory, run.reason if run.status == "failed" else doubt)


def where(running: Running) -> str:
    """Where a run is being carried out, and since when."""
    if not running.began:
        return "by another harness"
    began = datetime.datetime.fromisoformat(running.began).astimezone()
    return f"on {running.host} since {began:%Y-%m-%d %H:%M}"


def show_run(config: Config, key: str, log: bool) -> None:
    """One record in full, or its log.

    Raises:
        StoreError: no such record.
    """
    record = store.find_record(config, key)
    folder, out = RunFolder(record.folder), console()
    if log:
        out.print(Text(read_log(folder)), soft_wrap=True)
        return
    out.print(facts(record))
    if not record.finished and folder.log.is_file():
        out.print(Text("\nlast lines of the log", style="bold"))
        out.print(Text("\n".join(read_log(folder).splitlines()[-15:])), soft_wrap=True)
    out.print(Text(f"\n{record.folder}", style="dim"), soft_wrap=True)


def facts(record: Record) -> Grid:
    """record.json as rows; nested parts as JSON."""
    grid = Grid(box=None, pad_edge=False, show_header=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in record.content.items():
        if name == "resolved":
            packages = value.get("packages", {})
            value = {**value, "packages": f"{len(packages)} packages, see record.json"}
        parts = value.items() if isinstance(value, dict) else [("", value)]
        for i, (inner, content) in enumerate(parts):
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
            grid.add_row(name if i == 0 else "", f"{inner}: {text}" if inner else text)
    return grid
