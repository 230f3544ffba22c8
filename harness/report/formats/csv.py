"""A table's numbers for other programs: one row for each cell, and one for each claim, with eight decimals.

Eight decimals can be rounded again and are the same on every machine, which the last digits of a float are not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from harness.core.results import Published
from harness.report.paper_marks import marked
from harness.report.sentences import signature
from harness.tables.build import Cell, ClaimRow, Comparison, Row, Table, Time

VALUE_COLUMNS = (
    "artifact", "dataset", "metric", "system", "mean", "low", "high", "interval_over", "n_seeds", "published",
    "difference", "verdict", "runs", "signature",
)  # fmt: skip
CLAIM_COLUMNS = (
    "artifact", "dataset", "metric", "better", "worse", "gain", "relative", "paper_relative", "paper_significant", "t",
    "p", "p_adjusted", "d_z", "low", "high", "interval_over", "n_users", "n_seeds", "wins", "ties", "losses",
    "overruled_by_seeds", "p_randomisation", "p_mcnemar", "bootstrap_low", "bootstrap_high", "d_z_low", "d_z_high",
    "detectable", "verdict", "claimed_by", "signature",
)  # fmt: skip


def values(table: Table) -> str:
    """One row for each cell; empty fields where there is nothing; several runs set apart by semicolons."""
    columns = (*VALUE_COLUMNS[:-1], *table.spec.beside, VALUE_COLUMNS[-1])
    rows = [_value(row, cell) for row in table.rows for cell in row.cells]
    return _text(table, columns, [*rows, *(_minutes(time, len(table.spec.beside)) for time in table.times)])


def claims(table: Table) -> str:
    """One row for each claim on each dataset; empty fields where nothing could be compared.

    A comparison that nobody claims is one of a loss that the command line put in.
    """
    return _text(table, CLAIM_COLUMNS, [_claim(row, marked(table.spec, row)) for row in table.claims])


def _value(row: Row, cell: Cell) -> tuple[object, ...]:
    estimate = cell.estimate
    ours = (*estimate[:3], estimate.basis, estimate.n_seeds) if estimate else ("",) * 5
    paper, beside = _printed(cell.published), map(_printed, cell.beside)
    judged = (paper, cell.difference, cell.verdict, ";".join(cell.keys))
    return (row.dataset, row.metric, cell.system, *ours, *judged, *beside)


def _minutes(time: Time, n_beside: int) -> tuple[object, ...]:
    """A row of a metric of its own, without interval."""
    paper = f"{time.published.seconds / 60:.8g}" if time.published else ""
    return (
        time.dataset,
        "minutes",
        time.system,
        time.minutes,
        *("",) * 4,
        paper,
        "",
        "not judged",
        "",
        *("",) * n_beside,
    )


def _printed(number: Published | None) -> str:
    return f"{number.value:.{number.decimals}f}" if number else ""


def _claim(row: ClaimRow, mark: str) -> tuple[object, ...]:
    c, head = row.comparison, (row.dataset, row.claim.metric, row.claim.better, row.claim.worse)
    end = (row.verdict, "nobody" if row.claim.own else "recipe")
    if c is None:
        return (*head, "", "", row.paper_relative, mark, *("",) * 20, *end)
    return (*head, c.gain, c.relative, row.paper_relative, mark, *_tested(c), *end)


def _tested(c: Comparison) -> tuple[object, ...]:
    test, interval = c.test, c.interval
    overruled = "yes" if c.overruled else "no"
    over = (interval.low, interval.high, interval.basis, test.n, len(c.per_seed))
    return (test.statistic, _p(test.p), _p(c.p_adjusted), test.dz, *over, *c.wins, overruled, *_more(c))


def _more(c: Comparison) -> tuple[object, ...]:
    more = c.more
    mcnemar = _p(more.mcnemar.p) if more.mcnemar else ""
    ends = (more.bootstrap.low, more.bootstrap.high, more.effect.low, more.effect.high)
    return (_p(more.randomisation.p), mcnemar, *ends, c.detectable)


def _p(p: float) -> str:
    return f"{p:.6g}"


def _field(value: object) -> object:
    if isinstance(value, float):
        text = f"{value:.8f}"
        return text.lstrip("-") if not text.strip("-0.") else text
    return "" if value is None else value


def _text(table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """All rows with the artifact in front and, at the end, what their numbers depend on, so that none travels alone."""
    said = signature(table.spec)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([table.spec.artifact, *(_field(value) for value in row), said] for row in rows)
    return buffer.getvalue()
