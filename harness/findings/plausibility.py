"""Plausibility with one held-out item per user: bounds between metrics, and ratios far from others of the dataset."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from fractions import Fraction
from itertools import combinations
from statistics import median, quantiles

from harness.findings.finding import Finding
from harness.recipes.papers.library import Library, LocatedNumber, metric_of
from harness.recipes.papers.rounding import Interval, Verdict, shown

METRIC = re.compile(r"^(sampled-)?(HIT|NDCG)@(\d+)$")
FEWEST = 8  # minimum ratios of a dataset for a usual range
FENCES = 3  # interquartile ranges beyond the quartiles from which a ratio is called unusual
TIED_SHARE = Fraction(1, 10)  # of the hits at 10: a smaller share at 5 is unusual
FEWEST_HITS = Fraction(1, 100)
Row = dict[tuple[str, str, int], LocatedNumber]  # sampled or not, HIT or NDCG, k


def check(library: Library) -> Iterator[Finding]:
    """Bounds within each row, then ratios within each dataset, then signs of tied scores."""
    found = rows(library)
    for row in found:
        yield from bounds(row)
        yield from growth(row)
        yield from ties(row)
    yield from unusual([row for row in found if next(iter(row.values())).paper in library.papers])


def rows(library: Library) -> list[Row]:
    """The metrics of each experiment, of own runs, quoted ones and released logs."""
    found: dict[Hashable, Row] = {}
    for placed in library.numbers:
        n = placed.number
        if match := METRIC.match(metric_of(n.metric)):
            key = (
                placed.paper,
                placed.artifact,
                n.dataset,
                n.model,
                n.label,
                n.loss,
                n.negatives,
                n.t,
                n.source,
                n.where,
            )
            found.setdefault(key, {})[match[1] or "", match[2], int(match[3])] = placed
    return list(found.values())


def bounds(row: Row) -> Iterator[Finding]:
    """NDCG@k between HIT@k / log2(k + 1), all hits at rank k, and HIT@k, all at rank 1."""
    for (sampled, name, k), ndcg in row.items():
        if name == "NDCG" and (hit := row.get((sampled, "HIT", k))):
            least = Fraction(1 / math.log2(k + 1))
            n, h = ndcg.number.interval, hit.number.interval
            holds = n.high >= least * h.low and n.low <= h.high
            yield made(
                ndcg, f"{ndcg.number.metric} / {hit.number.metric}", f"{ndcg.number.value} / {hit.number.value}",
                f"must be between {float(least):.3f} and 1", holds,
            )  # fmt: skip


def growth(row: Row) -> Iterator[Finding]:
    """HIT@k does not decrease with k, and NDCG@k counts each hit at rank 1 in full."""
    for (key_a, a), (key_b, b) in combinations(row.items(), 2):
        (one, less), (two, more) = sorted([(key_a, a), (key_b, b)], key=lambda pair: pair[0][2])
        comparable = one[:2] == two[:2] or (one[1], one[2], two[1]) == ("HIT", 1, "NDCG")
        if one[0] == two[0] and one[2] < two[2] and comparable:
            holds = less.number.interval.low <= more.number.interval.high
            said = f"{less.number.value} and {more.number.value}"
            yield made(
                less, f"{less.number.metric} and {more.number.metric}", said, "the second must not be smaller", holds
            )


def ties(row: Row) -> Iterator[Finding]:
    """Hits almost only at ranks 6 to 10, as with mostly equal scores."""
    for (sampled, name, k), five in row.items():
        ten = row.get((sampled, "HIT", 10))
        if (name, k) == ("HIT", 5) and ten and ten.number.interval.point >= FEWEST_HITS:
            few = five.number.interval.point < TIED_SHARE * ten.number.interval.point
            verdict: Verdict = "open" if few else "agrees"
            yield Finding(
                "plausible", (five.paper,), five.where, f"{five.number.dataset}, {five.system}, {five.number.metric}",
                f"{five.number.value}", f"{ten.number.metric} {ten.number.value}", verdict,
                "hits almost only from rank 6 to 10: scores nearly tied?" if few else "",
            )  # fmt: skip


def made(placed: LocatedNumber, what: str, reported: str, limit: str, holds: bool) -> Finding:
    """The finding of one bound."""
    n = placed.number
    source = "" if n.source == "own" else f", quoted from {n.source}"
    return Finding(
        "plausible", (placed.paper,), placed.where, f"{n.dataset}, {placed.system}, {what}{source}", reported, limit,
        "agrees" if holds else "disagrees",
    )  # fmt: skip


def unusual(found: list[Row]) -> Iterator[Finding]:
    """NDCG@10 / HIT@10 far outside the range of other rows of the same dataset."""
    ratios: dict[str, dict[Hashable, tuple[LocatedNumber, LocatedNumber, Interval]]] = {}
    for row in found:
        ndcg, hit = row.get(("", "NDCG", 10)), row.get(("", "HIT", 10))
        if ndcg and hit and hit.number.may_divide:
            n = ndcg.number
            key = (
                ndcg.paper,
                n.model,
                n.loss,
                n.negatives,
                n.t,
                n.source,
            )  # a row repeated in a second table counts once
            of_dataset = ratios.setdefault(n.dataset, {})
            of_dataset.setdefault(key, (ndcg, hit, n.interval / hit.number.interval))
    for dataset, of_dataset in ratios.items():
        if len(of_dataset) >= FEWEST:
            yield from outside(dataset, list(of_dataset.values()))


def outside(dataset: str, found: list[tuple[LocatedNumber, LocatedNumber, Interval]]) -> Iterator[Finding]:
    """Each ratio of one dataset compared with the quartiles of all."""
    points = [float(ratio.point) for _, _, ratio in found]
    low, _, high = quantiles(points, n=4, method="inclusive")
    least, most = low - FENCES * (high - low), high + FENCES * (high - low)
    for ndcg, hit, ratio in found:
        outlier = ratio.high < least or ratio.low > most
        others = [float(r.point) for n, _, r in found if n is not ndcg]
        remark = f"median {median(others):.3f} of the {len(others)} others, {min(others):.3f} to {max(others):.3f}"
        source = "" if ndcg.number.source == "own" else f", quoted from {ndcg.number.source}"
        yield Finding(
            "plausible", (ndcg.paper,), ndcg.where, f"{dataset}, {ndcg.system}{source}, NDCG@10 / HIT@10",
            f"{ndcg.number.value} / {hit.number.value}", f"{shown(ratio, 3)}; usual: {least:.3f} to {most:.3f}",
            "open" if outlier else "agrees", f"one of the two may be wrong; {remark}" if outlier else remark,
        )  # fmt: skip
