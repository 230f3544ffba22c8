"""How far a training is, and when it may end: from what its probe has reported and from records of the same system.

The time left is a number only where it can be one. A training that stops early ends when its validation metric no
longer improves, which another seed does at another epoch: of the estimates from other seeds for committed trainings,
one in fourteen was off by more than 30 %, even where those seeds agreed. So only a record of the same run, or the
most epochs that are allowed, say when it ends; else the least is given, and what other seeds took.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.commands.estimate import Estimates
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import is_number, read_events

SPREAD = 1.69  # of the most to the fewest epochs that are possible: their geometric mean is within 30 % of both
RECENT = 10  # epochs whose times foretell those to come


@dataclass(frozen=True)
class Course:
    """A training so far.

    Attributes:
        epochs: that have ended.
        cap: the most that it can have; None where nothing is known.
        metric, value: of the last validation; "" and None where there was none.
        best: the number of the best epoch so far, from 1.
        first_stop: the number of the epoch after which early stopping can end it at the earliest; None without one.
        epoch_s: seconds of an epoch with its validation, by the last ones.
        since_epoch_s: seconds since the last epoch ended.
    """

    epochs: int = 0
    cap: int | None = None
    loss: float | None = None
    metric: str = ""
    value: float | None = None
    best: int | None = None
    first_stop: int | None = None
    epoch_s: float | None = None
    since_epoch_s: float = 0.0

    @property
    def least_epochs(self) -> int:
        """Epochs that it has at least."""
        least = self.first_stop if self.first_stop is not None else self.cap or 0
        return max(self.epochs, least if self.cap is None else min(least, self.cap))


def progress_of_run(run: Run, folder: RunFolder, seconds: float, estimates: Estimates) -> tuple[Course, TimeLeft]:
    """How far a run under way is by what its probe has reported, and when it ends by that and by records at hand.

    Args:
        seconds: since it began.
    """
    patience = run.options.get("patience")
    events = read_events(folder.events, live=True)
    course = course_of(events, run.epoch_cap, patience if isinstance(patience, int) else None, seconds)
    return course, time_left(course, *estimates.epochs(run))


def course_of(events: Sequence[Mapping[str, Any]], cap: int | None, patience: int | None, seconds: float) -> Course:
    """How far a training is.

    Args:
        events: of its probe so far.
        cap, patience: its options; None where it has none.
        seconds: since it began.
    """
    epochs = [e for e in events if e.get("event") == "epoch" and is_number(e.get("epoch"))]
    if not epochs:
        return Course(cap=cap)
    last = epochs[-1]
    number = int(last["epoch"]) + 1
    best = max((int(e["epoch"]) + 1 for e in epochs if e.get("best")), default=None)
    times = [float(e["t"]) for e in epochs if is_number(e.get("t"))]
    gaps = [after - before for before, after in itertools.pairwise(times)][-RECENT:]
    stop = None if patience is None or best is None else max(best + patience, number)
    return Course(
        epochs=number,
        cap=cap,
        loss=number_of(last.get("loss")),
        metric=str(last.get("metric") or ""),
        value=number_of(last.get("value")),
        best=best,
        first_stop=stop if cap is None or stop is None else min(stop, cap),
        epoch_s=median(gaps) if gaps else None,
        since_epoch_s=max(seconds - times[-1], 0.0) if times else 0.0,
    )


def number_of(value: Any) -> float | None:
    """A finite number of an event, None for anything else."""
    return float(value) if is_number(value) else None


def expected_epochs(course: Course, same_run: int | None) -> int | None:
    """How many epochs a training will have, within 30 %; None where nothing says so.

    Args:
        same_run: epochs of a record with its very key, which the same code repeats; None where there is none.
    """
    if course.first_stop is None or course.first_stop == course.cap:  # nothing but the cap can end it
        return course.cap
    if same_run is not None and same_run >= course.least_epochs:
        return same_run
    if course.cap is not None and course.cap <= SPREAD * course.least_epochs:
        return round(math.sqrt(course.cap * course.least_epochs))
    return None


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until a training ends.

    Attributes:
        seconds: None where that is unknown.
        least: that it takes at least; None before two epochs have ended.
        by_other_seeds: the shortest and the longest with the epochs of records of other seeds; None without any.
    """

    seconds: float | None = None
    least: float | None = None
    by_other_seeds: tuple[float, float] | None = None


def time_left(course: Course, same_run: int | None, other_seeds: Sequence[int]) -> TimeLeft:
    """When a training ends, as far as that is known.

    Args:
        same_run: epochs of a record with its very key; None where there is none.
        other_seeds: epochs of records of the same system with the same limits.
    """
    if course.epoch_s is None:
        return TimeLeft()
    likely = [seconds_until(course, max(n, course.least_epochs)) for n in other_seeds]
    expected = expected_epochs(course, same_run)
    return TimeLeft(
        None if expected is None else seconds_until(course, expected),
        seconds_until(course, course.least_epochs),
        (min(likely), max(likely)) if likely else None,
    )


def seconds_until(course: Course, epochs: int) -> float:
    """Seconds until a training has had so many epochs."""
    return max((epochs - course.epochs) * (course.epoch_s or 0.0) - course.since_epoch_s, 0.0)
