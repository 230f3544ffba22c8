"""Runs as processes of this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

from harness.core.process import Child, spawn
from harness.executors.base import Outcome, PreparedRun


@dataclass
class Running:
    """A process and its deadline."""

    child: Child
    timeout_s: float


class LocalExecutor:
    """Executes runs as child processes, each in its own session."""

    def submit(self, run: PreparedRun) -> Running:
        """Start the run's command.

        Raises:
            SetupError: if the program cannot be started.
        """
        return Running(spawn(run.command, run.cwd, run.env, run.folder.log, run.mark), run.timeout_s)

    def poll(self, handle: Running) -> Outcome | None:
        """The outcome, None while it runs; remaining descendants of a run are ended with it."""
        status = handle.child.poll()
        seconds = time.monotonic() - handle.child.started
        if status is not None:
            return Outcome(handle.child.end(), seconds)
        if seconds > handle.timeout_s:
            return Outcome(handle.child.end(), seconds, timed_out=True)
        return None

    def cancel(self, handle: Running) -> None:
        """End the run and all its descendants."""
        handle.child.end()
