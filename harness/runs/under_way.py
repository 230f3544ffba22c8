"""Which runs are being carried out right now, by any harness on the same cache, and how far each is.

A harness leaves a note beside the work folder of each run that it starts. The note counts only while the run's lock is
held: the kernel frees that when the harness dies, so a note that was left behind says nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from pydantic import BaseModel, ValidationError

from harness.core.files import write_json
from harness.executors.base import PreparedRun
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.store import Store


class Note(BaseModel, frozen=True):
    """What a harness notes of a run that it starts.

    Attributes:
        began: UTC, ISO 8601.
    """

    host: str
    pid: int
    began: str


@dataclass(frozen=True)
class UnderWay:
    """A run that some harness carries out.

    Attributes:
        note: None where the harness that holds the run left none that can be read.
        folder: with its log and events so far.
    """

    folder: RunFolder
    note: Note | None

    @property
    def seconds(self) -> float | None:
        """Since it began; None where nobody noted when."""
        if self.note is None:
            return None
        began = datetime.datetime.fromisoformat(self.note.began)
        return (datetime.datetime.now(datetime.UTC) - began).total_seconds()


def work_folder(cache: Path, key: str) -> RunFolder:
    """The folder of a run while it is under way."""
    return RunFolder(cache / "work" / key)


def write_note(run: PreparedRun) -> None:
    """Note that this process carries out a run.

    Raises:
        StoreError: the disk is full or not writable.
    """
    began = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(run.folder.note, {"host": socket.gethostname(), "pid": os.getpid(), "began": began})


def remove_note(folder: RunFolder) -> None:
    """Remove the note of a run that ended."""
    with contextlib.suppress(OSError):
        folder.note.unlink()


def find_under_way(store: Store, runs: Iterable[Run]) -> dict[str, UnderWay]:
    """The runs among these that some harness carries out, by key."""
    found = {}
    for run in runs:
        folder = work_folder(store.cache, run.key)
        if folder.path.is_dir() and is_held(store, run.key):
            found[run.key] = UnderWay(folder, read_note(folder))
    return found


def is_held(store: Store, key: str) -> bool:
    """Whether a process holds the lock of a run."""
    lock = store.lock(key)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def read_note(folder: RunFolder) -> Note | None:
    """The note of a run; None where there is none that can be read."""
    try:
        note = Note.model_validate_json(folder.note.read_bytes())
        datetime.datetime.fromisoformat(note.began)
    except (OSError, ValidationError, ValueError):
        return None
    return note
