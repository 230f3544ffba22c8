"""Data files by content: a file is used only if its SHA-256 is the pinned one; its counts are verified.

A folder of data is named by its required content, so recipes with the same files share it. Refused: keeping
any part of a wrong file, and guessing an unreadable line.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import DatasetError
from harness.core.files import canonical_json, disk_errors, remove_tree, sha256_bytes, sha256_file, write_whole

SIZES_FILE = ".sizes"
BLOB = "blob:"
LEAST_ITEMS = 3  # of a user: one each to train, to validate and to test


@dataclass(frozen=True)
class PinnedFile:
    """A file: its source, required content, and the name expected by runs.

    Attributes:
        path: for `read`, and for messages.
        content: SHA-256, or `blob:` and the Git blob id if the SHA-256 is unknown.
    """

    path: str
    content: str
    name: str


class Counts(NamedTuple):
    """Counts of a dataset: users, distinct items, interactions."""

    users: int
    items: int
    interactions: int


def materialise(
    files: Sequence[PinnedFile], read: Callable[[str], bytes], cache: Path, *, recheck: bool = False
) -> Path:
    """The folder that holds the files under their names, each verified; created on first use, then reused.

    Args:
        read: returns the content of a path; called only for missing files.
        recheck: hash the files again if the folder exists; otherwise only sizes are compared.

    Raises:
        DatasetError: with path, expected and found hash; no part of a wrong file is kept.
        SourceError: if a file is unavailable.
    """
    target = place_of(files, cache)
    if _is_whole(target, files, recheck):
        return target
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for file in files:
            write_whole(_place(scratch / "new", file), _verified(file, read(file.path)))
        write_whole(scratch / "new" / SIZES_FILE, _sizes(scratch / "new", files))
        _move(scratch / "new", target, scratch / "old", files)
    finally:
        remove_tree(scratch)
    return target


def place_of(files: Sequence[PinnedFile], cache: Path) -> Path:
    """The folder of these files, existing or not."""
    key = sha256_bytes(canonical_json(sorted([file.name, file.content] for file in files)).encode())
    return cache / "data" / key[:16]


def count_sequences(path: Path) -> Counts:
    """Users, distinct items and interactions of a file with one line per user: user id, then item ids, in time order.

    Raises:
        DatasetError: with the line that has no item, a non-number, or a duplicate user.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(str(path), f"is not readable: {error}", "check the data files of the recipe") from error
    users, items, interactions = set[int](), set[int](), 0
    for number, line in enumerate(lines, start=1):
        try:
            user, *sequence = map(int, line.split())
        except ValueError as error:
            raise DatasetError(
                f"{path}:{number}", f"not a line of ids: {line[:40]!r}", "expected: user item ..."
            ) from error
        if not sequence or user in users:
            what = f"user {user} has {'two lines' if user in users else 'no items'}"
            raise DatasetError(f"{path}:{number}", what, "one line per user, with at least one item")
        users.add(user)
        items.update(sequence)
        interactions += len(sequence)
    return Counts(len(users), len(items), interactions)


def check_sequences(path: Path, name: str) -> None:
    """Check that leave-one-out code can use a file of sequences, which has been counted before.

    Code bases that read such files make one row for each number up to the largest item's, and row 0 for padding, while
    a counting baseline uses the items of the file: with gaps their candidates would silently differ.

    Args:
        name: of the file in messages.
    Raises:
        DatasetError: with the line of a user with fewer than three items, of an item below 1, or a missing number.
    """
    items: set[int] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"), start=1):
        user, *sequence = map(int, line.split())
        if len(sequence) < LEAST_ITEMS:
            raise too_few(f"{name}:{number}", user, len(sequence))
        if min(sequence) < 1:
            raise DatasetError(f"{name}:{number}", f"item {min(sequence)}", "number items from 1: 0 is the padding")
        items.update(sequence)
    if absent := max(items) - len(items):
        first = next(n for n in range(1, max(items)) if n not in items)
        what = f"{len(items):,} items with numbers up to {max(items):,}; {absent:,} are missing, the first is {first}"
        raise DatasetError(name, what, "number items from 1 without gaps: missing ones would be candidates")


def check_pairs(path: Path, name: str) -> None:
    """Check that leave-one-out code can use a file of pairs, which has been counted before.

    Code bases that read such files renumber the items, or refuse items below 1. Those that make a row for each
    number up to the largest rank more items than a counting baseline: tables note this (`tables.notes`).

    Args:
        name: of the file in messages.
    Raises:
        DatasetError: with the last line of a user with fewer than three items.
    """
    last, n_items, number = "", LEAST_ITEMS, 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            user = line.split()[0]
            if user != last and n_items < LEAST_ITEMS:
                raise too_few(f"{name}:{number - 1}", last, n_items)
            n_items = n_items + 1 if user == last else 1
            last = user
    if n_items < LEAST_ITEMS:
        raise too_few(f"{name}:{number}", last, n_items)


def too_few(where: str, user: int | str, n_items: int) -> DatasetError:
    """The error for a user with too few items to hold out."""
    fix = "remove users with fewer than 3: the last item is for the test, the one before for validation"
    return DatasetError(where, f"user {user} has {n_items} item(s)", fix)


def count_pairs(path: Path) -> Counts:
    """The same of a file with one line per interaction: user id, item id; a user's lines are contiguous, oldest first.

    Raises:
        DatasetError: with an invalid line, or one of a user whose lines are not contiguous.
    """
    users, items, interactions, last = set[str](), set[str](), 0, ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            if len(words) != 2 or (words[0] != last and words[0] in users):
                what = (
                    f"not `user item`: {line[:40]!r}"
                    if len(words) != 2
                    else f"user {words[0]} has lines in several places"
                )
                raise DatasetError(f"{path}:{number}", what, "one line per interaction, a user's lines together")
            last = words[0]
            users.add(words[0])
            items.add(words[1])
            interactions += 1
    return Counts(len(users), len(items), interactions)


def read_interactions(path: Path) -> list[tuple[int, int, int]]:
    """User, position and item of every interaction, from lines `user item` or `user item item ...`, in their order."""
    position: dict[int, int] = {}
    rows = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            user, *items = map(int, line.split())
            for item in items:
                position[user] = position.get(user, 0) + 1
                rows.append((user, position[user], item))
    return rows


def hash_interactions(rows: Iterable[tuple[int, int, int]]) -> str:
    """SHA-256 of interactions, independent of the layout: of their sorted lines `user position item`."""
    return sha256_bytes("".join(f"{user} {n} {item}\n" for user, n, item in sorted(rows)).encode())


def has_users_from(rows: Iterable[tuple[int, int, int]], first: int) -> bool:
    """Whether the users are `first`, the next number and so on, in order of first appearance."""
    users = list(dict.fromkeys(user for user, _, _ in rows))
    return users == list(range(first, first + len(users)))


def compare(counts: Counts, expected: Counts, where: str) -> list[str]:
    """Each count that differs from the expected one, as text; empty if all agree.

    Args:
        where: source of the expected counts, for the text.
    """
    return [
        f"{name}: {found:,} in the file, {value:,} in {where} ({found - value:+,})"
        for name, found, value in zip(Counts._fields, counts, expected, strict=True)
        if found != value
    ]


def _place(folder: Path, file: PinnedFile) -> Path:
    """The path of a file inside the folder.

    Raises:
        DatasetError: for a name that leaves it or is reserved.
    """
    parts = Path(file.name).parts
    if not parts or Path(file.name).is_absolute() or ".." in parts or file.name == SIZES_FILE:
        raise DatasetError(file.path, f"name {file.name!r} leaves the data folder", "give a plain relative file name")
    return folder / file.name


def _verified(file: PinnedFile, data: bytes) -> bytes:
    """The data, if it has the pinned content.

    Raises:
        DatasetError: with both hashes.
    """
    found = content_of(data, file.content)
    if found != file.content:
        kind = "" if file.content.startswith(BLOB) else "SHA-256 "
        what = f"expected {kind}{file.content}, found {found} ({len(data):,} bytes); it was not kept"
        raise DatasetError(file.path, what, "use the file of the pinned commit, or correct the hash in the recipe")
    return data


def content_of(data: bytes, like: str) -> str:
    """The hash of these bytes, of the kind of `like`: SHA-256 or Git blob id."""
    if like.startswith(BLOB):
        return BLOB + hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return sha256_bytes(data)


def _is_still(path: Path, content: str) -> bool:
    """Whether a file has this content."""
    if content.startswith(BLOB):
        return content_of(path.read_bytes(), content) == content
    return sha256_file(path) == content


def _sizes(folder: Path, files: Sequence[PinnedFile]) -> str:
    """Names and sizes as text: written last, compared before reuse."""
    return canonical_json({file.name: (folder / file.name).stat().st_size for file in files})


def _is_whole(folder: Path, files: Sequence[PinnedFile], recheck: bool) -> bool:
    """Whether the folder exists and holds the files with unchanged sizes, or hashes."""
    try:
        whole = (folder / SIZES_FILE).read_text(encoding="utf-8") == _sizes(folder, files)
        return whole and (not recheck or all(_is_still(folder / file.name, file.content) for file in files))
    except OSError:
        return False


def _move(fresh: Path, target: Path, aside: Path, files: Sequence[PinnedFile]) -> None:
    """Move the new folder to its place; one created by another process meanwhile is used instead."""
    with disk_errors(target):
        if target.exists():
            os.rename(target, aside)
        try:
            os.rename(fresh, target)
        except OSError:
            if not _is_whole(target, files, recheck=False):
                raise
