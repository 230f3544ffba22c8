"""The claims block: does the better system beat the worse one, for users and for seeds?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.core.results import Claim, Published
from harness.stats.comparison import Options, compare
from harness.stats.corrections import adjust
from harness.stats.estimates import Floats, count_wins, paired_t, users_by_seeds
from harness.tables.claim_model import ClaimRow, Comparison, Gap, SeedGain
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import Method, TableSpec


def claim_rows(spec: TableSpec, sample: ComparableRuns, published: Sequence[Published]) -> list[ClaimRow]:
    """One row for each claim on the dataset; p-values are not corrected yet.

    Raises:
        ArgumentError: if a claim names a system that the table does not have.
    """
    numbers = {(p.system, p.metric): p.value for p in published if p.dataset == sample.dataset and not p.beside}
    return [_claim_row(spec, sample, claim, numbers) for claim in spec.claims if _known(spec, claim)]


def corrected(rows: Sequence[ClaimRow], method: Method, n_family: int = 0) -> tuple[ClaimRow, ...]:
    """The rows with corrected p-values.

    Args:
        rows: a family of tests, or the part of it that was asked for.
        n_family: tests of the whole family; those that are not among `rows`, or could not be made, count as p = 1.
    """
    tested = [row.comparison.test.p for row in rows if row.comparison]
    adjusted = iter(adjust([*tested, *[1.0] * (n_family - len(tested))], method))
    return tuple(
        replace(row, comparison=replace(row.comparison, p_adjusted=next(adjusted))) if row.comparison else row
        for row in rows
    )


def _known(spec: TableSpec, claim: Claim) -> bool:
    """True; claims on metrics that the table does not show are left out."""
    return bool(spec.system(claim.better) and spec.system(claim.worse)) and claim.metric in spec.metrics


def _claim_row(
    spec: TableSpec, sample: ComparableRuns, claim: Claim, numbers: dict[tuple[str, str], float]
) -> ClaimRow:
    better, worse = numbers.get((claim.better, claim.metric)), numbers.get((claim.worse, claim.metric))
    gain = better - worse if better is not None and worse is not None else None
    row = ClaimRow(sample.dataset, claim, None, gain, gain / worse if gain is not None and worse else None)
    for system in (claim.better, claim.worse):
        if not sample.seeds(system):
            return replace(row, gap=sample.gap(system))
    seeds = _common_seeds(sample, claim)
    if not seeds:
        return replace(row, gap=Gap(sample.dataset, claim.better, None, "missing", "no seed that both systems have"))
    return replace(row, comparison=_comparison(sample, claim, seeds, Options(wilcoxon=spec.wilcoxon)))


def _common_seeds(sample: ComparableRuns, claim: Claim) -> tuple[int | None, ...]:
    """Seeds that both systems have; a system without randomness has them all."""
    better, worse = sample.seeds(claim.better), sample.seeds(claim.worse)
    if better == (None,) or worse == (None,):
        return worse if better == (None,) else better
    return tuple(seed for seed in better if seed in worse)


def _values(sample: ComparableRuns, system: str, seeds: Sequence[int | None], metric: str) -> Floats:
    """Shape (n_seeds, n_users); a system without randomness repeats its one run."""
    own = [None] * len(seeds) if sample.seeds(system) == (None,) else list(seeds)
    return np.stack([sample.values[system, seed, metric] for seed in own])


def _both(sample: ComparableRuns, claim: Claim, seeds: Sequence[int | None]) -> tuple[Floats, Floats]:
    """Values of the better and of the worse system, shape (n_seeds, n_users) each."""
    return _values(sample, claim.better, seeds, claim.metric), _values(sample, claim.worse, seeds, claim.metric)


def _comparison(sample: ComparableRuns, claim: Claim, seeds: Sequence[int | None], ways: Options) -> Comparison:
    better, worse = _both(sample, claim, seeds)
    differences = better - worse
    by_user = differences.mean(axis=0)
    tests = [paired_t(row) for row in differences]
    test = paired_t(by_user)
    return Comparison(
        float(worse.mean()),
        test,
        test.p,
        users_by_seeds(differences),
        count_wins(by_user),
        tuple(SeedGain(seed, t.mean, t.p) for seed, t in zip(seeds, tests, strict=True)),
        compare(better.mean(axis=0), worse.mean(axis=0), ways),
    )


def user_differences(sample: ComparableRuns, claim: Claim) -> Floats | None:
    """Each user's difference as the claim's test takes it, a mean over the seeds that both systems have.

    Returns:
        shape (n_users,), in the order of the sample's users; None where nothing can be compared.
    """
    seeds = _common_seeds(sample, claim) if sample.seeds(claim.better) and sample.seeds(claim.worse) else ()
    if not seeds:
        return None
    better, worse = _both(sample, claim, seeds)
    return np.asarray((better - worse).mean(axis=0))
