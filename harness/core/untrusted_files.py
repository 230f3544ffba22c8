"""What somebody else's program left in a folder, looked over before anything reads it: plain files and folders only.

A link would lead a reader out of the folder, a pipe make it wait for ever, a folder nested thousands deep exhaust it.
No link is followed while looking, and every folder is opened by its descriptor, so that a program that is still at
work cannot lead this one astray either.
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
    """Something in a folder.

    Attributes:
        at: descriptor of the folder that holds it, open while it is looked at.
        path: where it lies below the folder that was looked into.
        depth: 0 for what lies in that folder itself.
    """

    at: int
    path: str
    facts: os.stat_result
    depth: int

    @property
    def name(self) -> str:
        """Its name in the folder that holds it."""
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no link to one."""
        return stat.S_ISDIR(self.facts.st_mode)

    @property
    def oddity(self) -> str:
        """What is wrong with it, "" for a plain file with one name and for a folder that is not nested too deep."""
        if self.is_folder:
            return "folders nested too deep" if self.depth >= DEEPEST else ""
        if not stat.S_ISREG(self.facts.st_mode):
            return KINDS.get(stat.S_IFMT(self.facts.st_mode), "no file")
        return "a file with a second name" if self.facts.st_nlink > 1 else ""


def entries(folder: Path, mend: bool = False) -> Iterator[Entry]:
    """Everything in a folder, what is inside before what holds it; folders nested too deep are not gone into.

    Args:
        mend: take the right to look into every folder; only where nobody writes to any of them any more.
    Raises:
        OSError: a folder cannot be looked into.
    """
    if mend:
        os.chmod(folder, 0o755)
    at = os.open(folder, FOLDER)
    try:
        yield from below(at, "", 0, mend)
    finally:
        os.close(at)


def below(at: int, path: str, depth: int, mend: bool) -> Iterator[Entry]:
    """Everything below an open folder; see `entries`."""
    for name in os.listdir(at):
        try:
            entry = Entry(at, f"{path}{name}", os.stat(name, dir_fd=at, follow_symlinks=False), depth)
            enter = entry.is_folder and not entry.oddity
            if mend and entry.is_folder:
                os.chmod(name, 0o755, dir_fd=at)
            inner = os.open(name, FOLDER, dir_fd=at) if enter else None
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone meanwhile, or another thing by now: the program is still at work
        if inner is not None:
            try:
                yield from below(inner, f"{entry.path}/", depth + 1, mend)
            finally:
                os.close(inner)
        yield entry


def excess(folder: Path, most_bytes: int) -> str:
    """What is too much about a folder that a program is writing into, in words; "" where it is within its limits.

    Args:
        most_bytes: that all its files together may take on the disk, and that one may claim to have.
    """
    used = count = 0
    try:
        for entry in entries(folder):
            used, count = used + entry.facts.st_blocks * 512, count + 1
            if used > most_bytes or (stat.S_ISREG(entry.facts.st_mode) and entry.facts.st_size >= most_bytes):
                return f"wrote more than {most_bytes >> 20} MB"
            if count > MOST_ENTRIES:
                return f"made more than {MOST_ENTRIES:,} files"
            if entry.is_folder and entry.oddity:
                return f"made {entry.oddity}"
    except PermissionError:
        return "made a folder that nobody may look into"
    return ""


def clear(folder: Path, most: Mapping[str, int], known_as: str = "") -> list[str]:
    """Remove all but plain files and folders from a folder that nobody writes to any more.

    A link from one place of the folder to another is removed too, but is nothing to tell of: programs make such.

    Args:
        known_as: the folder's own path as the program saw it, where that is another one.
        most: bytes that all files together whose path is like this (`ranks-*.npz`) may have: they will be read whole.
    Returns:
        what was removed, in words, such as "'out/model.pt', a link".
    Raises:
        OSError: it cannot be removed.
    """
    found, left = [], dict(most)
    for entry in entries(folder, mend=True):
        what = entry.oddity
        for like in (like for like in most if fnmatch.fnmatchcase(entry.path, like)):
            left[like] -= entry.facts.st_size
            what = what or ("a folder" if entry.is_folder else "larger than a record may be" if left[like] < 0 else "")
        if what:
            if not is_internal_link(entry, (str(folder), known_as or str(folder))):
                found.append(f"{entry.path[-60:]!a}, {what}")
            remove_deep_tree(entry.at, entry.name) if entry.is_folder else os.unlink(entry.name, dir_fd=entry.at)
    return found


def is_internal_link(entry: Entry, homes: tuple[str, str]) -> bool:
    """Whether something is a link that, as it is written, leads to another place of the folder; no link is followed.

    Args:
        homes: paths that the folder goes by.
    """
    if not stat.S_ISLNK(entry.facts.st_mode):
        return False
    target = os.path.normpath(
        os.path.join(homes[0], os.path.dirname(entry.path), os.readlink(entry.name, dir_fd=entry.at))
    )
    return any(target.startswith(f"{os.path.normpath(home)}/") for home in homes)


def remove_deep_tree(at: int, name: str) -> None:
    """Remove a folder however deep it is: each one in it is moved up beside it before it is emptied.

    Args:
        at: descriptor of the folder that holds it.
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
                    os.chmod(child, 0o700, dir_fd=inner)  # one that cannot be written to cannot be moved
                    waiting.append(f".{uuid.uuid4().hex}")
                    os.rename(child, waiting[-1], src_dir_fd=inner, dst_dir_fd=at)
                else:
                    os.unlink(child, dir_fd=inner)
        finally:
            os.close(inner)
        os.rmdir(current, dir_fd=at)


def chown_tree(folder: Path, uid: int, gid: int) -> None:
    """Make a user the owner of a folder and of all in it, links themselves included.

    Raises:
        OSError: only root may.
    """
    for entry in entries(folder, mend=True):
        os.chown(entry.name, uid, gid, dir_fd=entry.at, follow_symlinks=False)
    os.chown(folder, uid, gid, follow_symlinks=False)
