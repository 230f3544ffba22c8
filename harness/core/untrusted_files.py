"""Inspection of a folder that a third party's program wrote, before it is read: plain files and folders only.

A link could lead a reader out of the folder, a pipe block it, a folder nested thousands deep exhaust it.
No link is followed, and every folder is opened by its descriptor, so that a program that is still
running cannot redirect this one.
"""

from __future__ import annotations

import fnmatch
import os
import stat
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 40
MOST_ENTRIES = 100_000
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
KINDS = {
    stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One entry of a folder.

    Attributes:
        at: descriptor of its parent folder, open during the inspection.
        path: relative to the inspected folder.
        depth: 0 for direct entries of that folder.
    """

    at: int
    path: str
    facts: os.stat_result
    depth: int

    @property
    def name(self) -> str:
        """Its name in its parent folder."""
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not a link to one."""
        return stat.S_ISDIR(self.facts.st_mode)

    @property
    def fault(self) -> str:
        """Its fault; "" for a plain file with one name and for a folder that is not nested too deep."""
        if self.is_folder:
            return "folders nested too deep" if self.depth >= DEEPEST else ""
        if not stat.S_ISREG(self.facts.st_mode):
            return KINDS.get(stat.S_IFMT(self.facts.st_mode), "not a file")
        return "a file with a second name" if self.facts.st_nlink > 1 else ""


def entries(folder: Path, unlock: bool = False) -> Iterator[Entry]:
    """All entries of a folder, contents before their folder; too deep folders are not entered.

    Args:
        unlock: grant read permission on every folder; only if no program writes to them any more.
    Raises:
        OSError: a folder is not readable.
    """
    if unlock:
        os.chmod(folder, 0o755)
    at = os.open(folder, FOLDER)
    try:
        yield from below(at, "", 0, unlock)
    finally:
        os.close(at)


def below(at: int, path: str, depth: int, unlock: bool) -> Iterator[Entry]:
    """Everything below an open folder; see `entries`."""
    for name in os.listdir(at):
        try:
            entry = Entry(at, f"{path}{name}", os.stat(name, dir_fd=at, follow_symlinks=False), depth)
            enter = entry.is_folder and not entry.fault
            if unlock and entry.is_folder:
                os.chmod(name, 0o755, dir_fd=at)
            inner = os.open(name, FOLDER, dir_fd=at) if enter else None
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed or replaced meanwhile: the program is still running
        if inner is not None:
            try:
                yield from below(inner, f"{entry.path}/", depth + 1, unlock)
            finally:
                os.close(inner)
        yield entry


def excess(folder: Path, most_bytes: int) -> str:
    """The exceeded limit of a folder that a program is writing to, in words; "" if within limits.

    Args:
        most_bytes: disk space of all files together, and apparent size of each.
    """
    used = count = 0
    try:
        for entry in entries(folder):
            used, count = used + entry.facts.st_blocks * 512, count + 1
            if used > most_bytes or (stat.S_ISREG(entry.facts.st_mode) and entry.facts.st_size >= most_bytes):
                return f"wrote more than {most_bytes >> 20} MB"
            if count > MOST_ENTRIES:
                return f"made more than {MOST_ENTRIES:,} files"
            if entry.is_folder and entry.fault:
                return f"made {entry.fault}"
    except PermissionError:
        return "made a folder without read permission"
    return ""


def clear(folder: Path, most: Mapping[str, int], known_as: str = "") -> list[str]:
    """Remove all but plain files and folders from a folder that no program writes to any more.

    A link within the folder is removed too, but not reported: programs create such links.

    Args:
        known_as: the folder's path as the program saw it, if different.
        most: bytes of all files together that match a pattern (`ranks-*.npz`), since they are read into memory.
    Returns:
        descriptions of removed entries, such as "'out/model.pt', a link".
    Raises:
        OSError: it cannot be removed.
    """
    found, left = [], dict(most)
    for entry in entries(folder, unlock=True):
        what = entry.fault
        for like in (like for like in most if fnmatch.fnmatchcase(entry.path, like)):
            left[like] -= entry.facts.st_size
            what = what or ("a folder" if entry.is_folder else "larger than a record may be" if left[like] < 0 else "")
        if what:
            if not is_internal_link(entry, (str(folder), known_as or str(folder))):
                found.append(f"{entry.path[-60:]!a}, {what}")
            remove_deep_tree(entry.at, entry.name) if entry.is_folder else os.unlink(entry.name, dir_fd=entry.at)
    return found


def is_internal_link(entry: Entry, homes: tuple[str, str]) -> bool:
    """Whether an entry is a link whose text points inside the folder; no link is followed.

    Args:
        homes: paths of the folder.
    """
    if not stat.S_ISLNK(entry.facts.st_mode):
        return False
    target = os.path.normpath(
        os.path.join(homes[0], os.path.dirname(entry.path), os.readlink(entry.name, dir_fd=entry.at))
    )
    return any(target.startswith(f"{os.path.normpath(home)}/") for home in homes)


def remove_deep_tree(at: int, name: str) -> None:
    """Remove a folder of any depth: each subfolder is moved up beside it before it is emptied.

    Args:
        at: descriptor of its parent folder.
    Raises:
        OSError: it cannot be removed.
    """
    waiting = [name]
    while waiting:
        current = waiting.pop()
        os.chmod(current, 0o700, dir_fd=at)
        inner = os.open(current, FOLDER, dir_fd=at)
        try:
            for child in os.listdir(inner):
                if stat.S_ISDIR(os.stat(child, dir_fd=inner, follow_symlinks=False).st_mode):
                    os.chmod(child, 0o700, dir_fd=inner)  # a folder without write permission cannot be moved
                    waiting.append(f".{uuid.uuid4().hex}")
                    os.rename(child, waiting[-1], src_dir_fd=inner, dst_dir_fd=at)
                else:
                    os.unlink(child, dir_fd=inner)
        finally:
            os.close(inner)
        os.rmdir(current, dir_fd=at)


def chown_tree(folder: Path, uid: int, gid: int) -> None:
    """Make a user the owner of a folder and of all its entries, links themselves included.

    Raises:
        OSError: only root may.
    """
    for entry in entries(folder, unlock=True):
        os.chown(entry.name, uid, gid, dir_fd=entry.at, follow_symlinks=False)
    os.chown(folder, uid, gid, follow_symlinks=False)
