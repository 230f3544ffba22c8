"""Live progress of an execution: a bar over all runs with the time left, and a line for each active run.

In a terminal it is redrawn in place; in a pipe or a log each start and end is one line.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from harness.commands.estimate import Estimates
from harness.commands.table_request import TableRequest
from harness.core.errors import HarnessError
from harness.executors.base import PreparedRun
from harness.report.rounding import duration
from harness.runs.plan import Run
from harness.runs.probe_output import is_number, read_events
from harness.runs.runner import Observer
from harness.runs.stored import Record, judge

REFRESH_S = 1.0


class Progress(Observer):
    """The display of an execution's progress."""

    def __init__(self, request: TableRequest, console: Console) -> None:
        self.request, self.console = request, console
        self.runs = {run.key: run for run in (*request.stages, *request.runs)}
        self.going: dict[str, tuple[PreparedRun, float, int | None]] = {}
        self.estimates = Estimates(request.store, request.data)
        self.left: set[str] = set()
        self.bars = Bars(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"),
            console=console, transient=True, disable=not console.is_terminal, refresh_per_second=4,
        )  # fmt: skip
        self.total: int | None = None
        self.shown = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.total is not None:
            self.bars.stop()

    def begun(self, runs: Sequence[Run]) -> None:
        """Show the bar over all needed runs, those left unfinished by another harness included."""
        if self.total is None:
            self.left = {run.key for run in runs}
            self.bars.start()
            self.total = int(self.bars.add_task("runs", total=len(runs), state=""))

    def started(self, run: PreparedRun) -> None:
        """A run began."""
        bar = None
        if self.console.is_terminal:
            bar = int(self.bars.add_task(f"  {run.label}", total=self.runs[run.key].epoch_cap, state=""))
        else:
            self.console.print(f"start   {run.label}")
        self.going[run.key] = (run, time.monotonic(), bar)

    def ended(self, run: Run) -> None:
        """Remove the line of a run that has ended."""
        _, _, bar = self.going.pop(run.key, (None, 0.0, None))
        if bar is not None:
            self.bars.remove_task(bar)  # type: ignore[arg-type]
        self.left.discard(run.key)

    def finished(self, run: Run, record: Record) -> None:
        """A run's record is in the store."""
        self.ended(run)
        self.estimates.learn(run, record.content["seconds"])
        self.bars.advance(self.total)  # type: ignore[arg-type]
        end = record.content.get("end") or {}
        epochs = f", {end['epochs']} epochs" if end.get("epochs") else ""
        judged = judge(record, run)
        how = "done   " if judged.status == "finished" else "FAILED "
        reason = f": {judged.reason}" if judged.reason else ""
        line = f"{how} {run.label} ({duration(record.content['seconds'])}{epochs}){reason}"
        self.console.print(line, style=None if judged.status == "finished" else "red")
        if record.content["disagreements"]:
            self.console.print(f"        printed metrics disagree with the ranks: {record.content['disagreements'][0]}")

    def gap(self, run: Run, error: HarnessError) -> None:
        """Report a run that could not start or left no record."""
        self.ended(run)
        if self.total is not None:
            self.bars.advance(self.total)  # type: ignore[arg-type]
        self.console.print(f"NOT RUN {run.label}: {error.where}: {error.what}", style="red")

    def waiting(self, run: Run) -> None:
        """Report a run that another harness is executing."""
        self.console.print(f"waiting {run.label}: another harness is running it")

    def tick(self) -> None:
        """Update epochs of active runs and the time left, once a second."""
        now = time.monotonic()
        if not self.console.is_terminal or self.total is None or now - self.shown < REFRESH_S:
            return
        self.shown = now
        for run, since, bar in self.going.values():
            events = reversed(read_events(run.folder.events, live=True))
            last: dict[str, Any] = next((e for e in events if e.get("event") == "epoch"), {})
            known = is_number(last.get("value"))  # nan and inf come as text
            value = f", {last.get('metric')} {float(last['value']):.4f}" if known else ""
            state = f"{duration(now - since)}{value}"
            self.bars.update(bar, completed=last.get("epoch", -1) + 1, state=state)  # type: ignore[arg-type]
        self.bars.update(self.total, state=self.time_left(now))  # type: ignore[arg-type]

    def time_left(self, now: float) -> str:
        """The time left, estimated from records and finished runs."""
        seconds, guessed = 0.0, False
        for key in self.left:
            about = self.estimates.seconds(self.runs[key])
            expected = about.seconds if about else self.estimates.any_run()
            guessed |= about is None
            since = self.going[key][1] if key in self.going else now
            seconds += max((expected or 0.0) - (now - since), 0.0)
        if not seconds:
            return "time left unknown" if guessed else ""
        return f"{'roughly' if guessed else 'about'} {duration(seconds / self.request.execution_options.jobs)} left"
