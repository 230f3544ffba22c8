"""Prints the plan of a table's runs, the result of each, and one run in full."""

from __future__ import annotations

import json

from rich.table import Table as Grid
from rich.text import Text

from harness.cli.console import console, grid_of
from harness.cli.reproduce import warn_of_unprinted_metrics
from harness.commands import estimate
from harness.commands import reproduce as workflow
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.errors import StoreError
from harness.report import rounding
from harness.runs import store
from harness.runs.runner import Observer
from harness.runs.stored import Record


def print_plan(request: TableRequest) -> None:
    """Print the runs of a table: finished, missing and why, with estimated time and disk space."""
    warn_of_unprinted_metrics(request)
    missing = request.execution(Observer()).find_missing(request.runs)
    reason_of = workflow.reasons(request, missing)
    cost = estimate.Estimates(request.store, request.data)
    grid = grid_of("key", "dataset", "system", "seed", "state", "about")
    runs = [*request.stages, *request.runs]
    judged, failed = request.store.look_up_all(runs).runs, 0
    for run in runs:
        stored = judged[run.key]
        failed += stored.status == "failed" and run.key not in reason_of
        state = reason_of.get(run.key, stored.reason or "finished")
        about = cost.seconds(run) if run.key in reason_of else None
        shown = str(about) if about else "?" if run.key in reason_of else ""
        grid.add_row(run.key[:8], run.dataset, run.system, seed_text(run.seed), state, shown)
    out = console()
    out.print(grid)
    kept = f" ({failed} failed; --retry-failed repeats them)" if failed else ""
    out.print(f"{len(runs)} runs, {len(runs) - len(missing)} finished{kept}, {len(missing)} to run")
    if missing:
        out.print(cost.summary(missing, request.execution_options.jobs), soft_wrap=True)
        for line in estimate.downloads(request, missing):
            out.print(line, soft_wrap=True)


def seed_text(seed: int | None) -> str:
    """A seed, or a dash if the run is deterministic."""
    return "–" if seed is None else str(seed)


def print_status(request: TableRequest) -> None:
    """Print every run of a table with its record's result."""
    grid = grid_of("key", "dataset", "system", "seed", "status", "epochs", "time", "peak MB", "reason")
    counts: dict[str, int] = {}
    for r in workflow.load_results(request):
        counts[r.status] = counts.get(r.status, 0) + 1
        epochs = "" if r.epochs is None else f"{r.epochs}" + (" (cap)" if r.epochs == r.epoch_cap else "")
        time = "" if r.seconds is None else rounding.duration(r.seconds)
        memory = "" if r.peak_memory_mb is None else f"{r.peak_memory_mb:.0f}"
        reason = r.reason if r.status == "failed" else "" if r.agrees else "printed metrics disagree with the ranks"
        grid.add_row(r.key[:8], r.dataset, r.system, seed_text(r.seed), r.status, epochs, time, memory, reason)
    out = console()
    out.print(grid)
    out.print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))


def show_run(config: Config, key: str, log: bool) -> None:
    """One record in full, or its log.

    Raises:
        StoreError: no such record.
    """
    record = store.find_record(config, key)
    path = record.folder / "log.txt"
    out = console()
    if log:
        if not path.is_file():
            raise StoreError(str(path), "no such log", "the run never started, or the file was removed")
        out.print(Text(path.read_text(encoding="utf-8")), soft_wrap=True)
        return
    out.print(facts(record))
    if not record.finished and path.is_file():
        out.print(Text("\nlast lines of the log", style="bold"))
        out.print(Text("\n".join(path.read_text(encoding="utf-8").splitlines()[-15:])), soft_wrap=True)
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
