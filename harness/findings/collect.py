"""Collects findings: reported figures and statements compared with printed numbers and own runs.

Every finding is computed from recipes/papers and records.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.findings import (
    across_papers,
    dataset_counts,
    number_rules,
    percentages,
    plausibility,
    quotations,
    released_logs,
    repeated_values,
    statements,
)
from harness.findings.finding import KINDS, VERDICTS, Finding
from harness.findings.own_runs import MetricRow, PairingRow, SettingRow, TwinRow, VariantRow, records_findings
from harness.recipes.papers.library import Library, load

CHECKS = (
    percentages,
    dataset_counts,
    repeated_values,
    statements,
    number_rules,
    across_papers,
    quotations,
    plausibility,
    released_logs,
)


def collect(
    root: Path,
    metrics: Iterable[MetricRow] = (),
    tests: Iterable[PairingRow] = (),
    variants: Iterable[VariantRow] = (),
    twins: Iterable[TwinRow] = (),
    settings: Iterable[SettingRow] = (),
) -> tuple[Finding, ...]:
    """All findings of a project, by kind and verdict, those that agree last.

    Args:
        root: the project folder.
        metrics, tests, variants, twins, settings: rows of own runs and recipes, none by default.
    Raises:
        RecipeError: a paper's file has mistakes, or selects missing numbers.
    """
    found = of_library(load(root))
    return ordered((*found, *records_findings(metrics, tests, variants, twins, settings)))


def of_library(library: Library) -> tuple[Finding, ...]:
    """The findings from the papers' files alone."""
    return ordered(finding for check in CHECKS for finding in check.check(library))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort key: kind and verdict, then the order of the files."""
    return tuple(sorted(findings, key=lambda f: (KINDS.index(f.kind), VERDICTS.index(f.verdict))))


def papers_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The papers of findings."""
    return tuple(sorted({paper for finding in findings for paper in finding.papers}))


def chosen(findings: Iterable[Finding], paper: str = "", kind: str = "") -> tuple[Finding, ...]:
    """Those of one paper and of one kind; "" for any."""
    return tuple(f for f in findings if (not paper or paper in f.papers) and kind in ("", f.kind))
