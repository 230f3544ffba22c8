"""A joined table as Markdown, LaTeX and CSV, and the texts shared by every format."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from harness.report import rounding, sentences
from harness.report.formats import latex, markdown
from harness.report.formats.templating import rendered
from harness.report.view import slug, view
from harness.report.view_model import ABSENT, ClaimLine
from harness.tables.build import Cell
from harness.tables.joined import JoinedPart, JoinedTable

COLUMNS = ("artifact", "dataset", "view", "metric", "system", "code base", "mean", "place", "runs", "reason")


@dataclass(frozen=True)
class Value:
    """A system's value in a code base, and its rank among the systems there; a reason if there is no value."""

    text: str
    place: str


@dataclass(frozen=True)
class Line:
    """A system's values on one metric in every code base.

    Attributes:
        agrees: whether it has the same rank everywhere: yes, no, or unknown.
    """

    metric: str
    system: str
    values: tuple[Value, ...]
    agrees: str


def lines(table: JoinedTable) -> list[Line]:
    """The values in words, metric by metric."""
    return [line(table, metric, key, label) for metric in table.metrics for key, label in table.systems.items()]


def line(table: JoinedTable, metric: str, key: str, label: str) -> Line:
    """One system on one metric in words."""
    agrees = {True: "yes", False: "no", None: "unknown"}[table.agrees(metric, key)]
    return Line(metric, label, tuple(value(table, part, metric, key) for part in table.parts), agrees)


def value(table: JoinedTable, part: JoinedPart, metric: str, key: str) -> Value:
    """One cell in words."""
    cell, order = table.cell(part, metric, key), table.order(part, metric)
    if cell.estimate is None:
        return Value(cell.gap.status if cell.gap else ABSENT, "")
    return Value(rounding.metric(cell.estimate.mean), str(order.index(key) + 1) if order else "")


def orders(table: JoinedTable) -> list[tuple[str, tuple[str, ...], str]]:
    """For each metric: the order of the systems in each code base, and whether all are equal."""
    found = []
    for metric in table.metrics:
        names = [table.order(part, metric) for part in table.parts]
        csv_fields = tuple(" > ".join(table.systems[key] for key in order) or "unknown" for order in names)
        same = "unknown" if not all(names) else "yes" if len(set(names)) == 1 else "no"
        found.append((metric, csv_fields, same))
    return found


def claims(table: JoinedTable) -> list[tuple[str, ClaimLine]]:
    """Every claim with its code base."""
    return [(part.label, claim) for part in table.parts for claim in view(part.table).datasets[0].claims]


def notes(table: JoinedTable) -> list[str]:
    """The caveats of single code bases, each once."""
    found = [f"{part.label}: {text}" for part in table.parts for text in view(part.table).datasets[0].notes]
    gaps = [
        f"{part.label}: {table.systems[gap.system]}{'' if gap.seed is None else f', seed {gap.seed}'}: {gap.reason}"
        for part in table.parts
        for gap in part.table.gaps
        if gap.reason != "not run"  # the notes have these
    ]
    return list(dict.fromkeys(found + gaps))


def banner(table: JoinedTable) -> str:
    """The banner: that training was shortened; else ""."""
    return next((text for part in table.parts for text in sentences.banners(part.table)), "")


def signatures(table: JoinedTable) -> list[tuple[str, str]]:
    """The signatures of each code base."""
    return [(part.label, sentences.signature(part.table.spec)) for part in table.parts]


def files(table: JoinedTable) -> dict[str, str]:
    """The table in every format: file suffix to text."""
    values = {
        "table": table, "lines": lines(table), "orders": orders(table), "claims": claims(table), "notes": notes(table),
        "banner": banner(table), "signatures": signatures(table), "slug": slug(table.artifact),
        "n_tests": sum(len(part.table.claims) for part in table.parts), "labels": [part.label for part in table.parts],
    }  # fmt: skip
    return {
        ".md": rendered("joined.md.j2", markdown.escape, **values),
        ".tex": rendered("joined.tex.j2", latex.escape, **values),
        ".csv": to_csv(table),
    }


def to_csv(table: JoinedTable) -> str:
    """One row for each value, unrounded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for metric in table.metrics:
        for key in table.systems:
            for part in table.parts:
                cell, order = table.cell(part, metric, key), table.order(part, metric)
                place = order.index(key) + 1 if order else ""
                facts = (table.artifact, table.dataset, table.view, metric, key, part.key)
                writer.writerow([*facts, *csv_fields(cell, place)])
    return buffer.getvalue()


def csv_fields(cell: Cell, place: int | str) -> tuple[object, ...]:
    """Mean, rank, runs and reason of a cell."""
    reason = cell.gap.reason if cell.gap else ""
    return ("" if cell.estimate is None else repr(cell.estimate.mean), place, " ".join(cell.keys), reason)
