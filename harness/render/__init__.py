"""A `Table` as files: the only place that rounds and escapes. Formats are imported when asked for."""

from __future__ import annotations

from harness.tables import Table


def files(table: Table) -> dict[str, str]:
    """The table in all formats that are kept: end of the file's name to its text."""
    from harness.render import csv, latex, markdown

    return {
        ".md": markdown.render(table),
        ".tex": latex.render(table),
        ".csv": csv.values(table),
        "-claims.csv": csv.claims(table),
    }
