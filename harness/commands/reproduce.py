"""From a request to a judged and published table: the steps of `reproduce` in order, each in its own module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.commands import figure_data, preregistration, request_file
from harness.commands.request_file import FIGURES
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.errors import ArgumentError, HarnessError, StoreError, near_misses
from harness.core.results import RunResult
from harness.report import formats as render
from harness.runs import gaps
from harness.runs.key_changes import key_changes
from harness.runs.plan import Run
from harness.runs.runner import Execution, Observer
from harness.tables.build import Table, build_table
from harness.tables.ties import judged_table


@dataclass(frozen=True)
class Reproduction:
    """The result of `reproduce`.

    Attributes:
        results: every run of the table in its current state.
        gaps: runs that could not start, by key, with the reason.
        files: of the published table.
    """

    table: Table
    results: list[RunResult]
    gaps: Mapping[str, HarnessError]
    files: list[Path]


def reproduce(request: TableRequest, observer: Observer) -> Reproduction:
    """Rebuild a table: execute the missing runs, then judge and publish all results.

    Raises:
        HarnessError: an error that stops all runs; finished ones are in the store.
    """
    runs = request.runs  # planned with their content keys; nothing is fetched
    spec = table_spec(request)
    build_table(spec, [], request.published)  # reports a mistake in metrics or published numbers before anything runs
    execution = request.execution(observer)
    missing = execution.find_missing(runs)
    ready = execution.prepare_workspace(missing)
    execution.execute(ready)
    results = load_results(request, execution)
    table = judged(request, results)
    return Reproduction(table, results, execution.gaps, publish(request, table, results))


def report(request: TableRequest, formats: Sequence[str]) -> Reproduction:
    """Judge and publish a table from existing records; executes no run.

    Raises:
        ArgumentError: an unknown format. StoreError: there is no record yet, or the disk is full or not writable.
    """
    results = load_results(request)
    if all(result.status == "missing" for result in results):
        fix = f"`harness reproduce {request.name}` creates them; `harness plan {request.name}` lists the runs"
        raise StoreError(request.recipe.artifact, "no record of this table yet", fix)
    table = judged(request, results)
    return Reproduction(table, results, {}, publish(request, table, results, formats))


def judged(request: TableRequest, results: Sequence[RunResult]) -> Table:
    """The judged table of these runs."""
    return preregistration.with_statement(
        request, judged_table(table_spec(request), results, request.published), results
    )


def load_results(request: TableRequest, execution: Execution | None = None) -> list[RunResult]:
    """Every run of the table as stored.

    Args:
        execution: of the runs, if any: its gaps give the reasons of missing runs, with priority over those
            that an earlier execution left beside the table.
    """
    known, met = (execution.found, execution.gaps) if execution else ({}, {})
    reason_of = gaps.reasons(gaps.read(request.folder), met, request.config.root)
    stored = request.store.look_up_all(request.runs, known).runs
    found = [request.store.result(run, stored[run.key]) for run in request.runs]
    return [
        with_reason(r, reason_of[r.key]) if r.key in met or (r.status == "missing" and r.key in reason_of) else r
        for r in found
    ]


def with_reason(result: RunResult, reason: str) -> RunResult:
    """A missing run with the reason why it could not start."""
    return RunResult(result.key, result.dataset, result.system, result.seed, "missing", reason)


def publish(
    request: TableRequest, table: Table, results: Sequence[RunResult], formats: Sequence[str] = render.KEPT
) -> list[Path]:
    """Write the table in these formats, with its request; return its files.

    Args:
        results: of the table, for its figures.
        formats: those of `report.formats.FORMATS`, and `figures`.
    Raises:
        ArgumentError: an unknown format. StoreError: the disk is full or not writable.
    """
    made = rendered(request, table, results, formats)
    figures = tuple(name.removeprefix(f"{FIGURES}/") for name in made.files if name.startswith(f"{FIGURES}/"))
    return request_file.keep(
        request, made.files, formats=request_file.in_order(formats), figures=figures, figure_data=made.figure_data,
        statement=preregistration.to_keep(request, table, results),
    )  # fmt: skip


class Rendered(NamedTuple):
    """A table's files by name, None for one to remove, and the SHA-256 of its figures' data."""

    files: dict[str, bytes | None]
    figure_data: str


def rendered(request: TableRequest, table: Table, results: Sequence[RunResult], formats: Sequence[str]) -> Rendered:
    """The files of a table; see `publish`."""
    known = request_file.ALL_FORMATS
    if unknown := [name for name in formats if name not in known]:
        raise ArgumentError("--format", f"unknown format {unknown[0]!r}", near_misses(unknown[0], known))
    texts = render.files(table, [name for name in formats if name != FIGURES])
    files: dict[str, bytes | None] = {f"table{ending}": text.encode() for ending, text in texts.items()}
    files[gaps.FILE] = gaps.written(results)
    if FIGURES not in formats:
        return Rendered(files, "")
    from harness.report import figures  # matplotlib takes longer to start than a finished table

    drawn_from = figure_data.figure_data(table, results, request.store, request.published)
    files |= {f"{FIGURES}/{name}": content for name, content in figures.files(drawn_from).items()}
    return Rendered(files, figure_data.digest(drawn_from))


def reasons(request: TableRequest, runs: Sequence[Run]) -> dict[str, str]:
    """Why each of these runs must run, in words: never run, failed before, or what changed since a similar record."""
    reason_of = {}
    former_names = request.workspace.pinned.equivalence.former_names
    there = request.store.look_up_all([*request.stages, *request.runs]).runs
    for run in runs:
        stored = there[run.key]
        if stored.status != "missing":
            reason_of[run.key] = f"failed before ({stored.reason})" if stored.reason else "its weights were removed"
            continue
        near = [
            key_changes(r.content["inputs"], run.inputs, former_names)
            for r in request.store.relatives(run)
            if r.content["seed"] == run.seed
        ]
        closest = min(near, key=len, default=["never run"])
        reason_of[run.key] = "; ".join(closest)
    return reason_of
