"""The contract of executors, and the waiting loop over it.

A prepared run is a command with its folder and environment; an executor knows nothing of recipes or metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.core.interrupts import deferred
from harness.executors.run_folder import RunFolder

FASTEST_POLL_S, SLOWEST_POLL_S = 0.002, 0.1


@dataclass(frozen=True)
class PreparedRun:
    """A run ready for execution.

    Attributes:
        mark: identifies its processes on this machine.
        timeout_s: seconds after which its process tree is ended.
        reads: files or folders that it may read besides its own folder, by name: source, data, loss. An executor with
            isolation shows it nothing else.
    """

    key: str
    label: str
    command: tuple[str, ...]
    cwd: Path
    env: dict[str, str]
    folder: RunFolder
    mark: str
    timeout_s: float
    reads: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run's command ended.

    Attributes:
        status: exit status, negative for a signal.
        seconds: wall time from start to end.
        reason: why the executor stopped it, or what killed it, in words; "" if only the status is known.
    """

    status: int
    seconds: float
    timed_out: bool = False
    reason: str = ""


class Executor(Protocol):
    """Executes prepared runs."""

    def submit(self, run: PreparedRun) -> Any:
        """Start a run and return a handle. Raises SetupError if it cannot be started."""

    def poll(self, handle: Any) -> Outcome | None:
        """The outcome, None while it runs. Raises nothing; a timeout is an outcome."""

    def cancel(self, handle: Any) -> None:
        """End a run and all its processes; returns when they have ended."""


def wait(
    executor: Executor,
    runs: Iterator[PreparedRun],
    jobs: int,
    ended: Callable[[PreparedRun, Outcome], None],
    tick: Callable[[], None],
) -> None:
    """Keep up to `jobs` runs active until the iterator is empty and all have ended.

    Args:
        runs: consumed only when a job is free.
        ended: called in this thread for each outcome.
        tick: called between polls.
    Raises:
        Interrupted: after ending all active runs; so does any exception of `runs`, `ended` or `tick`.
    """
    going: list[tuple[PreparedRun, Any]] = []
    pause = FASTEST_POLL_S
    try:
        while True:
            while len(going) < jobs and (run := next(runs, None)) is not None:
                with deferred():  # an interrupt must not come between the start and its handle
                    going.append((run, executor.submit(run)))
                pause = FASTEST_POLL_S
            if not going:
                return
            still = []
            for run, handle in going:
                outcome = executor.poll(handle)
                if outcome is None:
                    still.append((run, handle))
                else:
                    ended(run, outcome)
            pause = FASTEST_POLL_S if len(still) < len(going) else min(pause * 1.2, SLOWEST_POLL_S)
            going = still
            tick()
            if going:
                time.sleep(pause)
    finally:
        for _, handle in going:
            executor.cancel(handle)
