"""Data files by content: a file is used only if its SHA-256 is the pinned one, and its counts can be held to a paper's.

A folder of data is named by what it must hold, so two recipes that mean the same files share it. Refused: keeping
anything of a wrong file, and guessing at a line that cannot be read.
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
LEAST_ITEMS = 3  # of a user: one to train on, one to validate, one to test


@dataclass(frozen=True)
class PinnedFile:
    """A file: where it comes from, the content it must have, the name a run looks for.

    Attributes:
        path: for `read`, and for messages.
        content: SHA-256, or `blob:` and the Git blob id where nobody has measured that yet.
    """

    path: str
    content: str
    name: str


class Counts(NamedTuple):
    """What a paper's table of data sets says: users, distinct items, interactions."""

    users: int
    items: int
    interactions: int


def materialise(
    files: Sequence[PinnedFile], read: Callable[[str], bytes], cache: Path, *, recheck: bool = False
) -> Path:
    """The folder that holds the files under their names, each verified; made on first use, then reused.

    Args:
        read: gives the content of a path; asked only for what is not there yet.
        recheck: hash the files again where the folder is there; otherwise their sizes are compared.

    Raises:
        DatasetError: naming path, expected and found hash; nothing of a wrong file is kept.
        SourceError: if `read` cannot have a file.
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
    """The folder that holds these files, or would hold them."""
    key = sha256_bytes(canonical_json(sorted([file.name, file.content] for file in files)).encode())
    return cache / "data" / key[:16]


def count_sequences(path: Path) -> Counts:
    """Users, distinct items and interactions of a file with one line per user: user id, then item ids, in time order.

    Raises:
        DatasetError: naming the line that has no item, no number, or a user seen before.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(str(path), f"cannot be read: {error}", "check the data files of the recipe") from error
    users, items, interactions = set[int](), set[int](), 0
    for number, line in enumerate(lines, start=1):
        try:
            user, *sequence = map(int, line.split())
        except ValueError as error:
            raise DatasetError(
                f"{path}:{number}", f"no line of ids: {line[:40]!r}", "expected: user item ..."
            ) from error
        if not sequence or user in users:
            what = f"user {user} has {'two lines' if user in users else 'no items'}"
            raise DatasetError(f"{path}:{number}", what, "one line per user, with at least one item")
        users.add(user)
        items.update(sequence)
        interactions += len(sequence)
    return Counts(len(users), len(items), interactions)


def check_sequences(path: Path, name: str) -> None:
    """Nothing, for a file of sequences that leave-one-out code can be run on; it has been counted before.

    Code bases that read such files make one row for each number up to the largest item's, and row 0 for padding, while
    a baseline that only counts knows the items of the file: with other numbers their candidates differ in silence.

    Args:
        name: what messages call the file.
    Raises:
        DatasetError: naming the line of a user with fewer than three items, of an item below 1, or a missing number.
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
    """Nothing, for a file of pairs that leave-one-out code can be run on; it has been counted before.

    Code bases that read such files number the items themselves, or refuse those below 1. Those that make a row for each
    number up to the largest rank more items than a baseline that counts: tables say so (`tables.notes`).

    Args:
        name: what messages call the file.
    Raises:
        DatasetError: naming the last line of a user with fewer than three items.
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
    """The error of a user from whom nothing can be held out."""
    fix = "leave users with fewer than 3 out: the last item is for the test, the one before for validation"
    return DatasetError(where, f"user {user} has {n_items} item(s)", fix)


def count_pairs(path: Path) -> Counts:
    """The same of a file with one line per interaction: user id, item id; a user's lines stand together, oldest first.

    Raises:
        DatasetError: naming the line that is none, or that brings a user back.
    """
    users, items, interactions, last = set[str](), set[str](), 0, ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            if len(words) != 2 or (words[0] != last and words[0] in users):
                what = f"not `user item`: {line[:40]!r}" if len(words) != 2 else f"user {words[0]} comes back"
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
    """SHA-256 of interactions, the same for any layout: of their sorted lines `user position item`."""
    return sha256_bytes("".join(f"{user} {n} {item}\n" for user, n, item in sorted(rows)).encode())


def has_users_from(rows: Iterable[tuple[int, int, int]], first: int) -> bool:
    """Whether the users are `first`, the next number and so on, in the order in which they begin."""
    users = list(dict.fromkeys(user for user, _, _ in rows))
    return users == list(range(first, first + len(users)))


def compare(counts: Counts, expected: Counts, where: str) -> list[str]:
    """Each count that differs from the expected one, as text; empty if all agree.

    Args:
        where: who says what is expected, for the text.
    """
    return [
        f"{name}: {found:,} in the file, {value:,} in {where} ({found - value:+,})"
        for name, found, value in zip(Counts._fields, counts, expected, strict=True)
        if found != value
    ]


def _place(folder: Path, file: PinnedFile) -> Path:
    """Where a file goes, inside the folder.

    Raises:
        DatasetError: for a name that leaves it or is the harness's own.
    """
    parts = Path(file.name).parts
    if not parts or Path(file.name).is_absolute() or ".." in parts or file.name == SIZES_FILE:
        raise DatasetError(file.path, f"name {file.name!r} leaves the data folder", "give a plain relative file name")
    return folder / file.name


def _verified(file: PinnedFile, data: bytes) -> bytes:
    """The data, if it is the pinned one.

    Raises:
        DatasetError: with both hashes.
    """
    found = content_of(data, file.content)
    if found != file.content:
        kind = "" if file.content.startswith(BLOB) else "SHA-256 "
        what = f"expected {kind}{file.content}, found {found} ({len(data):,} bytes); nothing of it was kept"
        raise DatasetError(file.path, what, "take the file from the pinned commit, or correct the hash in the recipe")
    return data


def content_of(data: bytes, like: str) -> str:
    """What pins these bytes, written as in `like`: SHA-256 or Git blob id."""
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
    """Whether the folder is there and holds the files with the sizes, or hashes, that they had."""
    try:
        whole = (folder / SIZES_FILE).read_text(encoding="utf-8") == _sizes(folder, files)
        return whole and (not recheck or all(_is_still(folder / file.name, file.content) for file in files))
    except OSError:
        return False


def _move(fresh: Path, target: Path, aside: Path, files: Sequence[PinnedFile]) -> None:
    """Put the fresh folder in place; one made by another process meanwhile serves as well."""
    with disk_errors(target):
        if target.exists():
            os.rename(target, aside)
        try:
            os.rename(fresh, target)
        except OSError:
            if not _is_whole(target, files, recheck=False):
                raise
