"""Progress of an execution: in a terminal lines that are redrawn in place, in a pipe or a log plain lines at intervals.

A terminal shows one line over all runs with the time left, and two for each run under way. In a pipe each start and end
is a line, and each run under way gets one after half a minute, then after one, two, four, eight, ten, ten more minutes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.text import Text

from harness.cli.live_lines import LiveLines
from harness.cli.progress_text import course_text, left_text
from harness.commands.course import Course, TimeLeft, progress_of_run
from harness.commands.estimate import Estimates
from harness.commands.table_request import TableRequest
from harness.core.errors import HarnessError
from harness.executors.base import PreparedRun
from harness.report.rounding import duration
from harness.runs.plan import Run
from harness.runs.runner import Observer
from harness.runs.stored import Record, judge

REFRESH_S = 1.0
FIRST_LINE_S, LAST_INTERVAL_S = 30.0, 600.0
BAR_CELLS = 20


@dataclass
class Going:
    """A run under way.

    Attributes:
        since: monotonic clock at its start.
        interval: seconds between plain lines; reported: monotonic clock at the last one.
    """

    prepared: PreparedRun
    since: float
    reported: float
    interval: float = FIRST_LINE_S


@dataclass(frozen=True)
class State:
    """How far a run is, seconds since it began, and when it ends."""

    course: Course
    seconds: float
    left: TimeLeft


class Progress(Observer):
    """The display of an execution's progress."""

    def __init__(self, request: TableRequest, console: Console) -> None:
        self.request, self.console = request, console
        self.runs = {run.key: run for run in (*request.stages, *request.runs)}
        self.going: dict[str, Going] = {}
        self.estimates = Estimates.of(request)
        self.left: set[str] = set()
        self.total = 0
        self.lines = LiveLines(console)
        self.shown = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lines.erase()

    def begun(self, runs: Sequence[Run]) -> None:
        """Count all needed runs, those left unfinished by another harness included."""
        if not self.total:
            self.left = {run.key for run in runs}
            self.total = len(runs)

    def started(self, run: PreparedRun) -> None:
        """A run began."""
        now = time.monotonic()
        self.going[run.key] = Going(run, now, now)
        if not self.console.is_terminal:
            self.say(f"start   {run.label}")

    def ended(self, run: Run) -> None:
        """Forget a run that has ended."""
        self.going.pop(run.key, None)
        self.left.discard(run.key)

    def finished(self, run: Run, record: Record) -> None:
        """A run's record is in the store."""
        self.ended(run)
        self.estimates.learn(run, record.content["seconds"])
        end = record.content.get("end") or {}
        epochs = f", {end['epochs']} epochs" if end.get("epochs") else ""
        judged = judge(record, run)
        how = "done   " if judged.status == "finished" else "FAILED "
        reason = f": {judged.reason}" if judged.reason else ""
        line = f"{how} {run.label} ({duration(record.content['seconds'])}{epochs}){reason}"
        self.say(line, style="" if judged.status == "finished" else "red")
        if record.content["disagreements"]:
            self.say(f"        printed metrics disagree with the ranks: {record.content['disagreements'][0]}")

    def gap(self, run: Run, error: HarnessError) -> None:
        """Report a run that could not start or left no record."""
        self.ended(run)
        self.say(f"NOT RUN {run.label}: {error.where}: {error.what}", style="red")

    def waiting(self, run: Run) -> None:
        """Report a run that another harness is executing."""
        self.say(f"waiting {run.label}: another harness is running it")

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.lines.print(Text(text, style=style))
        self.shown = 0.0  # the lines in place come back at once

    def tick(self) -> None:
        """Once a second: the lines in place, or the plain lines that are due."""
        now = time.monotonic()
        if now - self.shown < REFRESH_S or not self.total:
            return
        self.shown = now
        if self.console.is_terminal:
            self.lines.draw(self.drawing(now))
            return
        for key, going in self.going.items():
            if now - going.reported >= going.interval:
                going.reported, going.interval = now, min(2 * going.interval, LAST_INTERVAL_S)
                state = self.state(key, now)
                text = f"{course_text(state.course)}; {duration(state.seconds)} so far, {left_text(state.left)}"
                self.say(f"running {going.prepared.label}: {text}")

    def drawing(self, now: float) -> list[Text]:
        """The lines in place: all runs, then each run under way."""
        states = {key: self.state(key, now) for key in self.going}
        n_done = self.total - len(self.left)
        filled = round(BAR_CELLS * n_done / self.total)
        bar = "━" * filled + "╌" * (BAR_CELLS - filled)
        lines = [Text.assemble((f"{n_done} of {self.total} runs ", "bold"), f"{bar} ", self.time_left(states))]
        for key, state in states.items():
            head = f"{duration(state.seconds)} so far, {left_text(state.left)}"
            lines.append(Text.assemble(("  " + self.going[key].prepared.label, "cyan"), f"  {head}"))
            lines.append(Text(f"    {course_text(state.course)}", style="dim"))
        return lines

    def state(self, key: str, now: float) -> State:
        """How far a run under way is."""
        run, going = self.runs[key], self.going[key]
        seconds = now - going.since
        course, left = progress_of_run(run, going.prepared.folder, seconds, self.estimates)
        return State(course, seconds, left)

    def time_left(self, states: dict[str, State]) -> str:
        """The time left of all runs; where that of one is unknown, what earlier records say, or the least."""
        known, suggested, least, complete = 0.0, 0.0, 0.0, True
        for key in self.left:
            about = self.estimates.seconds(self.runs[key])
            suggestion = about.seconds if about else None
            if key in states:
                left = states[key].left
                seconds, least_s = left.seconds, left.least or 0.0
                if left.by_other_seeds:
                    suggestion = sum(left.by_other_seeds) / 2
                elif suggestion is not None:
                    suggestion = max(suggestion - states[key].seconds, least_s)
            else:
                seconds, least_s = self.estimates.here(self.runs[key]), 0.0
            complete &= seconds is not None or suggestion is not None
            known += seconds if seconds is not None else math.nan
            suggested += seconds if seconds is not None else suggestion or 0.0
            least += seconds if seconds is not None else least_s
        jobs = self.request.execution_options.jobs
        if not math.isnan(known):
            return f"about {duration(known / jobs)} left"
        if complete:
            return f"time left unknown, about {duration(suggested / jobs)} as in earlier records"
        return f"time left unknown, at least {duration(least / jobs)}" if least >= 1 else "time left unknown"
