"""A table of dataset sizes as Markdown, LaTeX and CSV, and the texts shared by every format."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from harness.recipes.papers.dataset_sizes import STATISTICS, Row, SizeTable, Statistic
from harness.report.formats import latex, markdown
from harness.report.formats.templating import rendered
from harness.report.view import slug

TITLES = {
    "users": "Users", "items": "Items", "interactions": "Interactions", "average_length": "Average length",
    "density": "Density %",
}  # fmt: skip
COLUMNS = ("artifact", "dataset", "statistic", "paper", "counted", "verdict", "remark", "file", "sha256", "source")


@dataclass(frozen=True)
class Cell:
    """One number: the counted one, and the paper's if they differ or nothing was counted."""

    counted: str
    paper: str
    verdict: str


@dataclass(frozen=True)
class Line:
    """One dataset with its cells and notes."""

    label: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...]


def titles(table: SizeTable) -> list[str]:
    """The columns that the paper has."""
    names = {statistic.name for row in table.rows for statistic in row.statistics}
    return [TITLES[name] for name in STATISTICS if name in names]


def lines(table: SizeTable) -> list[Line]:
    """The rows in words."""
    return [Line(row.label, tuple(cell(s) for s in row.statistics), tuple(notes(row))) for row in table.rows]


def cell(statistic: Statistic) -> Cell:
    """One number in words."""
    printed = f"{statistic.printed:,}"
    return Cell(statistic.found, "" if statistic.verdict == "reproduced" else printed, statistic.verdict)


def notes(row: Row) -> list[str]:
    """The notes of a row."""
    found = [f"{TITLES[s.name].lower()}: {s.remark}" for s in row.statistics if s.remark]
    return [*found, f"not counted: {row.reason}"] if row.reason else found


def summary(table: SizeTable) -> str:
    """The number of values by verdict, in words."""
    verdicts = table.verdicts
    counts = [(name, verdicts.count(name)) for name in ("reproduced", "differs", "not counted")]
    fields = ", ".join(f"{n} {'differ' if name == 'differs' and n != 1 else name}" for name, n in counts if n)
    return f"{len(verdicts)} numbers: {fields}"


def files(table: SizeTable) -> dict[str, str]:
    """The table in every format: file suffix to text."""
    values = {"table": table, "titles": titles(table), "lines": lines(table), "summary": summary(table)}
    values["slug"] = slug(table.artifact)
    return {
        ".md": rendered("counts.md.j2", markdown.escape, **values),
        ".tex": rendered("counts.tex.j2", latex.escape, **values),
        ".csv": to_csv(table),
    }


def to_csv(table: SizeTable) -> str:
    """One row for each number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        for s in row.statistics:
            fields = (s.name, s.printed, s.found.replace(",", ""), s.verdict, s.remark or row.reason)
            writer.writerow([table.artifact, row.dataset, *fields, row.file, row.sha256, row.source])
    return buffer.getvalue()
