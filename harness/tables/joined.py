"""Tables of several code bases side by side: the same systems in each, on the same users and candidates.

Values of two code bases are never tested against each other; only the order of a code base's own systems is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.core.results import RunResult
from harness.tables.build import Cell, Table


@dataclass(frozen=True)
class JoinedPart:
    """A code base with its judged table."""

    key: str
    label: str
    table: Table


@dataclass(frozen=True)
class JoinedTable:
    """Several tables with the same systems.

    Attributes:
        dataset: its label.
        view: of the ranks.
        systems: labels by key, in order.
        differs: facts that differ between the parts: name, and the value of each part in order.
    """

    artifact: str
    title: str
    dataset: str
    view: str
    metrics: tuple[str, ...]
    systems: Mapping[str, str]
    parts: tuple[JoinedPart, ...]
    differs: tuple[tuple[str, tuple[str, ...]], ...]

    def cell(self, part: JoinedPart, metric: str, system: str) -> Cell:
        """A system's value in a code base."""
        row = next(row for row in part.table.rows if row.metric == metric)
        return next(cell for cell in row.cells if cell.system == system)

    def order(self, part: JoinedPart, metric: str) -> tuple[str, ...]:
        """The systems of a code base from best to worst mean; empty if one has no value."""
        cells = [self.cell(part, metric, system) for system in self.systems]
        means = {cell.system: cell.estimate.mean for cell in cells if cell.estimate}
        return tuple(sorted(means, key=lambda key: -means[key])) if len(means) == len(self.systems) else ()

    def agrees(self, metric: str, system: str) -> bool | None:
        """Whether a system has the same rank in every code base; None if some order is unknown."""
        orders = [self.order(part, metric) for part in self.parts]
        return len({order.index(system) for order in orders}) == 1 if all(orders) else None


def of_equal_candidates(results: Mapping[str, Sequence[RunResult]]) -> dict[str, list[RunResult]]:
    """The results of each code base; a run with other users or candidates than most runs failed.

    Args:
        results: by code base, with common user ids.
    """
    seen = {run.key: fingerprint(run) for runs in results.values() for run in runs if run.ranks is not None}
    common = Counter(seen.values()).most_common(1)
    return {
        name: [checked(run, seen.get(run.key), common[0][0] if common else b"") for run in runs]
        for name, runs in results.items()
    }


def checked(run: RunResult, found: bytes | None, expected: bytes) -> RunResult:
    """The run, failed if its users or candidates differ from the expected ones."""
    if found is None or found == expected:
        return run
    reason = "its users or their candidates are not those of the other code bases"
    return replace(run, status="failed", reason=reason, ranks=None)


def fingerprint(run: RunResult) -> bytes:
    """Users in order, each with the number of ranked candidates."""
    ranks = run.ranks
    assert ranks is not None, "asked of finished runs"
    order = np.argsort(ranks.users)
    return ranks.users[order].tobytes() + ranks.candidates[order].tobytes()
