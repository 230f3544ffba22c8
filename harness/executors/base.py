"""What every executor promises, and the waiting that is written once over it.

A prepared run is a command with its folder and environment; an executor knows nothing of recipes or metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.core import untrusted_files
from harness.core.files import remove_tree

FASTEST_POLL_S, SLOWEST_POLL_S = 0.002, 0.1
INSIDE = "/harness/run"  # what a run in a container calls its folder
MOST_EVENTS, MOST_RANKS = 16 << 20, 256 << 20  # bytes; those of a run of 100 epochs on 1,000 users: 36 kB and 240 kB


@dataclass(frozen=True)
class RunFolder:
    """The names of the files of a run; nobody else spells them."""

    path: Path

    @property
    def log(self) -> Path:
        """Standard output and error of the upstream."""
        return self.path / "log.txt"

    @property
    def events(self) -> Path:
        """What the probe reported."""
        return self.path / "events.jsonl"

    @property
    def out(self) -> Path:
        """Where the upstream may write."""
        return self.path / "out"

    @property
    def record(self) -> Path:
        """The finished record, beside the folder: what the upstream may write to must never pass for one."""
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def loss(self) -> Path:
        """The user's file with the loss, where it is one of their own."""
        return self.path / "loss.py"

    def ranks(self, split: str) -> Path:
        """Ranks of a split."""
        return self.path / f"ranks-{split}.npz"

    def clear(self) -> list[str]:
        """Remove what a run left besides plain files and folders, and files too large to read; what it was, in words.

        Raises:
            OSError: it cannot be removed.
        """
        most = {self.events.name: MOST_EVENTS, self.ranks("*").name: MOST_RANKS}
        return untrusted_files.clear(self.path, most, INSIDE)

    def renew(self) -> None:
        """Make the folder, empty.

        Raises:
            OSError: if it cannot be made.
        """
        remove_tree(self.path)
        self.out.mkdir(parents=True)


@dataclass(frozen=True)
class PreparedRun:
    """A run ready to be carried out.

    Attributes:
        mark: identifies its processes on this machine.
        timeout_s: seconds after which its whole process tree is ended.
        reads: what it may read besides its own folder, files or folders by name: source, data, loss. An executor that
            shuts runs in shows them these and nothing else.
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
        reason: why the executor ended it, or what killed it, in the user's words; "" where only the status tells.
    """

    status: int
    seconds: float
    timed_out: bool = False
    reason: str = ""


class Executor(Protocol):
    """Carries out prepared runs one way."""

    def submit(self, run: PreparedRun) -> Any:
        """Start a run and return a handle. Raises SetupError if it cannot be started."""

    def poll(self, handle: Any) -> Outcome | None:
        """The outcome, None while it runs. Raises nothing; a timeout is an outcome."""

    def cancel(self, handle: Any) -> None:
        """End a run and all its processes; returns when they are gone."""


def wait(
    executor: Executor,
    runs: Iterator[PreparedRun],
    jobs: int,
    ended: Callable[[PreparedRun, Outcome], None],
    tick: Callable[[], None],
) -> None:
    """Keep up to `jobs` runs going until the iterator is empty and all have ended.

    Args:
        runs: taken from only when there is room.
        ended: called in this thread for each outcome.
        tick: called between polls.
    Raises:
        Interrupted: after ending all that ran; whatever `runs`, `ended` or `tick` raise, likewise.
    """
    going: list[tuple[PreparedRun, Any]] = []
    pause = FASTEST_POLL_S
    try:
        while True:
            while len(going) < jobs and (run := next(runs, None)) is not None:
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
