"""A judged table as plain values, for `--json`: the rows of table.csv and table-claims.csv, numbers as numbers."""

from __future__ import annotations

import io
from csv import DictReader
from typing import Any

from harness.core.name_values import as_number
from harness.report.formats import csv
from harness.tables.build import Table

TEXT = ("artifact", "dataset", "metric", "system", "better", "worse", "runs", "verdict", "claimed_by", "signature")


def plain(table: Table) -> dict[str, list[dict[str, Any]]]:
    """The values and claims of a table; None where there is nothing."""
    return {"values": rows(csv.values(table)), "claims": rows(csv.claims(table))}


def rows(text: str) -> list[dict[str, Any]]:
    """The rows of a CSV text."""
    return [{name: value_of(name, value) for name, value in row.items()} for row in DictReader(io.StringIO(text))]


def value_of(column: str, text: str) -> str | int | float | None:
    """The value of a field: a number where it is one and the column may hold numbers, None for an empty field."""
    if not text or column in TEXT:
        return text or None
    return as_number(text)
