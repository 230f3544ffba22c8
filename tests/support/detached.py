"""An executor for tests that works as a cluster does: a run starts elsewhere, and its folder tells how it ended."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from harness.core.errors import SetupError
from harness.core.process import MARK, end_tree
from harness.executors.base import Outcome, PreparedRun

SUPERVISOR = """
import json, os, subprocess, sys
status = subprocess.call(sys.argv[2:])
with open(sys.argv[1] + ".part", "w") as file:
    json.dump(status, file)
os.replace(sys.argv[1] + ".part", sys.argv[1])
"""


@dataclass
class Handle:
    """A run that was sent off."""

    run: PreparedRun
    supervisor: subprocess.Popen[bytes]
    started: float

    def end(self) -> None:
        """End the supervisor, the run and all that it started."""
        end_tree(None, self.run.mark)
        self.supervisor.wait()


class DetachedExecutor:
    """Sends runs off and reads `exit.json`; see `harness.executors.base.Executor`."""

    def submit(self, run: PreparedRun) -> Handle:
        if shutil.which(run.command[0]) is None:
            raise SetupError(run.command[0], "cannot be started: no such program", "check the environment")
        words = [sys.executable, "-c", SUPERVISOR, str(run.folder.path / "exit.json"), *run.command]
        with run.folder.log.open("wb") as log:
            supervisor = subprocess.Popen(
                words, cwd=run.cwd, env={**run.env, MARK: run.mark}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return Handle(run, supervisor, time.monotonic())

    def poll(self, handle: Handle) -> Outcome | None:
        seconds = time.monotonic() - handle.started
        path = handle.run.folder.path / "exit.json"
        if path.is_file():
            handle.end()
            return Outcome(json.loads(path.read_text()), seconds)
        if seconds > handle.run.timeout_s:
            handle.end()
            return Outcome(-signal.SIGTERM, seconds, timed_out=True)
        return None

    def cancel(self, handle: Handle) -> None:
        handle.end()
