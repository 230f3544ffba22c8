"""What the commands do and print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table as Grid
from rich.text import Text

from harness.cli.console import console
from harness.cli.progress import Progress
from harness.commands import estimate
from harness.commands import reproduce as workflow
from harness.commands.table_request import Job
from harness.core.config import Config
from harness.core.errors import HarnessError, StoreError
from harness.runs.runner import Observer
from harness.runs.store import Record

if TYPE_CHECKING:
    from harness.runs.plan import Run
    from harness.tables.build import Table


def reproduce(job: Job) -> int:
    """Carry out a job, print its table and write it; the exit code."""
    with Progress(job, console(stderr=True)) as progress:
        results, execution = workflow.reproduce(job, progress)
    table = workflow.report(job, results)
    print_table(table, workflow.publish(job, table), job.config.root)
    tell_gaps(execution.gaps, job.runs)
    if failed := [r for r in results if r.status == "failed"]:
        why = f"`harness runs show {failed[0].key[:8]} --log` shows why"
        text = f"{len(failed)} failed: {why}, --retry-failed runs them again"
        console(stderr=True).print(Text(text, style="red"), soft_wrap=True)
    return exit_code(table, execution.gaps, [r.status for r in results])


def report(job: Job, formats: Sequence[str]) -> int:
    """Print and write the table of the records at hand; the verdict's exit code.

    Raises:
        StoreError: there is no record yet.
    """
    results = job.results()
    if all(r.status == "missing" for r in results):
        fix = f"`harness reproduce {job.name}` makes them; `harness plan {job.name}` shows what it would run"
        raise StoreError(job.recipe.artifact, "no record of this table yet", fix)
    table = workflow.report(job, results)
    print_table(table, workflow.publish(job, table, formats, results), job.config.root)
    return exit_code(table, {}, [r.status for r in results])


def exit_code(table: Table, gaps: Mapping[str, HarnessError], statuses: list[str]) -> int:
    """The error of a run that could not begin, then 4 for one that failed, then the verdict's."""
    from harness.tables.verdicts import exit_code as verdict

    if gaps:
        return max(error.exit_code for error in gaps.values())
    return 4 if "failed" in statuses else verdict(table)


def print_table(table: Table, written: Sequence[Path], root: Path) -> None:
    """The table's blocks, then where its files are."""
    from harness.report.formats import terminal

    out = console()
    for block in terminal.blocks(table):
        out.print(block)
    folder = next((path.parent for path in written if path.parent.name != workflow.FIGURES), written[0].parents[1])
    shown = folder.relative_to(root) if folder.is_relative_to(root) else folder
    drawn = [path for path in written if path.parent != folder]
    names = ", ".join(path.name for path in written if path.parent == folder)
    names += f"{'; ' if names else ''}{len(drawn)} files in {drawn[0].parent.name}/" if drawn else ""
    out.print(Text(f"\nWritten: {shown}/{names}", style="bold"), soft_wrap=True)


def tell_gaps(gaps: Mapping[str, HarnessError], runs: list[Run]) -> None:
    """Each reason why runs could not begin, once, with the runs it stopped."""
    labels = {run.key: run.label for run in runs}
    told: dict[str, list[str]] = {}
    for key, error in gaps.items():
        told.setdefault(str(error), []).append(labels[key])
    for message, stopped in told.items():
        more = f" and {len(stopped) - 3} more" if len(stopped) > 3 else ""
        console(stderr=True).print(Text(f"harness: not run: {', '.join(stopped[:3])}{more}\n  {message}", style="red"))


def print_plan(job: Job) -> None:
    """The runs of a table: what is there, what is missing and why, about how long and how large."""
    missing = job.execution(Observer()).needed(job.runs)
    told = workflow.reasons(job, missing)
    cost = estimate.Estimates(job.store, job.data)
    grid = grid_of("key", "dataset", "system", "seed", "state", "about")
    runs = [*job.stages, *job.runs]
    for run in runs:
        record = job.store.read(run.key)
        state = told.get(run.key, record.reason if record and record.reason else "there")
        about = cost.seconds(run) if run.key in told else None
        shown = str(about) if about else "?" if run.key in told else ""
        grid.add_row(run.key[:8], run.dataset, run.system, seed_text(run.seed), state, shown)
    out = console()
    out.print(grid)
    failed = sum(not record.finished for run in runs if run.key not in told and (record := job.store.read(run.key)))
    kept = f" ({failed} failed; --retry-failed runs them again)" if failed else ""
    out.print(f"{len(runs)} runs, {len(runs) - len(missing)} there{kept}, {len(missing)} to run")
    if missing:
        out.print(cost.summary(missing, job.ways.jobs), soft_wrap=True)
        for line in estimate.downloads(job, missing):
            out.print(line, soft_wrap=True)


def grid_of(*titles: str) -> Grid:
    """A plain table for the terminal."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        grid.add_column(title, overflow="fold")
    return grid


def seed_text(seed: int | None) -> str:
    """A seed, a dash where nothing is random."""
    return "–" if seed is None else str(seed)


def print_status(job: Job) -> None:
    """Every run of a table with what its record says."""
    grid = grid_of("key", "dataset", "system", "seed", "status", "epochs", "time", "peak MB", "reason")
    counts: dict[str, int] = {}
    for r in job.results():
        counts[r.status] = counts.get(r.status, 0) + 1
        epochs = "" if r.epochs is None else f"{r.epochs}" + (" (cap)" if r.epochs == r.epoch_cap else "")
        time = "" if r.seconds is None else estimate.duration(r.seconds)
        memory = "" if r.peak_memory_mb is None else f"{r.peak_memory_mb:.0f}"
        reason = (
            r.reason if r.status == "failed" else "" if r.agrees else "printed metrics do not follow from the ranks"
        )
        grid.add_row(r.key[:8], r.dataset, r.system, seed_text(r.seed), r.status, epochs, time, memory, reason)
    out = console()
    out.print(grid)
    out.print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))


def show_run(config: Config, key: str, log: bool) -> None:
    """One record in full, or its log.

    Raises:
        StoreError: no such record.
    """
    record = workflow.find_record(config, key)
    path = record.folder / "log.txt"
    out = console()
    if log:
        if not path.is_file():
            raise StoreError(str(path), "no such log", "the run never began, or the file was removed")
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
