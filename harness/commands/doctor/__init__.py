"""Checks this machine's setup for an executor and device; each check has a time limit.

Checks run in parallel, each in a thread that is abandoned after the time limit; fetched files go to a temporary
folder. Nothing is installed, built or changed.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from harness.commands.doctor import containers, gpu, machine, network
from harness.commands.doctor.check import BROKEN, DoctorRequest, Line
from harness.core.config import Config
from harness.core.errors import HarnessError

__all__ = ["BROKEN", "LIMIT_S", "Line", "examine"]

LIMIT_S = 30.0
Check = Callable[[], Iterable[Line]]


def examine(config: Config, executor: str = "local", device: str = "cpu", limit_s: float = LIMIT_S) -> Iterator[Line]:
    """All lines in a fixed order, each as soon as it and those before it are known.

    Args:
        limit_s: seconds after which a check that has not ended counts as failed.
    """
    with tempfile.TemporaryDirectory(prefix="harness-doctor-", ignore_cleanup_errors=True) as scratch:
        asked = DoctorRequest(config, executor, device, Path(scratch))
        deadline = time.monotonic() + limit_s
        started = [Started(subject, needed, check) for subject, needed, check in checks(asked)]
        for one in started:
            yield from one.lines(deadline, limit_s)


def checks(asked: DoctorRequest) -> Iterator[tuple[str, bool, Check]]:
    """Subject of each check, whether it is needed, and the check."""
    yield "Python", True, partial(machine.python, asked)
    yield "Git", True, partial(machine.git, asked)
    yield "results and cache", True, partial(machine.folders, asked)
    for subject, check in network.checks(asked).items():
        yield subject, subject.startswith("upstream"), check
    yield "container engine", asked.containers, partial(containers.containers, asked)
    yield "NVIDIA GPU", asked.gpus, partial(gpu.gpus, asked)


class Started:
    """A running check."""

    def __init__(self, subject: str, needed: bool, check: Check) -> None:
        self.subject, self.needed, self.check = subject, needed, check
        self.found: list[Line] = []
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        """Collect the lines; an error of the harness becomes a line."""
        try:
            for line in self.check():
                self.found.append(line)
        except HarnessError as error:
            self.found.append(Line(self.subject, False, f"{error.where}: {error.what}", error.fix, self.needed))
        except OSError as error:
            self.found.append(Line(self.subject, False, f"failed: {error}", needed=self.needed))

    def lines(self, deadline: float, limit_s: float) -> list[Line]:
        """The lines found so far."""
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if not self.thread.is_alive():
            return self.found
        late = f"no answer within {limit_s:g} s"
        return [
            *self.found,
            Line(self.subject, False, late, "check what it waits for: network, disk, engine", self.needed),
        ]
