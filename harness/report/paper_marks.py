"""A paper's marks of significance, compared with our results."""

from __future__ import annotations

from harness.report import rounding, sentences
from harness.tables.build import ClaimRow, Comparison, Table, TableSpec

SAID = {True: "sig.", False: "n.s."}


def marked(spec: TableSpec, row: ClaimRow) -> str:
    """The paper's marks for a claim's difference, "" if none."""
    return "/".join(SAID[mark] for mark in sorted(_said(spec, row), reverse=True))


def _said(spec: TableSpec, row: ClaimRow) -> frozenset[bool]:
    by_pair = spec.said.get((row.dataset, row.claim.metric), {})
    return by_pair.get(frozenset((row.claim.better, row.claim.worse)), frozenset())


def lines(table: Table, dataset: str) -> list[str]:
    """The number of the paper's marks that agree with ours, and those that do not; none for shortened trainings."""
    pairs: dict[tuple[str, frozenset[str]], ClaimRow] = {}  # a recipe may claim both directions
    for row in table.claims:
        if row.dataset == dataset and not row.claim.own:
            pairs.setdefault((row.claim.metric, frozenset((row.claim.better, row.claim.worse))), row)
    rows = [(row, row.comparison, _said(table.spec, row)) for row in pairs.values()]
    tested = [(row, c, next(iter(marks))) for row, c, marks in rows if c and len(marks) == 1]
    if table.spec.quick or not tested:
        return []
    other = [_mark_here(table.spec, row, c) for row, c, mark in tested if not _same(row, c, mark)]
    where = table.spec.published_in
    text = f"The {where}'s marks of significance agree with ours in {len(tested) - len(other)} of {len(tested)}"
    return [f"{text}; they disagree for: {'; '.join(other)}." if other else f"{text}."]


def _same(row: ClaimRow, c: Comparison, mark: bool) -> bool:
    """Whether our result equals the paper's mark, in its direction, or in the claim's if it prints no values."""
    return c.significant == mark and not (mark and (row.paper_gain or 1.0) * c.gain < 0)


def _mark_here(spec: TableSpec, row: ClaimRow, c: Comparison) -> str:
    return f"{sentences.claim_name(spec, row)} ({row.claim.metric}: {rounding.signed(c.gain)}, {SAID[c.significant]})"


def caption(table: Table) -> str:
    """The meaning of the marks at the paper's gains, "" if there are none."""
    if not any(marked(table.spec, row) for row in table.claims):
        return ""
    return f" sig., n.s.: marked as significant, or as not significant, in the {table.spec.published_in}."
