"""Compares figures quoted from earlier work with each other, with own runs, and by dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from harness.findings.finding import Finding
from harness.findings.number_rules import ALIKE_PERCENT, family, percent
from harness.recipes.papers.library import Library, LocatedNumber, metric_of
from harness.recipes.papers.numbers import Selector
from harness.recipes.papers.rounding import change


def check(library: Library) -> Iterator[Finding]:
    """Quotations in several papers, own runs and quotations, and datasets that the quoted work may lack."""
    quotes = [p for p in library.numbers if p.number.source != "own"]
    yield from between(library, quotes)
    for quote in quotes:
        yield from beside_own(library, quote)
    yield from other_data(library, quotes)


def between(library: Library, quotes: list[LocatedNumber]) -> Iterator[Finding]:
    """One result of earlier work quoted by several papers."""
    groups: dict[tuple[str, ...], dict[str, list[LocatedNumber]]] = {}
    for p in quotes:
        n = p.number
        key = (n.source, n.dataset, family(library, n.model), metric_of(n.metric))
        groups.setdefault(key, {}).setdefault(p.paper, []).append(p)
    for (source, dataset, model, metric), papers in groups.items():
        for one, other in combinations(papers, 2):
            fits = any(a.number.interval.same(b.number.interval) for a in papers[one] for b in papers[other])
            words = [f"{key}: {', '.join(said(p) for p in papers[key])}" for key in (one, other)]
            title = library.across.sources[source].title if source in library.across.sources else source
            yield Finding(
                "quoted", (one, other), "; ".join(dict.fromkeys(p.spot for key in (one, other) for p in papers[key])),
                f"{dataset}, {model}, {metric}, quoted from {source}", words[0], words[1],
                "agrees" if fits else "differs", "" if fits else f"both quote the {title}",
            )  # fmt: skip


def said(placed: LocatedNumber) -> str:
    """A quoted number with its model's name."""
    return f"{placed.number.value} for {placed.number.model}"


def beside_own(library: Library, quote: LocatedNumber) -> Iterator[Finding]:
    """A paper's own run of a model compared with the figure that it quotes for it."""
    n = quote.number
    same = Selector(artifact=quote.artifact, dataset=n.dataset, metric=n.metric, model=n.model, loss=n.loss or "")
    for own in library.find(quote.paper, same) if n.may_divide else ():
        gap = change(own.number.interval, n.interval)
        far = abs(gap.point) > ALIKE_PERCENT
        yield Finding(
            "quoted", (quote.paper,), quote.where, f"{n.dataset}, {own.system}, {n.metric}: own run against quote",
            f"{own.number.value}", f"{n.value} quoted from {n.source}", "differs" if far else "agrees", percent(gap),
        )  # fmt: skip


def other_data(library: Library, quotes: list[LocatedNumber]) -> Iterator[Finding]:
    """Figures quoted for a dataset that the quoted work is not known to have used."""
    for p in quotes:
        source, n = library.across.sources.get(p.number.source), p.number
        if source and n.dataset not in source.datasets:
            yield Finding(
                "quoted", (p.paper,), p.where, f"{n.model}, {n.metric}, quoted from {n.source}",
                f"{n.value} beside {n.dataset}", f"known datasets of that work: {', '.join(source.datasets)}", "open",
                f"the comparison may cross datasets; known from {source.known_from}",
            )  # fmt: skip
