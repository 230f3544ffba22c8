"""How far a training is, in words: for the live display, for logs and for `harness status`."""

from __future__ import annotations

from harness.commands.course import Course, TimeLeft
from harness.report.rounding import duration


def course_text(course: Course) -> str:
    """Epoch, loss, validation metric and when early stopping can end it."""
    if not course.epochs:
        return "no epoch has ended yet"
    parts = [f"epoch {course.epochs}" + (f" of {course.cap}" if course.cap else "")]
    if course.loss is not None:
        parts.append(f"loss {course.loss:.4g}")
    if course.value is not None:
        best = "best" if course.best == course.epochs else f"best: epoch {course.best}" if course.best else ""
        parts.append(f"{course.metric} {course.value:.4f}" + (f" ({best})" if best else ""))
    if course.first_stop is not None and course.first_stop > course.epochs and course.first_stop != course.cap:
        parts.append(f"may stop after {course.first_stop}")
    return ", ".join(parts)


def left_text(left: TimeLeft) -> str:
    """The time left, or what is known of it."""
    if left.seconds is not None:
        return f"about {duration(left.seconds)} left"
    if left.by_other_seeds:
        low, high = (duration(seconds) for seconds in left.by_other_seeds)
        return (
            f"time left unknown ({low} to {high} as other seeds)"
            if low != high
            else f"time left unknown ({low} as other seeds)"
        )
    return f"time left unknown, at least {duration(left.least)}" if left.least else "time left unknown"
