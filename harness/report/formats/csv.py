"""A table's numbers for other programs: one row for each cell, each claim and each metric, with eight decimals.

Eight decimals can be rounded further and, unlike the last digits of a float, are the same on every machine.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from harness.core.results import SECONDS, Published
from harness.report.paper_marks import marked
from harness.report.sentences import signature
from harness.stats.printed_value import ValueTest
from harness.stats.seed_noise import MORE_SEEDS, SeedsNeeded
from harness.tables.build import Cell, ClaimRow, Comparison, Row, Table, Training
from harness.tables.replication import degrees, delta_relative_improvement, effect_ratio

VALUE_COLUMNS = (
    "artifact", "dataset", "metric", "system", "mean", "low", "high", "interval_over", "n_seeds", "published",
    "difference", "margin", "tost_p", "tost_low", "tost_high", "tost_over", "prediction_low", "prediction_high",
    "differs_beyond", "seeds_to_settle", "seeds_to_settle_low", "seeds_to_settle_high", "verdict", "runs", "signature",
)  # fmt: skip
CLAIM_COLUMNS = (
    "artifact", "dataset", "metric", "better", "worse", "gain", "relative", "paper_relative", "paper_significant", "t",
    "p", "p_adjusted", "d_z", "low", "high", "interval_over", "n_users", "n_seeds", "wins", "ties", "losses",
    "overruled_by_seeds", "p_randomisation", "p_mcnemar", "bootstrap_low", "bootstrap_high", "d_z_low", "d_z_high",
    "detectable", "p_users_seeds", "p_equal_adjusted", "margin", "paper_gain", "prediction_low", "prediction_high",
    "size", "effect_ratio", "delta_relative_improvement", "trainings", "seeds_to_settle", "seeds_to_settle_low",
    "seeds_to_settle_high", "verdict", "claimed_by", "signature",
)  # fmt: skip
DEGREE_COLUMNS = ("artifact", "dataset", "metric", "values", "rmse", "kendall_tau", "signature")


def values(table: Table) -> str:
    """One row for each cell; fields may be empty; several runs are separated by semicolons."""
    columns = (*VALUE_COLUMNS[:-1], *table.spec.beside, VALUE_COLUMNS[-1])
    rows = [_value(row, cell) for row in table.rows for cell in row.cells]
    return _text(table, columns, [*rows, *(_training(line, len(table.spec.beside)) for line in table.training)])


def claims(table: Table) -> str:
    """One row for each claim on each dataset; fields are empty if nothing could be compared.

    A comparison claimed by "nobody" is one of an added loss.
    """
    return _text(table, CLAIM_COLUMNS, [_claim(row, marked(table.spec, row)) for row in table.claims])


def replication(table: Table) -> str:
    """One row for each metric of each dataset with printed values; "" if there is none."""
    rows = [(d.dataset, d.metric, d.n_values, d.rmse, d.tau) for d in degrees(table)]
    return _text(table, DEGREE_COLUMNS, rows) if rows else ""


def _value(row: Row, cell: Cell) -> tuple[object, ...]:
    estimate = cell.estimate
    ours = (*estimate[:3], estimate.basis, estimate.n_seeds) if estimate else ("",) * 5
    paper, beside = _printed(cell.published), map(_printed, cell.beside)
    judged = (paper, cell.difference, *_held(cell.test), cell.verdict, ";".join(cell.keys))
    return (row.dataset, row.metric, cell.system, *ours, *judged, *beside)


def _held(test: ValueTest | None) -> tuple[object, ...]:
    """The test against the printed value."""
    if test is None:
        return ("",) * 11
    ends = (test.low, test.high, test.over, test.prediction_low, test.prediction_high, test.beyond)
    return (test.margin, _p(test.p), *ends, *_seeds(test.needed))


def _seeds(needed: SeedsNeeded | None) -> tuple[object, ...]:
    """The seeds needed for a decision, with a range."""
    return tuple(f">{MORE_SEEDS - 1}" if n >= MORE_SEEDS else n for n in needed) if needed else ("",) * 3


def _training(line: Training, n_beside: int) -> tuple[object, ...]:
    """A row for a fact of trainings, without interval; the paper's number in our unit."""
    printed_fact, unit = line.published, {"minutes": SECONDS["min"], "seconds": SECONDS["s"]}.get(line.fact)
    paper = "" if printed_fact is None else f"{printed_fact.seconds / unit:.8g}" if unit else _printed(printed_fact)
    ours = (line.dataset, line.fact, line.system, line.mean, *("",) * 4)
    return (*ours, paper, *("",) * 12, "not judged", "", *("",) * n_beside)


def _printed(number: Published | None) -> str:
    return f"{number.value:.{number.decimals}f}" if number else ""


def _claim(row: ClaimRow, mark: str) -> tuple[object, ...]:
    c, head = row.comparison, (row.dataset, row.claim.metric, row.claim.better, row.claim.worse)
    end = (row.verdict, "nobody" if row.claim.own else "recipe")
    if c is None:
        return (*head, "", "", row.paper_relative, mark, *("",) * 23, row.paper_gain, *("",) * 9, *end)
    return (*head, c.gain, c.relative, row.paper_relative, mark, *_tested(c), *_settled(row, c), *end)


def _settled(row: ClaimRow, c: Comparison) -> tuple[object, ...]:
    """The tests behind the verdict and the size."""
    ends = (c.gain - c.prediction, c.gain + c.prediction)
    degree = (effect_ratio(row), delta_relative_improvement(row))
    sizes = (c.margin, row.paper_gain, *ends, row.size or "", *degree, c.n_trainings)
    return (_p(c.p), _p(c.p_equal_adjusted), *sizes, *_seeds(c.needed))


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
    if isinstance(value, float) and not math.isfinite(value):
        return ""  # t and d_z are undefined without variance, and with too few seeds no distance suffices
    if isinstance(value, float):
        text = f"{value:.8f}"
        return text.lstrip("-") if not text.strip("-0.") else text
    return "" if value is None else value


def _text(table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """All rows with the artifact first and, at the end, the signature of their numbers."""
    said = signature(table.spec)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([table.spec.artifact, *(_field(value) for value in row), said] for row in rows)
    return buffer.getvalue()
