"""What lies in the cache, how large it is, and its removal; everything in it can be recreated or fetched again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import ArgumentError, StoreError, near_misses
from harness.core.files import remove_tree
from harness.runs.store import Store
from harness.runs.under_way import is_held

#: Folders of the cache; the locks are not among them: a lock that is removed while it is held protects nothing.
PARTS = {
    "clones": "code bases, fetched at their commits",
    "trees": "patched source trees",
    "data": "data files, verified by hash",
    "environments": "virtual environments; recreated in minutes",
    "embedded": "the embedded code base of the demonstration",
    "weights": "weights that runs made for others; hours to recreate",
    "losses": "files of custom losses",
    "images": "downloads for container images",
    "work": "folders of active and interrupted runs",
    "check": "records of nightly reruns",
}


@dataclass(frozen=True)
class CachePart:
    """One folder of the cache.

    Attributes:
        size: bytes on the disk of its plain files, a hard-linked file once.
    """

    name: str
    content: str
    folder: Path
    entries: int
    size: int


def parts(config: Config) -> list[CachePart]:
    """The folders of the cache that are there."""
    found = []
    for name, content in PARTS.items():
        folder = config.cache / name
        if folder.is_dir():
            found.append(CachePart(name, content, folder, len(os.listdir(folder)), size_of(folder)))
    return found


def size_of(folder: Path) -> int:
    """Bytes of the plain files below a folder, each once; links are not followed."""
    seen: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(place, name))
            seen[status.st_dev, status.st_ino] = status.st_size
    return sum(seen.values())


def check_names(names: Sequence[str]) -> None:
    """Refuse names of folders that the cache does not have.

    Raises:
        ArgumentError: an unknown folder.
    """
    if unknown := [name for name in names if name not in PARTS]:
        raise ArgumentError("NAME", f"unknown folder of the cache {unknown[0]!r}", near_misses(unknown[0], PARTS))


def clean(config: Config, names: Sequence[str]) -> list[CachePart]:
    """Remove folders of the cache; what was removed.

    Raises:
        ArgumentError: an unknown folder. StoreError: a run is active, which may use any of them.
    """
    check_names(names)
    store = Store(config.results, config.cache)
    work = config.cache / "work"
    active = [path.name for path in work.glob("*") if path.is_dir() and is_held(store, path.name)]
    if active:
        raise StoreError(str(config.cache), f"the run {active[0][:8]} is active", "clean when no run is active")
    removed = [part for part in parts(config) if part.name in names]
    for part in removed:
        remove_tree(part.folder)
    return removed
