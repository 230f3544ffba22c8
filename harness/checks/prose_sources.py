"""Sources of numbers in documents: cells of stored tables, of their runs' records, of CSV and Markdown files.

    SOURCE [COLUMN=PATTERN ...] COLUMN[,COLUMN ...] [min|max|count]

COLUMN may be COLUMN/COLUMN, and with a % at its end it is 100 times the cell.

SOURCE is a name that the document gives to a folder below results/tables, that folder itself, or a file. A folder's
rows are those of all its CSV files; `FOLDER/runs` has one row for each of its runs, with the values of record.json.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.checks.prose_text import numbers

RUNS = "/runs"
TABLES = Path("results/tables")
Row = Mapping[str, str]
OF_SEVERAL: Mapping[str, Callable[[Sequence[Decimal]], Decimal]] = {
    "min": min, "max": max, "count": lambda values: Decimal(len(values)),
}  # fmt: skip


class NoSourceError(ValueError):
    """A source that does not exist, or has no such cells; the message says which."""


@dataclass(frozen=True)
class Sources:
    """The rows that documents of a project may name.

    Attributes:
        results: folder with runs and tables.
    """

    root: Path
    results: Path
    _rows: dict[str, list[Row]] = field(default_factory=dict)

    def cells(self, words: Sequence[str], names: Mapping[str, str]) -> list[Decimal]:
        """The values that an entry names.

        Args:
            names: the document's names of its sources.
        Raises:
            NoSourceError: no such source, column or row.
        """
        source, _, end = words[0].partition(RUNS)
        place = names.get(source, source) + (RUNS if words[0].endswith(RUNS) and not end else "")
        filters = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        plain = [word for word in words[1:] if "=" not in word]
        together = plain.pop() if plain and plain[-1] in OF_SEVERAL else ""
        rows = [row for row in self.rows(place) if all(fits(row, *item) for item in filters.items())]
        if not rows:
            raise NoSourceError(f"no row of {words[0]} has {' '.join(words[1:]) or 'anything'}")
        columns = [name for word in plain for name in word.split(",")] or ["value"]
        found = {name: [v for row in rows if (v := value_of(row, name)) is not None] for name in columns}
        if empty := [name for name, values in found.items() if not values]:
            raise NoSourceError(f"{words[0]} has no number in {', '.join(empty)}")
        if together:
            return [OF_SEVERAL[together](values) for values in found.values()]
        return [value for values in found.values() for value in values]

    def rows(self, place: str) -> list[Row]:
        """All rows of a source.

        Raises:
            NoSourceError: no source has this name.
        """
        if place not in self._rows:
            self._rows[place] = list(self.read(place))
        return self._rows[place]

    def read(self, place: str) -> Iterator[Row]:
        """The rows of a table's folder, of its runs, or of a file."""
        folder = self.results / "tables" / place.removesuffix(RUNS)
        path = self.root / place
        if folder.is_dir():
            found = [row for file in sorted(folder.glob("*.csv")) for row in of_csv(file)]
            yield from self.of_runs(found) if place.endswith(RUNS) else found
        elif path.suffix == ".csv" and path.is_file():
            yield from of_csv(path)
        elif path.suffix == ".md" and path.is_file():
            for line in path.read_text(encoding="utf-8").split("\n"):
                yield from ({"value": found.text, "line": line} for found in numbers(line))
        else:
            raise NoSourceError(f"no table or file {place}")

    def of_runs(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The records of the runs that a table's rows name, each once."""
        keys = [key for row in rows for key in row.get("runs", "").split(";") if key]
        for key in dict.fromkeys(keys):
            path = self.results / "runs" / key / "record.json"
            if path.is_file():
                yield dict(flat(json.loads(path.read_bytes())))

    @cached_property
    def known(self) -> list[str]:
        """Folders of tables, for messages."""
        found = (path.parent for path in (self.results / "tables").glob("*/*/*/*.csv"))
        return sorted({str(path.relative_to(self.results / "tables")) for path in found})


def of_csv(path: Path) -> Iterator[Row]:
    """The rows of a CSV file; for a table's own files, `claim` is the pair of systems."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            more = {"claim": f"{row['better']}>{row['worse']}"} if "better" in row else {}
            yield {**row, **more, "file": path.name}


def flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as names with dots; `inputs` and `formerly`, which hold no results, are left out."""
    for name, value in content.items():
        if isinstance(value, dict):
            if not before and name in ("inputs", "formerly", "resolved"):
                continue
            yield from flat(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}", str(value)


def fits(row: Row, column: str, pattern: str) -> bool:
    """Whether a row has one of the alternatives of a pattern in a column; `~text` means `contains this text`."""
    value = cell(row, column)
    if value is None:
        return False
    if pattern.startswith("~"):
        return pattern[1:].replace("_", " ") in value.replace("_", " ")
    return any(fnmatchcase(value.replace(" ", "_"), one.replace(" ", "_")) for one in pattern.split("|"))


def value_of(row: Row, column: str) -> Decimal | None:
    """A cell's value, of `A/B` one cell divided by another, of `A%` in percent; None if it is not a number."""
    one, _, other = column.removesuffix("%").partition("/")
    value, by = number(cell(row, one) or ""), number(cell(row, other) or "") if other else Decimal(1)
    return value / by * (100 if column.endswith("%") else 1) if value is not None and by else None


def cell(row: Row, column: str) -> str | None:
    """A row's text in a column, or None; an entry writes `_` for a space of the column's name."""
    return row.get(column, row.get(column.replace("_", " ")))


def number(text: str) -> Decimal | None:
    """A cell's value, None if it is not a number."""
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
