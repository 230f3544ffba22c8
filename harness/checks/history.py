"""The history of checks: date, machine class and outcome as JSON lines, appended and never changed.

    <year>-<month>.jsonl   a line for each rerun          nights.jsonl     a line for each check
    classes.json           facts of each machine class     accepted.jsonl   intended changes

A line is written in one piece and flushed; a partial line after a kill is skipped. A merge conflict is
resolved by keeping all lines and sorting them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core.files import canonical_json, disk_errors, write_json

FORMAT = 1
GOOD = ("held", "near")
DIGEST = {"full": "ranks", "prefix": "curve"}  # key of a line with the digest of the compared values
Line = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """The history in a folder; empty if the folder does not exist."""

    folder: Path | None

    @cached_property
    def lines(self) -> list[Line]:
        """All reruns by night, each night's in the order written."""
        paths = sorted(self.folder.glob("[0-9]*-[0-9]*.jsonl")) if self.folder else []
        return by_night(line for path in paths for line in read_lines(path))

    @cached_property
    def nights(self) -> list[Line]:
        """All checks, oldest first."""
        return by_night(read_lines(self.folder / "nights.jsonl")) if self.folder else []

    @cached_property
    def accepted(self) -> list[Line]:
        """Intended changes, oldest first."""
        return by_night(read_lines(self.folder / "accepted.jsonl")) if self.folder else []

    def with_lines(self, *groups: Sequence[Line]) -> History:
        """This history with these reruns instead of its own, in memory only."""
        made = History(self.folder)
        made.__dict__["lines"] = by_night(line for group in groups for line in group)
        return made

    def anchor(self, key: str, machine: str, depth: str) -> str | None:
        """The digest that a rerun of this key and depth must have on this class, None if unknown.

        It is that of the last rerun that held there, or the one accepted since.
        """

        def is_ours(line: Line) -> bool:
            return (line["key"], line["class"], line["depth"]) == (key, machine, depth)

        good = [line for line in self.lines if is_ours(line) and line["outcome"] in GOOD and DIGEST[depth] in line]
        accepted = [line for line in self.accepted if is_ours(line)]
        if accepted and (not good or str(accepted[-1]["night"]) >= str(good[-1]["night"])):
            return str(accepted[-1]["digest"])
        return str(good[-1][DIGEST[depth]]) if good else None

    def add(self, night: str, lines: Iterable[Line]) -> None:
        """Append lines of reruns.

        Raises:
            StoreError: the disk is full or not writable.
        """
        if self.folder:
            append(self.folder / f"{night[:7]}.jsonl", lines)

    def add_night(self, line: Line) -> None:
        """Append the line of a check. Raises: as `add`."""
        if self.folder:
            append(self.folder / "nights.jsonl", [line])

    def accept(self, lines: Iterable[Line]) -> None:
        """Append intended changes. Raises: as `add`."""
        if self.folder:
            append(self.folder / "accepted.jsonl", lines)

    def add_classes(self, classes: Mapping[str, Mapping[str, str]]) -> None:
        """Store facts of machine classes. Raises: as `add`."""
        if self.folder and classes:
            path = self.folder / "classes.json"
            known = json.loads(path.read_bytes()) if path.is_file() else {}
            if not classes.keys() <= known.keys():
                write_json(path, {**known, **{name: dict(facts) for name, facts in classes.items()}})


def append(path: Path, lines: Iterable[Line]) -> None:
    """Append JSON lines in one write, after terminating a partial line left by a kill.

    Raises:
        StoreError: the disk is full or not writable.
    """
    text = "".join(canonical_json(dict(line)) + "\n" for line in lines)
    if not text:
        return
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file that are JSON objects of a night; none if the file does not exist."""
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "night" in line:
                yield line


def by_night(lines: Iterable[Line]) -> list[Line]:
    """Lines in the order of their nights, stable within a night."""
    return sorted(lines, key=lambda line: str(line["night"]))


def of_key(lines: Sequence[Line], key: str) -> list[Line]:
    """The lines of the runs whose key starts with this."""
    return [line for line in lines if str(line["key"]).startswith(key)]
