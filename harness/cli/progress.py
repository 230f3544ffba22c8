"""Live progress."""

from __future__ import annotations

from types import TracebackType

from harness.errors import HarnessError
from harness.execution import Observer
from harness.executors.contract import PreparedRun
from harness.plan import Run
from harness.store import Record
from harness.workflow import Job


class Progress(Observer):
    def __init__(self, job: Job) -> None:
        self.job = job

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def started(self, run: PreparedRun) -> None:
        print("start", run.label, flush=True)

    def finished(self, run: Run, record: Record) -> None:
        print("done", run.label, record.reason, record.content["seconds"], record.content.get("end"), flush=True)

    def gap(self, run: Run, error: HarnessError) -> None:
        print("gap", run.label, error, flush=True)
