"""What each run of a table is doing or has left: finished, failed, missing, or carried out right now and how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.commands import estimate
from harness.commands.course import Course, TimeLeft, progress_of_run
from harness.commands.reproduce import load_results, reasons
from harness.commands.table_request import TableRequest
from harness.runs.plan import Run
from harness.runs.runner import Observer
from harness.runs.under_way import UnderWay, find_under_way


@dataclass(frozen=True)
class Running:
    """A run that some harness carries out.

    Attributes:
        host, began: "" where the harness that holds it noted nothing; `began` in UTC.
    """

    host: str
    began: str
    log: str
    course: Course
    left: TimeLeft


@dataclass(frozen=True)
class RunStatus:
    """One run.

    Attributes:
        upstream: the code base.
        status: finished, failed, missing or running.
        reason: why it failed or is missing, "" otherwise.
    """

    key: str
    upstream: str
    dataset: str
    system: str
    seed: int | None
    status: str
    reason: str = ""
    epochs: int | None = None
    epoch_cap: int | None = None
    seconds: float | None = None
    peak_memory_mb: float | None = None
    agrees: bool = True
    running: Running | None = None


@dataclass(frozen=True)
class PlannedRun:
    """One run as `harness plan` shows it.

    Attributes:
        state: why it must run, "finished", or why it is kept although it failed.
        to_run: whether `harness reproduce` would carry it out.
        about: seconds that it would take; None where nothing says so.
    """

    key: str
    upstream: str
    dataset: str
    system: str
    seed: int | None
    state: str
    to_run: bool
    failed: bool
    about: estimate.About | None
    running: Running | None


@dataclass(frozen=True)
class Plan:
    """The runs of a table, those that others start from among them.

    Attributes:
        summary: what the missing runs take, in one line; "" where none is missing.
        downloads: what has to be fetched or made before the first of them.
    """

    runs: tuple[PlannedRun, ...]
    summary: str = ""
    downloads: tuple[str, ...] = ()


def statuses(request: TableRequest) -> list[RunStatus]:
    """Every run of a table with what its record says, or with how far it is."""
    held = find_under_way(request.store, request.runs)
    estimates = estimate.Estimates.of(request)
    found = []
    for run, r in zip(request.runs, load_results(request), strict=True):
        now = running(run, held[run.key], estimates) if run.key in held else None
        status, reason = ("running", "") if now else (r.status, r.reason if r.status != "finished" else "")
        facts = (r.epochs, run.epoch_cap, r.seconds, r.peak_memory_mb, r.agrees, now)
        found.append(RunStatus(run.key, run.upstream, run.dataset, run.system, run.seed, status, reason, *facts))
    return found


def plan_of(request: TableRequest) -> Plan:
    """The runs of a table: what is there, what is missing and why, about how long and how large."""
    missing = request.execution(Observer()).find_missing(request.runs)
    why = reasons(request, missing)
    cost = estimate.Estimates.of(request)
    runs = [*request.stages, *request.runs]
    judged, held = request.store.look_up_all(runs).runs, find_under_way(request.store, missing)
    planned = []
    for run in runs:
        stored, to_run = judged[run.key], run.key in why
        state = why.get(run.key, stored.reason or "finished")
        now = running(run, held[run.key], cost) if run.key in held else None
        about = cost.seconds(run) if to_run else None
        failed = stored.status == "failed" and not to_run
        planned.append(
            PlannedRun(run.key, run.upstream, run.dataset, run.system, run.seed, state, to_run, failed, about, now)
        )
    if not missing:
        return Plan(tuple(planned))
    summary = cost.summary(missing, request.execution_options.jobs)
    return Plan(tuple(planned), summary, tuple(estimate.downloads(request, missing)))


def planned_runs(request: TableRequest) -> Sequence[PlannedRun]:
    """The runs of a table and of what they start from; see `plan_of`."""
    return plan_of(request).runs


def running(run: Run, held: UnderWay, estimates: estimate.Estimates) -> Running:
    """How far a run is that some harness carries out."""
    course, left = progress_of_run(run, held.folder, held.seconds or 0.0, estimates)
    host, began = (held.note.host, held.note.began) if held.note else ("", "")
    return Running(host, began, str(held.folder.log), course, left)


def as_json(value: RunStatus | PlannedRun) -> Mapping[str, Any]:
    """Plain values of a run, for programs."""
    return asdict(value)
