"""Findings as Markdown and CSV, and the groups shared by every format."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

from harness.findings.finding import COUNTED, KINDS, MEANINGS, TITLES, VERDICTS, Finding, Kind
from harness.recipes.papers.rounding import Verdict
from harness.report.formats.markdown import escape
from harness.report.formats.templating import rendered


@dataclass(frozen=True)
class Group:
    """Findings of one verdict."""

    verdict: Verdict
    meaning: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Section:
    """Findings of one kind: shown ones, and counts of the others by paper."""

    kind: Kind
    title: str
    counts: tuple[tuple[Verdict, int], ...]
    groups: tuple[Group, ...]
    counted: str


def sections(findings: Sequence[Finding], everything: bool = False) -> tuple[Section, ...]:
    """Findings by kind and verdict.

    Args:
        everything: also show findings that agree, which are only counted by default.
    """
    return tuple(
        section(kind, found, everything) for kind in KINDS if (found := [f for f in findings if f.kind == kind])
    )


def section(kind: Kind, found: Sequence[Finding], everything: bool) -> Section:
    """One kind."""
    by_verdict = {verdict: tuple(f for f in found if f.verdict == verdict) for verdict in VERDICTS}
    groups = tuple(
        Group(verdict, MEANINGS[verdict], here)
        for verdict, here in by_verdict.items()
        if here and (everything or verdict != "agrees")
    )
    counts = tuple((verdict, len(here)) for verdict, here in by_verdict.items() if here)
    hidden = [] if everything else by_verdict["agrees"]
    return Section(kind, TITLES[kind], counts, groups, places(hidden))


def places(findings: Iterable[Finding]) -> str:
    """The number of findings by paper."""
    found = Counter(" + ".join(f.papers) for f in findings)
    return ", ".join(f"{n} in {paper}" for paper, n in sorted(found.items()))


def said(counts: Iterable[tuple[Verdict, int]]) -> str:
    """Counts by verdict in words."""
    return ", ".join(counted(verdict, n) for verdict, n in counts)


def counted(verdict: Verdict, n: int) -> str:
    """One verdict with its count."""
    return f"{n} {verdict if n == 1 else COUNTED[verdict]}"


def overview(findings: Iterable[Finding]) -> str:
    """All verdicts with their counts."""
    found = Counter(f.verdict for f in findings)
    return said((verdict, found[verdict]) for verdict in VERDICTS if found[verdict])


def to_markdown(findings: Sequence[Finding], everything: bool = False) -> str:
    """The findings as a Markdown document."""
    shown = sections(findings, everything)
    return rendered(
        "findings.md.j2",
        escape,
        sections=shown,
        overview=overview(findings),
        meanings=list(MEANINGS.items()),
        said=said,
    )


def to_csv(findings: Sequence[Finding]) -> str:
    """One row for each finding, including those that agree; several papers are separated by semicolons."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([field.name for field in fields(Finding)])
    writer.writerows([";".join(v) if isinstance(v, tuple) else v for v in astuple(finding)] for finding in findings)
    return buffer.getvalue()
