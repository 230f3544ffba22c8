"""Verdicts that depend on the tie rule: verdicts with the held-out item first, or last, among equal scores.

A held-out item that shares its score with others has the mean rank of these items. If so many share
it that a printed digit depends on this, the entire table is also built and judged under both extremes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.core.results import Published, RunResult
from harness.tables.build import build_table
from harness.tables.model import NO_SEED, Note, Table, TableSpec
from harness.tables.verdicts import judge_table

Place = tuple[str, str, str, str]  # dataset, metric, system, and the worse system of a claim, FLOOR or ""
#: Instead of a worse system: whether a system is below the best floor.
FLOOR = "floor"
BELOW, ABOVE = "significantly below the floor", "not"


def judged_table(spec: TableSpec, results: Sequence[RunResult], published: Sequence[Published] = ()) -> Table:
    """The table of an artifact from its runs, with verdicts and a note on each verdict that depends on the tie rule.

    Raises:
        ArgumentError, MetricsError: as `build_table`.
    """
    table = judge_table(build_table(spec, results, published))
    if not any(cell.ties for row in table.rows for cell in row.cells):
        return table
    last, first = (
        verdicts(judge_table(build_table(spec, results, published, ties))) for ties in ("pessimistic", "optimistic")
    )
    turned = [
        note(place, verdict, last.get(place, ABOVE), first.get(place, ABOVE))
        for place, verdict in verdicts(table).items()
        if {last.get(place, ABOVE), first.get(place, ABOVE)} != {verdict}
    ]
    return replace(table, notes=(*table.notes, *turned))


def note(place: Place, verdict: str, last: str, first: str) -> Note:
    """The note on one verdict that depends on the tie rule."""
    dataset, metric, system, worse = place
    others = [(other, end) for other, end in ((last, "last"), (first, "first")) if other != verdict]
    others_text = " and ".join(f"{other} with the held-out item {end} among equal scores" for other, end in others)
    text = f"{verdict}, but {others_text}"
    named = ((worse, NO_SEED),) if worse and worse != FLOOR else ()
    return Note("tie rule", dataset, system, metric, text=text, values=named)


def verdicts(table: Table) -> dict[Place, str]:
    """Every verdict of a table by its cell, with the systems below the best floor."""
    found: dict[Place, str] = {(r.dataset, r.metric, c.system, ""): c.verdict for r in table.rows for c in r.cells}
    claims = {(row.dataset, row.claim.metric, row.claim.better, row.claim.worse): row.verdict for row in table.claims}
    floors = [note for note in table.notes if note.kind == "floor"]
    below = {(n.dataset, n.metric, system, FLOOR): BELOW for n in floors for system, _ in n.values[1:]}
    return {**found, **claims, **below}
