"""Choice, order and depth of tonight's reruns: a function of the history and the date only.

Suspects of earlier nights come first, then runs whose key changed, then a run of each system that was not rerun for
a week, then runs without an anchor on this machine class, then the least recently repeated ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import NamedTuple

from harness.checks.history import GOOD, History, Line

KEPT = 0.15  # of the budget, for confirmations
STALE_NIGHTS = 7
LAST_LINES = 50
System = tuple[str, str, str]


@dataclass(frozen=True)
class Candidate:
    """A run with an accepted record.

    Attributes:
        key: of the accepted record.
        machine: class of this machine for this run.
        full_s: recorded seconds of the run.
        prefix_s: seconds of its first epochs and of the steps after training, None if it has no prefix.
        rekeyed: whether the run's current key differs from the record's.
        cell: identity of its cell.
    """

    key: str
    upstream: str
    dataset: str
    system: str
    seed: int | None
    machine: str
    full_s: float
    prefix_s: float | None = None
    rekeyed: bool = False
    cell: str = ""

    @property
    def of(self) -> System:
        """System and dataset, in words."""
        return self.upstream, self.dataset, self.system

    def seconds(self, depth: str) -> float:
        """Recorded seconds of a depth."""
        return self.prefix_s if depth == "prefix" and self.prefix_s is not None else self.full_s


class Choice(NamedTuple):
    """A run to repeat, with its depth."""

    candidate: Candidate
    depth: str


@dataclass(frozen=True)
class Looked:
    """The last reruns of each run and system in the history.

    Attributes:
        last: line of the last rerun by key. full: night of the last full one, by key.
        system: night of the last one of any run, by system.
    """

    last: Mapping[str, Line]
    full: Mapping[str, str]
    system: Mapping[System, str]


def looked(lines: Iterable[Line]) -> Looked:
    """The last reruns of a history."""
    last, full, system = dict[str, Line](), dict[str, str](), dict[System, str]()
    for line in lines:
        if line["outcome"] != "unchecked":
            key, night = str(line["key"]), str(line["night"])
            last[key] = line
            system[str(line["upstream"]), str(line["dataset"]), str(line["system"])] = night
            if line["depth"] == "full":
                full[key] = night
    return Looked(last, full, system)


def choose(
    candidates: Sequence[Candidate], history: History, night: date, *, depth: str, seconds: float, speed: float,
    one_seed: bool = False,
) -> list[Choice]:  # fmt: skip
    """The runs of a night in order.

    Args:
        depth: `prefix`, `full`, or `auto`: prefixes of all that fit, then full reruns of the least recent ones.
        seconds: of all jobs together, for reruns and their confirmations.
        speed: seconds of this machine per recorded second.
        one_seed: only the first seed of each system.
    """
    seen = looked(history.lines)
    ordered = order(candidates, history, seen, night)
    if one_seed:
        ordered = list({candidate.of: candidate for candidate in reversed(ordered)}.values())[::-1]
    left = seconds * (1 - KEPT)
    chosen: list[Choice] = []
    for candidate in ordered:
        choice = Choice(candidate, first_depth(candidate, seen, depth))
        if (cost := candidate.seconds(choice.depth) * speed) <= left:
            chosen.append(choice)
            left -= cost
    if depth != "auto":
        return chosen
    for candidate in sorted(ordered, key=lambda c: (seen.full.get(c.key, ""), c.full_s, c.key)):
        shallow = Choice(candidate, "prefix")
        if shallow in chosen and (cost := (candidate.full_s - candidate.seconds("prefix")) * speed) <= left:
            chosen[chosen.index(shallow)] = Choice(candidate, "full")
            left -= cost
    return chosen


def first_depth(candidate: Candidate, seen: Looked, depth: str) -> str:
    """The initial depth of a rerun: for a suspect, the depth at which it became one."""
    if candidate.prefix_s is None or depth == "full":
        return "full"
    last = seen.last.get(candidate.key)
    return "full" if depth == "auto" and last and is_suspect(last) and last["depth"] == "full" else "prefix"


def order(candidates: Sequence[Candidate], history: History, seen: Looked, night: date) -> list[Candidate]:
    """All candidates, the most urgent first."""

    def age(candidate: Candidate) -> tuple[str, float, str]:
        last = seen.last.get(candidate.key)
        return str(last["night"]) if last else "", candidate.seconds("prefix"), candidate.key

    stale = {c.of for c in candidates if nights_since(seen.system.get(c.of, ""), night) >= STALE_NIGHTS}
    first = {c.of: c.key for c in sorted(candidates, key=age, reverse=True) if c.of in stale}

    def urgency(candidate: Candidate) -> int:
        last = seen.last.get(candidate.key)
        depths = ("full",) if candidate.prefix_s is None else ("prefix", "full")
        tests: tuple[Callable[[], bool], ...] = (
            lambda: last is not None and is_suspect(last),
            lambda: candidate.rekeyed,
            lambda: first.get(candidate.of) == candidate.key,
            lambda: all(history.anchor(candidate.key, candidate.machine, depth) is None for depth in depths),
        )
        return next((i for i, test in enumerate(tests) if test()), len(tests))

    return sorted(candidates, key=lambda c: (urgency(c), *age(c)))


def is_suspect(line: Line) -> bool:
    """Whether the last rerun of a run was not good."""
    return line["outcome"] not in (*GOOD, "within seeds")


def nights_since(then: str, night: date) -> int:
    """Nights between two dates; very many if there was none."""
    return (night - date.fromisoformat(then)).days if then else 10**6


def learned_speed(lines: Sequence[Line], machine: str, default: float) -> float:
    """Seconds on a machine class per recorded second: the median of the last reruns there.

    Args:
        default: if there was none yet.
    """
    found = [
        float(line["seconds"]) / float(line["expected"])
        for line in lines
        if line["class"] == machine and line.get("seconds") and line.get("expected")
    ]
    return median(found[-LAST_LINES:]) if found else default
