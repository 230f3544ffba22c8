"""Findings of own runs, from rows that others read out of records; nothing here opens a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from harness.errors import MetricsError
from harness.findings.finding import Finding
from harness.findings.intervals import decimals, exact, judge, rounded

ALPHA = 0.05


@dataclass(frozen=True)
class MetricRow:
    """One metric of one run.

    Attributes:
        paper: key of the paper whose experiment it is.
        printed: as the upstream printed it.
        recomputed: from the run's ranks.
    """

    paper: str
    run: str
    dataset: str
    system: str
    metric: str
    printed: str
    recomputed: float


@dataclass(frozen=True)
class PairingRow:
    """One comparison of two systems, tested with users paired and with users taken as independent samples."""

    paper: str
    dataset: str
    comparison: str
    metric: str
    p_paired: float
    p_unpaired: float


def records_findings(metrics: Iterable[MetricRow] = (), tests: Iterable[PairingRow] = ()) -> Iterator[Finding]:
    """What own runs show: printed metrics that do not follow from the ranks, tests that depend on pairing.

    Raises:
        MetricsError: a printed metric that is no number.
    """
    for row in metrics:
        yield metric_finding(row)
    for test in tests:
        same = (test.p_paired < ALPHA) == (test.p_unpaired < ALPHA)
        yield Finding(
            "runs", (test.paper,), "own runs", f"{test.dataset}, {test.comparison}, {test.metric}",
            f"p = {test.p_unpaired:.3g}, users unpaired", f"p = {test.p_paired:.3g}, users paired",
            "agrees" if same else "differs", "" if same else f"the test decides at {ALPHA}",
        )  # fmt: skip


def metric_finding(row: MetricRow) -> Finding:
    """One printed metric against the one recomputed from ranks."""
    try:
        printed = Decimal(row.printed)
        value = exact(Decimal(repr(row.recomputed)))
        verdict = judge(printed, value)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise MetricsError(f"run {row.run}", f"{row.metric} {row.printed!r} is no number", "run it again") from error
    return Finding(
        "runs", (row.paper,), f"run {row.run[:8]}", f"{row.dataset}, {row.system}, {row.metric}", row.printed,
        str(rounded(value.point, decimals(printed) + 2)), verdict,
    )  # fmt: skip
