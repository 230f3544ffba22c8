"""What the runs say of a paper's numbers and claims, and the exit code that follows.

A value is compared by two one-sided tests (TOST) with the printed number, within the recipe's margin and the number's
own rounding. What may vary are the seeds, not the users: the paper's number and ours are of the very same users, so
sampling of users cannot explain a difference between them; training noise can. One seed tells nothing of that noise:
its verdict rests on the spread over users, as the best stand-in there is, and the table says so. A system without
randomness is compared exactly.

A claim is about users and seeds alike: it is supported only where the paired test over users is significant after
correction and, with two or more seeds, the interval over users and seeds leaves 0 out as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from harness.stats.estimates import tost
from harness.tables.build import Cell, ClaimRow, ClaimVerdict, Comparison, Gap, Table, ValueVerdict

COMPARISON_VERDICTS: dict[ClaimVerdict, ClaimVerdict] = {  # nobody claimed it, so there is nothing to support
    "supported": "better", "contradicted": "worse", "supported by users only": "better by users only",
    "contradicted by users only": "worse by users only", "direction only": "inconclusive",
    "inconclusive": "inconclusive",
}  # fmt: skip


def judge_table(table: Table) -> Table:
    """The table with a verdict in every cell and claim; a table of cut-short trainings is not judged."""
    if table.spec.quick:
        return table
    margins = (table.spec.margin_relative, table.spec.margin_absolute)
    rows = tuple(
        replace(row, cells=tuple(replace(c, verdict=value_verdict(c, *margins)) for c in row.cells))
        for row in table.rows
    )
    claims = tuple(replace(row, verdict=claim_verdict(row)) for row in table.claims)
    return replace(table, rows=rows, claims=claims)


def value_verdict(cell: Cell, margin_relative: float, margin_absolute: float = 0.0) -> ValueVerdict:
    """Whether the cell's value is the paper's.

    "reproduced" where the 90 % interval lies within the margin around the printed value, "differs" where it lies
    wholly outside, "inconclusive" where the data cannot say; "failed", "not run" or "unpublished" where there is
    nothing to compare.
    """
    if cell.estimate is None:
        return _absent(cell.gap)
    if cell.published is None:
        return "unpublished"
    margin = margin_relative * abs(cell.published.value) + margin_absolute
    rounding = 0.5 * 10.0**-cell.published.decimals
    standard_error = 0.0 if cell.seedless else cell.estimate.standard_error
    answer = tost(cell.estimate.mean, standard_error, cell.estimate.df, cell.published.value, rounding, margin)
    return "reproduced" if answer.equivalent else "differs" if answer.different else "inconclusive"


def claim_verdict(row: ClaimRow) -> ClaimVerdict:
    """Whether the claim holds: see `_of_comparison`; "failed" or "not run" where nothing could be compared."""
    if row.comparison is None:
        return _absent(row.gap)
    verdict = _of_comparison(row.comparison)
    return COMPARISON_VERDICTS[verdict] if row.claim.own else verdict


def _of_comparison(comparison: Comparison) -> ClaimVerdict:
    """Sign and certainty of a gain.

    certain and positive: supported; certain and negative: contradicted; uncertain and positive: direction only;
    uncertain and negative, or none at all: inconclusive. With one seed nobody knows what another would say: what is
    certain is then so by users only.
    """
    certain = comparison.significant and not comparison.open_to_seeds
    if certain and not comparison.seed_aware:
        return "supported by users only" if comparison.gain > 0 else "contradicted by users only"
    if comparison.gain > 0:
        return "supported" if certain else "direction only"
    return "contradicted" if certain and comparison.gain < 0 else "inconclusive"


def _absent(gap: Gap | None) -> Literal["failed", "not run"]:
    return "failed" if gap is not None and gap.status == "failed" else "not run"


def exit_code(table: Table) -> int:
    """0 where all that was asked for holds, else 1.

    That is: every run counted, its printed metrics those of its ranks, every published value reproduced, every claim
    supported. A table without published numbers (the demonstration) is judged by its runs and claims alone. How a loss
    of the command line compares with others is nobody's claim, so it has no say here.
    """
    cells = [cell for row in table.rows for cell in row.cells]
    values = all(
        cell.verdict in ("reproduced", "unpublished") and not (cell.disagrees or cell.marked) for cell in cells
    )
    claims = all(row.verdict == "supported" for row in table.claims if not row.claim.own)
    return 0 if values and claims and not table.gaps else 1
