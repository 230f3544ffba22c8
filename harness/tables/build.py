"""Builds a `Table` from runs and published numbers: values, claims, seeds and notes, unrounded.

A failed or invalid run becomes a gap with its reason; the rest of the table is kept. Verdicts are given elsewhere:
`harness.tables.verdicts.judge_table` adds them to the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.results import Published, RunResult
from harness.stats.metrics import TieRule, parse
from harness.tables.claim_model import ClaimRow, ClaimVerdict, Comparison, Gap, SeedGain
from harness.tables.claims import claim_rows, corrected
from harness.tables.comparable_runs import select_comparable
from harness.tables.model import (
    NO_SEED,
    Cell,
    DatasetSpec,
    Note,
    Row,
    SeedLine,
    Spread,
    SystemSeeds,
    SystemSpec,
    Table,
    TableSpec,
    Training,
    ValueVerdict,
)
from harness.tables.notes import dataset_notes, general_notes
from harness.tables.seeds import spreads, system_seeds, training
from harness.tables.values import value_rows

__all__ = [
    "NO_SEED", "Cell", "ClaimRow", "ClaimVerdict", "Comparison", "DatasetSpec", "Gap", "Note", "Row", "SeedGain",
    "SeedLine", "Spread", "SystemSeeds", "SystemSpec", "Table", "TableSpec", "Training", "ValueVerdict",
    "build_table",
]  # fmt: skip


def build_table(
    spec: TableSpec, results: Sequence[RunResult], published: Sequence[Published] = (), ties: TieRule = "mean"
) -> Table:
    """The table of an artifact from its runs, without verdicts.

    Args:
        results: of any datasets and seeds; those not in `spec` are ignored.
        ties: rank of a held-out item among equal scores.
    Raises:
        ArgumentError: for an unknown metric, or a claim about an unknown system.
        MetricsError: if two results are of the same run.
    """
    for metric in spec.metrics:
        parse(metric)
    samples = [select_comparable(spec, dataset, results, ties) for dataset in spec.datasets]
    rows = {s.dataset: value_rows(spec, s, published) for s in samples}
    claims = {s.dataset: claim_rows(spec, s, published) for s in samples}
    gaps = tuple(gap for s in samples for gap in s.gaps)
    notes = [note for s in samples for note in dataset_notes(spec, s, rows[s.dataset], claims[s.dataset])]
    every = [row for found in claims.values() for row in found]
    seeds = {s.dataset: system_seeds(spec, s) for s in samples}
    papers = _in_families(spec, [row for row in every if not row.claim.own])
    own = corrected([row for row in every if row.claim.own], spec.correction)
    return Table(
        spec,
        {s.dataset: len(s.users) for s in samples},
        tuple(row for found in rows.values() for row in found),
        (*papers, *own),
        tuple(block for blocks in seeds.values() for block in blocks),
        tuple(line for s in samples for line in spreads(s, claims[s.dataset])),
        (*general_notes(spec, gaps), *notes),
        gaps,
        sum(row.comparison is not None for row in papers),
        sum(row.comparison is not None for row in own),
        tuple(line for key, blocks in seeds.items() for line in training(spec, key, blocks, published)),
    )


def _in_families(spec: TableSpec, rows: Sequence[ClaimRow]) -> tuple[ClaimRow, ...]:
    """The recipe's claims, corrected within its declared families."""
    if not spec.by_dataset:
        return corrected(rows, spec.correction, spec.n_family)
    families = {dataset.key: [row for row in rows if row.dataset == dataset.key] for dataset in spec.datasets}
    return tuple(
        row
        for key, family in families.items()
        for row in corrected(family, spec.correction, spec.family_size(key, len(family)))
    )
