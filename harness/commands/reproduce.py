"""The steps of `reproduce`, `plan` and `status`, in order; each step is a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.commands import figure_data
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.errors import ArgumentError, near_misses
from harness.core.results import RunResult
from harness.report import formats as render
from harness.runs.key_changes import key_changes
from harness.runs.plan import Run
from harness.runs.runner import Execution, Observer
from harness.tables import build
from harness.tables.build import Table
from harness.tables.verdicts import judge_table

FIGURES = "figures"


def reproduce(job: TableRequest, observer: Observer) -> tuple[list[RunResult], Execution]:
    """Carry out what the store lacks and return every run of the table as it then stands.

    Raises:
        HarnessError: what stops all runs; finished ones are in the store.
    """
    build.build_table(table_spec(job), [], job.published)  # a mistake in metrics or published numbers is told at once
    execution = job.execution(observer)
    execution.carry_out(job.runs)
    return job.results(execution), execution


def report(job: TableRequest, results: Sequence[RunResult]) -> Table:
    """The judged table of these runs."""
    return judge_table(build.build_table(table_spec(job), results, job.published))


def publish(
    job: TableRequest, table: Table, formats: Sequence[str] = render.KEPT, results: Sequence[RunResult] = ()
) -> list[Path]:
    """Write the table in these formats; its files.

    Args:
        formats: those of `render.FORMATS`, and `figures`.
        results: that the table was built from, for its figures.
    Raises:
        ArgumentError: an unknown format. StoreError: the disk is full or not writable.
    """
    known = (*render.FORMATS, FIGURES)
    if unknown := [name for name in formats if name not in known]:
        raise ArgumentError("--format", f"unknown format {unknown[0]!r}", near_misses(unknown[0], known))
    texts = render.files(table, [name for name in formats if name != FIGURES])
    files: dict[str, bytes] = {f"table{ending}": text.encode() for ending, text in texts.items()}
    if FIGURES in formats:
        from harness.report import figures  # matplotlib takes longer to start than a finished table

        drawn_from = figure_data.figure_data(table, results, job.store, job.published)
        files |= {f"{FIGURES}/{name}": content for name, content in figures.files(drawn_from).items()}
    return job.keep(files)


def reasons(job: TableRequest, runs: Sequence[Run]) -> dict[str, str]:
    """Why each of these runs must run, in words: never run, failed before, or what changed since a similar record."""
    told = {}
    for run in runs:
        record = job.store.read(run.key)
        if record is not None:
            told[run.key] = f"failed before ({record.reason})"
            continue
        near = [
            key_changes(r.content["inputs"], run.inputs)
            for r in job.store.relatives(run)
            if r.content["seed"] == run.seed
        ]
        closest = min(near, key=len, default=["never run"])
        told[run.key] = "; ".join(closest)
    return told
