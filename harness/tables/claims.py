"""The claims block: tests whether the better system beats the worse one, over users and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.core.results import Claim, Published
from harness.stats.comparison import Options, compare
from harness.stats.corrections import adjust
from harness.stats.estimates import ALPHA, Floats, count_wins, paired_t
from harness.stats.seed_noise import Noise, SeedsNeeded, gain_test, noise_of, prediction_half, seeds_needed
from harness.tables.claim_model import ClaimRow, Comparison, Gap, SeedGain
from harness.tables.comparable_runs import ComparableRuns
from harness.tables.model import Method, TableSpec
from harness.tables.values import too_few_users

Seed = int | None
NoisePool = Mapping[tuple[str, str], Noise]  # by system and metric


def claim_rows(spec: TableSpec, sample: ComparableRuns, published: Sequence[Published]) -> list[ClaimRow]:
    """One row for each claim on the dataset; p-values are not corrected yet.

    Raises:
        ArgumentError: if a claim names a system that the table does not have.
    """
    numbers = {(p.system, p.metric): p for p in published if p.dataset == sample.dataset and not p.beside}
    found = [claim for claim in spec.claims if _known(spec, claim) and claim.is_about(sample.dataset)]
    pool = noise_pool(spec, sample) if found else {}
    return [_claim_row(spec, sample, _printed(claim, sample, numbers), pool) for claim in found]


def noise_pool(spec: TableSpec, sample: ComparableRuns) -> NoisePool:
    """The noise of every random system on every metric, if known."""
    found = {(s.key, m): noise_of(sample.per_seed(s.key, m)) for s in spec.systems for m in spec.metrics}
    return {place: noise for place, noise in found.items() if noise}


def corrected(rows: Sequence[ClaimRow], method: Method, n_family: int = 0) -> tuple[ClaimRow, ...]:
    """The rows with corrected p-values, each kind of p separately, and the seeds needed for open verdicts.

    Args:
        rows: a family of tests, or the requested part of it.
        n_family: tests of the entire family; those not in `rows`, or not possible, count as p = 1.
    """
    tested = [row.comparison for row in rows if row.comparison]
    absent = [1.0] * (n_family - len(tested))
    kinds = ([c.test.p for c in tested], [c.p for c in tested], [c.p_equal for c in tested])
    adjusted = zip(*(adjust([*kind, *absent], method) for kind in kinds), strict=True)
    alpha = ALPHA if method == "none" else ALPHA / max(n_family, len(tested), 1)
    return tuple(
        replace(row, comparison=_settled(row.comparison, alpha, *next(adjusted))) if row.comparison else row
        for row in rows
    )


def _settled(comparison: Comparison, alpha: float, users: float, both: float, equal: float) -> Comparison:
    """With corrected p; `alpha` is that of the family's smallest p."""
    c = replace(comparison, p_users_adjusted=users, p_adjusted=both, p_equal_adjusted=equal)
    return c if c.significant or c.equal else replace(c, needed=_needed(c, alpha))


def _needed(c: Comparison, alpha: float) -> SeedsNeeded | None:
    """Seeds until the gain is distinguished from 0 or from the margin; the smaller number."""
    test = c.by_gain
    if test.seed_variance <= 0:
        return None
    ways = [(abs(c.gain), alpha / 2)] + ([(c.margin - abs(c.gain), alpha)] if abs(c.gain) < c.margin else [])
    return min(
        seeds_needed(distance, test.seed_variance, test.seed_df, test.user_variance, level) for distance, level in ways
    )


def _known(spec: TableSpec, claim: Claim) -> bool:
    """True; claims on metrics that the table does not show are left out."""
    return bool(spec.system(claim.better) and spec.system(claim.worse)) and claim.metric in spec.metrics


def _printed(claim: Claim, sample: ComparableRuns, numbers: Mapping[tuple[str, str], Published]) -> ClaimRow:
    """The claim with the paper's values of its two systems."""
    better, worse = numbers.get((claim.better, claim.metric)), numbers.get((claim.worse, claim.metric))
    if better is None or worse is None:
        return ClaimRow(sample.dataset, claim, shared=(claim.better, claim.worse))
    gain = better.value - worse.value
    return ClaimRow(
        sample.dataset,
        claim,
        paper_gain=gain,
        paper_relative=gain / worse.value if worse.value else None,
        paper_rounding=better.rounding + worse.rounding,
        shared=(better.identity, worse.identity),
    )


def _claim_row(spec: TableSpec, sample: ComparableRuns, row: ClaimRow, pool: NoisePool) -> ClaimRow:
    claim = row.claim
    for system in (claim.better, claim.worse):
        if not sample.seeds(system):
            return replace(row, gap=sample.gap(system))
        if few := too_few_users(sample, system):
            return replace(row, gap=few)
    if not common_seeds(sample, claim):
        return replace(row, gap=Gap(sample.dataset, claim.better, None, "finished", "no seed that both systems have"))
    return replace(row, comparison=comparison(spec, sample, claim, pool))


def common_seeds(sample: ComparableRuns, claim: Claim) -> tuple[Seed, ...]:
    """Seeds that both systems have; a deterministic system has all."""
    better, worse = sample.seeds(claim.better), sample.seeds(claim.worse)
    if better == (None,) or worse == (None,):
        return worse if better == (None,) else better
    return tuple(seed for seed in better if seed in worse)


def _values(sample: ComparableRuns, system: str, seeds: Sequence[Seed], metric: str) -> Floats:
    """Shape (n_seeds, n_users); a system without randomness repeats its one run."""
    own = [None] * len(seeds) if sample.seeds(system) == (None,) else list(seeds)
    return np.stack([sample.values[system, seed, metric] for seed in own])


def _both(sample: ComparableRuns, claim: Claim, seeds: Sequence[Seed]) -> tuple[Floats, Floats]:
    """Values of the better and of the worse system, shape (n_seeds, n_users) each."""
    return _values(sample, claim.better, seeds, claim.metric), _values(sample, claim.worse, seeds, claim.metric)


def comparison(spec: TableSpec, sample: ComparableRuns, claim: Claim, pool: NoisePool) -> Comparison:
    """Every test of one claim on the trainings that both systems have; p-values are uncorrected."""
    seeds = common_seeds(sample, claim)
    better, worse = _both(sample, claim, seeds)
    differences = better - worse
    by_user = differences.mean(axis=0)
    tests = [paired_t(row) for row in differences]
    test = paired_t(by_user)
    random = [s for s in (claim.better, claim.worse) if sample.seeds(s) != (None,)]
    own = [n for s in random if (n := noise_of(list(_values(sample, s, seeds, claim.metric))))]
    margin = spec.margin(float(worse.mean()))
    by_gain = gain_test(differences, own, [*own, *_others(spec, claim, pool)], margin)
    return Comparison(
        float(worse.mean()),
        test,
        by_gain,
        1.0,
        1.0,
        1.0,
        margin,
        prediction_half(own),
        _n_trainings(own, len(random), given=any(spec.system(s).trained_once for s in (claim.better, claim.worse))),
        count_wins(by_user),
        tuple(SeedGain(seed, t.mean, t.p) for seed, t in zip(seeds, tests, strict=True)),
        compare(better.mean(axis=0), worse.mean(axis=0), Options(wilcoxon=spec.wilcoxon)),
    )


def _n_trainings(own: Sequence[Noise], n_random: int, *, given: bool) -> int:
    """0 if deterministic, 1 if the noise of one system is unknown, else the number of trainings.

    Args:
        given: weights of one training are given, whose noise is unknown although evaluation is deterministic.
    """
    if given or not n_random:
        return int(given)
    return min(n.n for n in own) if len(own) == n_random else 1


def _others(spec: TableSpec, claim: Claim, pool: NoisePool) -> list[Noise]:
    """The noise of the table's other random systems, without added losses; they do not affect the paper's claims."""
    added = spec.added_systems
    others = [s.key for s in spec.systems if s.key not in added and s.key not in (claim.better, claim.worse)]
    return [pool[key, claim.metric] for key in others if (key, claim.metric) in pool]


def user_differences(sample: ComparableRuns, claim: Claim) -> Floats | None:
    """Each user's difference as the claim's test takes it, a mean over the seeds that both systems have.

    Returns:
        shape (n_users,), in the order of the sample's users; None if nothing can be compared.
    """
    seeds = common_seeds(sample, claim) if sample.seeds(claim.better) and sample.seeds(claim.worse) else ()
    if not seeds:
        return None
    better, worse = _both(sample, claim, seeds)
    return np.asarray((better - worse).mean(axis=0))
