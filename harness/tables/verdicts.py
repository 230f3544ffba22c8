"""Verdicts on a paper's numbers and claims, and the resulting exit code.

The words are defined in docs/statistics.md, section Verdicts. A value is compared with the printed number by two
one-sided tests within the recipe's margin and by the interval for one more training. A claim is decided by one test
over users and seeds, corrected over the declared family. With one or two trainings a verdict is "by users only" and
does not count; a deterministic system needs no seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from harness.stats.printed_value import Printed, ValueTest, hold_against
from harness.stats.seed_noise import Noise
from harness.tables.build import Cell, ClaimRow, ClaimVerdict, Comparison, Gap, Row, Table, TableSpec, ValueVerdict

COMPARISON_VERDICTS: dict[ClaimVerdict, ClaimVerdict] = {  # not a claim, so it cannot be supported
    "supported": "better", "contradicted": "worse", "supported by users only": "better by users only",
    "contradicted by users only": "worse by users only", "direction only": "inconclusive",
    "opposite direction": "inconclusive",
}  # fmt: skip
BY_USERS: dict[ValueVerdict, ValueVerdict] = {
    "reproduced": "reproduced by users only", "consistent": "consistent by users only",
    "differs": "differs by users only",
}  # fmt: skip
CLAIM_BY_USERS: dict[ClaimVerdict, ClaimVerdict] = {
    "supported": "supported by users only", "contradicted": "contradicted by users only",
    "no difference": "no difference by users only",
}  # fmt: skip


def judge_table(table: Table) -> Table:
    """The table with a verdict in every cell and claim; a table of shortened trainings is not judged."""
    if table.spec.quick:
        return table
    rows = tuple(_judged(row, table.spec) for row in table.rows)
    claims = tuple(replace(row, verdict=claim_verdict(row)) for row in table.claims)
    return replace(table, rows=rows, claims=claims)


def _judged(row: Row, spec: TableSpec) -> Row:
    """The row with a test and a verdict in each cell; the noise of added losses does not affect other verdicts."""
    added = spec.added_systems
    pools = [[c.noise for c in row.cells if c.noise and c.system not in added - {own.system}] for own in row.cells]
    tests = [value_test(cell, spec, pool) for cell, pool in zip(row.cells, pools, strict=True)]
    judged = (replace(c, test=t, verdict=value_verdict(c, t)) for c, t in zip(row.cells, tests, strict=True))
    return replace(row, cells=tuple(judged))


def value_test(cell: Cell, spec: TableSpec, pool: Sequence[Noise]) -> ValueTest | None:
    """The cell's value against the printed one; None if one is missing.

    Args:
        pool: the noise of the row's random systems, the cell's own among them.
    """
    if cell.estimate is None or cell.published is None or cell.users is None:
        return None
    printed = cell.published
    against = Printed(printed.value, printed.rounding, spec.margin(printed.value))
    return hold_against(cell.estimate.mean, against, cell.users, cell.noise, pool, seedless=cell.seedless)


def value_verdict(cell: Cell, test: ValueTest | None) -> ValueVerdict:
    """Whether the cell's value is the paper's.

    "reproduced": equivalent within the margin. "differs": outside the margin and the range of one more training.
    "consistent": neither, but within the range of one more training, if that is narrow enough. "inconclusive":
    undecided. With one or two trainings the first three are "by users only". "failed", "not run" or "unpublished"
    if there is nothing to compare.
    """
    if cell.estimate is None:
        return "failed" if cell.gap is not None and cell.gap.status == "failed" else "not run"
    if test is None:
        return "unpublished"
    verdict = _of_value(test)
    return BY_USERS.get(verdict, verdict) if test.over == "users" else verdict


def _of_value(test: ValueTest) -> ValueVerdict:
    if test.equivalent:
        return "reproduced"
    if test.differs:
        return "differs"
    return "consistent" if test.predicted and test.narrow else "inconclusive"


def claim_verdict(row: ClaimRow) -> ClaimVerdict:
    """Whether the claim holds: see `_of_comparison`; "failed" or "not run" if nothing could be compared."""
    if row.comparison is None:
        return _absent(row.gap)
    verdict = _of_comparison(row.comparison)
    if row.comparison.by_users_only:
        verdict = CLAIM_BY_USERS.get(verdict, verdict)
    return COMPARISON_VERDICTS.get(verdict, verdict) if row.claim.own else verdict


def _of_comparison(comparison: Comparison) -> ClaimVerdict:
    """Sign and certainty of a gain; a loss gets the opposite words of a gain.

    Significant: supported or contradicted. Equivalent to 0 within the margin: no difference. Neither, while every
    seed has the same sign: direction only or opposite direction. Otherwise inconclusive.
    """
    if comparison.significant:
        return "supported" if comparison.gain > 0 else "contradicted"
    if comparison.equal:
        return "no difference"
    words: dict[int, ClaimVerdict] = {1: "direction only", -1: "opposite direction", 0: "inconclusive"}
    return words[comparison.direction]


def _absent(gap: Gap | None) -> Literal["failed", "not run", "not compared"]:
    words: dict[str, Literal["failed", "not compared"]] = {"failed": "failed", "finished": "not compared"}
    return words.get(gap.status, "not run") if gap is not None else "not run"


def exit_code(table: Table) -> int:
    """0 if everything requested was reproduced, else 1.

    That is: every run is valid, its printed metrics agree with its ranks, every published value is reproduced, every
    claim is supported, and none by users only. A table without published numbers (the demonstration) is judged by its
    runs and claims alone. Comparisons of added losses are not claims and do not count.
    """
    cells = [cell for row in table.rows for cell in row.cells]
    values = all(
        cell.verdict in ("reproduced", "unpublished") and not (cell.disagrees or cell.marked) for cell in cells
    )
    claims = all(row.verdict == "supported" for row in table.claims if not row.claim.own)
    return 0 if values and claims and not table.gaps else 1
