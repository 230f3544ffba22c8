"""The results of a check: items of parts, reruns, alarms, and the exit code from all of them.

A failure of the environment (network, index, disk) is never a regression: it has a separate outcome and exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.core.errors import HarnessError

PARTS = (
    "pins", "patches", "locks", "data", "images", "records", "tables", "findings", "prose", "self-test", "reruns",
)  # fmt: skip
ItemOutcome = Literal["held", "stale", "broken", "gone", "unchecked"]
PartOutcome = Literal["held", "broken", "unchecked"]
RunOutcome = Literal[
    "held", "near", "left", "changed", "unsteady", "within seeds", "outside seeds", "failed", "unchecked"
]
AlarmState = Literal["opened", "open", "closed", "accepted"]
BROKEN, ENVIRONMENT, FAILED = 1, 3, 4
ORDER = (BROKEN, FAILED, ENVIRONMENT)  # with several, the first of these; wrong arguments are an exception before


@dataclass(frozen=True)
class Item:
    """One checked item.

    Attributes:
        what: what was found, "" if nothing.
        fix: what to do, or a command with details.
        code: its exit code.
    """

    name: str
    outcome: ItemOutcome
    what: str = ""
    fix: str = ""
    code: int = 0


def held(name: str, what: str = "") -> Item:
    """A valid item."""
    return Item(name, "held", what)


def broken(name: str, what: str, fix: str = "", outcome: ItemOutcome = "broken") -> Item:
    """An invalid item: `broken`, `stale` if it only has to be remade, `gone` if its source lost it."""
    return Item(name, outcome, what, fix, BROKEN)


def left_out(name: str, why: str, fix: str = "") -> Item:
    """An item that was not checked, on purpose or because something optional is missing on this machine."""
    return Item(name, "unchecked", why, fix)


def unreachable(name: str, error: HarnessError) -> Item:
    """An item that could not be checked, because the environment failed."""
    return Item(name, "unchecked", f"{error.where}: {error.what}", error.fix, ENVIRONMENT)


@dataclass(frozen=True)
class Part:
    """One part of a check."""

    part: str
    items: tuple[Item, ...]

    @property
    def outcome(self) -> PartOutcome:
        """`broken` if anything is; `unchecked` if something could not be checked; else `held`."""
        outcomes = {item.outcome for item in self.items}
        if outcomes & {"broken", "stale", "gone"}:
            return "broken"
        return "unchecked" if "unchecked" in outcomes else "held"


@dataclass(frozen=True)
class RunCheck:
    """One rerun with its outcome.

    Attributes:
        depth: `prefix` or `full`.
        moved: number of users whose rank differs from the record's in any view.
        places: largest difference of ranks.
        delta: metric to difference from the record's, rerun minus record.
        replaces: key of the record that it was compared with, if the run's own key has none.
        changes: differences of the inputs and of the training curve.
        again: a command that shows it.
        code: its exit code.
        line: its further fields for the history, or None.
    """

    key: str
    upstream: str
    dataset: str
    system: str
    seed: int | None
    depth: str
    outcome: RunOutcome
    moved: int = 0
    places: float = 0.0
    delta: Mapping[str, float] = field(default_factory=dict)
    replaces: str | None = None
    changes: tuple[str, ...] = ()
    again: str = ""
    code: int = 0
    line: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        """Dataset, system, seed and depth, for messages."""
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.dataset} {self.system}{seed} ({self.depth})"


@dataclass(frozen=True)
class Alarm:
    """A detector's evidence that a stream changed.

    Attributes:
        onset: night at which the evidence began.
        size: difference since then with its 95 % interval: middle, low, high.
        power: the smallest shift detectable in this stream in 90 nights, in words.
    """

    stream: str
    metric: str
    onset: str
    state: AlarmState
    size: tuple[float, float, float]
    power: str = ""


@dataclass(frozen=True)
class Coverage:
    """The share of runs repeated recently.

    Attributes:
        runs: number of runs with a record that a check may repeat.
        oldest: night of the least recently rerun system, "" if one never was.
    """

    runs: int = 0
    in_7_days: int = 0
    in_30_days: int = 0
    oldest: str = ""


@dataclass(frozen=True)
class Check:
    """A complete check.

    Attributes:
        began: ISO time in UTC.
        machine: the class of this machine.
        cut: why the budget ended the reruns early, "" if it did not.
    """

    night: str
    began: str
    tier: str
    commit: str
    dirty: bool
    machine: str
    parts: tuple[Part, ...]
    runs: tuple[RunCheck, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    coverage: Coverage = Coverage()
    budget_s: float = 0.0
    spent_s: float = 0.0
    strict: bool = False
    cut: str = ""

    @property
    def exit(self) -> int:
        """The exit code; see `exit_code`."""
        return exit_code(self.parts, self.runs, self.alarms, self.strict)


def exit_code(
    parts: Iterable[Part], runs: Iterable[RunCheck] = (), alarms: Iterable[Alarm] = (), strict: bool = False
) -> int:
    """The exit code of a check: the first of these that applies.

    1: something is no longer valid. 4: an upstream's run failed. 3: the environment failed.
    0: everything checked is still valid.

    Args:
        strict: whether an unchecked item counts as invalid.
    """
    items = [item for part in parts for item in part.items]
    runs = list(runs)
    codes = {item.code for item in items} | {run.code for run in runs}
    codes |= {BROKEN for alarm in alarms if alarm.state in ("opened", "open")}
    outcomes: set[str] = {item.outcome for item in items} | {run.outcome for run in runs}
    if strict and "unchecked" in outcomes:
        codes.add(BROKEN)
    return next((code for code in ORDER if code in codes), 0)


def asking(items: Sequence[Item | RunCheck]) -> int:
    """The number of these with an exit code other than 0."""
    return sum(1 for item in items if item.code)
