"""What the commands print."""

from __future__ import annotations

from harness import workflow
from harness.cli.progress import Progress
from harness.execution import Observer
from harness.workflow import Job


def reproduce(job: Job) -> int:
    """Carry out a job and print its table; the exit code."""
    with Progress(job) as progress:
        results, execution = workflow.reproduce(job, progress)
    for r in results:
        print(r.dataset, r.system, r.seed, r.status, r.reason, r.epochs, r.printed, r.agrees)
    return 0


def print_plan(job: Job) -> None:
    """Say what would run and why."""
    missing = job.execution(Observer()).needed(job.runs)
    told = workflow.reasons(job, missing)
    for run in missing:
        print(run.key, run.label, told[run.key])
    print(len(job.runs), "runs", len(missing), "missing")
