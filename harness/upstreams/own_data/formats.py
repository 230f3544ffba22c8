"""Interactions read from a file, in one of five formats; every line is read or refused, with its number.

    recbole     .inter of RecBole's atomic files: tabs, a header line with types such as `user_id:token`
    movielens   ratings.dat: `user::item::rating::time`
    csv         a header line that names the columns, such as `userId,movieId,rating,timestamp`
    plain       `user item` or `user item time`, between spaces or tabs; a header line may name these and other columns
    sequences   `user item item item ...`, a line per user, oldest first, as in S3Rec's own files

Ids are any text. A byte order mark, CRLF and blank lines are ignored; ratings and other columns are not used.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import ArgumentError, DatasetError, near_misses
from harness.core.files import sha256_bytes

FORMATS = ("recbole", "movielens", "csv", "plain", "sequences")
USER, ITEM, TIME = "user", "item", "time"
NAMES = {
    USER: ("user", "userid", "uid"),
    ITEM: ("item", "itemid", "iid", "movie", "movieid"),
    TIME: ("time", "timestamp", "ts"),
}
FIX = "correct or remove this line"


class Row(NamedTuple):
    """One interaction.

    Attributes:
        time: in any unit; None in a file without times, which is ordered by lines.
        line: its number in the file, from 1.
    """

    user: str
    item: str
    time: float | None
    line: int


@dataclass(frozen=True)
class Interactions:
    """All interactions of a file, in its order.

    Attributes:
        sha256: of the file.
        has_times: whether they have times; all of them do, or none.
    """

    path: Path
    format: str
    sha256: str
    rows: Sequence[Row]

    @property
    def has_times(self) -> bool:
        """Whether each has a time."""
        return bool(self.rows) and self.rows[0].time is not None


def read(path: Path, kind: str = "") -> Interactions:
    """The interactions of a file.

    Args:
        kind: one of FORMATS; detected from the file's name and first line by default.
    Raises:
        ArgumentError: an unknown format, or no such file. DatasetError: an unreadable file or line.
    """
    if kind and kind not in FORMATS:
        raise ArgumentError("--format", f"unknown format {kind!r}", near_misses(kind, FORMATS))
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ArgumentError("FILE", f"no such file: {path}", "give the path of a file with interactions") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(str(path), f"is not readable: {error}", "give a text file in UTF-8") from error
    numbered = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    lines = [(number, line) for number, line in numbered if line.strip()]
    if not lines:
        raise DatasetError(str(path), "has no interactions", "give a file with one line per interaction")
    kind = kind or detected(path, lines[0][1])
    rows = of_sequences(path, lines) if kind == "sequences" else of_columns(path, lines, kind)
    return Interactions(path, kind, sha256_bytes(data), list(rows))


def detected(path: Path, first: str) -> str:
    """The format by a file's name and first line."""
    if path.suffix == ".inter" or ":token" in first:
        return "recbole"
    if "::" in first:
        return "movielens"
    if path.suffix == ".csv" or "," in first:
        return "csv"
    words = first.split()
    return "plain" if len(words) in (2, 3) or is_header(words) else "sequences"


def is_header(words: Sequence[str]) -> bool:
    """Whether these are names of columns."""
    return any(bare(word) in NAMES[USER] for word in words) and any(bare(word) in NAMES[ITEM] for word in words)


def bare(word: str) -> str:
    """A column's name without its type, case and underscores: `user_id:token` and `userId` are both `userid`."""
    return word.partition(":")[0].strip().lower().replace("_", "")


def of_columns(path: Path, lines: Sequence[tuple[int, str]], kind: str) -> Iterator[Row]:
    """The interactions of a file with one per line.

    Raises:
        DatasetError: with the line.
    """
    number, first = lines[0]
    names = fields(first, kind, "\t" in first)
    if header := is_header(names):
        places = columns(f"{path}:{number}", names)
    elif kind in ("csv", "recbole"):
        what = f"no header line with a user and an item column: {first[:60]!r}"
        raise DatasetError(f"{path}:{number}", what, f"name the columns in the first line: {known_names()}")
    else:
        places = {USER: 0, ITEM: 1} | ({TIME: 3} if kind == "movielens" else {TIME: 2} if len(names) == 3 else {})
        if len(names) not in ((4,) if kind == "movielens" else (2, 3)):
            raise DatasetError(f"{path}:{number}", *wrong_count(kind, first, len(names)))
    for number, line in lines[header:]:
        words = fields(line, kind, "\t" in first)
        if len(words) != len(names):
            raise DatasetError(f"{path}:{number}", *wrong_count(kind, line, len(words), len(names)))
        user, item = words[places[USER]].strip(), words[places[ITEM]].strip()
        if not user or not item:
            raise DatasetError(f"{path}:{number}", f"no user or no item: {line[:60]!r}", FIX)
        yield Row(user, item, as_time(words[places[TIME]], f"{path}:{number}") if TIME in places else None, number)


def fields(line: str, kind: str, tabs: bool) -> list[str]:
    """The columns of a line."""
    if kind == "csv":
        return next(csv.reader([line]))
    if kind == "movielens":
        return line.split("::")
    return line.split("\t") if tabs else line.split()


def columns(where: str, names: Sequence[str]) -> dict[str, int]:
    """The indices of user, item and, if present, time.

    Raises:
        DatasetError: two columns for one of them.
    """
    found = {what: [n for n, name in enumerate(names) if bare(name) in known] for what, known in NAMES.items()}
    if twice := [what for what, places in found.items() if len(places) > 1]:
        what = f"two columns could be the {twice[0]}: {', '.join(names[n] for n in found[twice[0]])}"
        raise DatasetError(where, what, "rename or remove one of them")
    return {what: places[0] for what, places in found.items() if places}


def known_names() -> str:
    """Known names of columns, for messages."""
    return f"user_id or userId, item_id or movieId, {' or '.join(NAMES[TIME][1::-1])}"


def wrong_count(kind: str, line: str, found: int, expected: int = 0) -> tuple[str, str]:
    """The fault of a line with too many or too few columns, and the fix."""
    what = f"{found} columns" + (f", the first line has {expected}" if expected else "") + f": {line[:60]!r}"
    if kind == "movielens":
        return what, "expected user::item::rating::time"
    if kind == "plain":
        fix = "expected `user item` or `user item time`; for other columns give a header line with their names"
        return what, f"{fix}, and for a line per user write --format sequences"
    return what, FIX


def as_time(text: str, where: str) -> float:
    """A time as a number.

    Raises:
        DatasetError: it is not a number.
    """
    try:
        found = int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        fix = "write times as numbers, such as seconds since 1970; a header line needs names such as user_id, item_id"
        raise DatasetError(where, f"time {text[:40]!r} is not a number", fix)
    return found


def of_sequences(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The interactions of a file with a line per user.

    Raises:
        DatasetError: a user without items, or with two lines.
    """
    seen: dict[str, int] = {}
    for number, line in lines:
        user, *items = line.split()
        if not items:
            raise DatasetError(f"{path}:{number}", f"user {user} has no items", FIX)
        if user in seen:
            what = f"user {user} has another line, {seen[user]}"
            raise DatasetError(f"{path}:{number}", what, "write all items of a user in one line, oldest first")
        seen[user] = number
        yield from (Row(user, item, None, number) for item in items)
