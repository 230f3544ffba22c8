"""A `Table` as files: the only place that rounds and escapes. Formats are imported on demand."""

from __future__ import annotations

from collections.abc import Iterable

from harness.tables.build import Table

FORMATS = ("md", "tex", "csv", "html")  # report.figures adds one more, `figures`
KEPT = ("md", "tex", "csv")


def files(table: Table, formats: Iterable[str] = KEPT) -> dict[str, str]:
    """The table in these formats, of `FORMATS`: file suffix to text."""
    found: dict[str, str] = {}
    for name in formats:
        found |= _files(table, name)
    return found


def _files(table: Table, name: str) -> dict[str, str]:
    from harness.report.formats import csv, html, latex, markdown

    if name == "md":
        return {".md": markdown.render(table)}
    if name == "tex":
        return {".tex": latex.render(table), "-tabular.tex": latex.tabular(table)}
    if name == "html":
        return {".html": html.render(table)}
    found = {".csv": csv.values(table), "-claims.csv": csv.claims(table), "-replication.csv": csv.replication(table)}
    return {end: text for end, text in found.items() if text}
