"""The same system on the same dataset in several papers: values, gains, order, protocol.

A difference is not an error of a paper, since code, sequence lengths and stopping differ. It is shown with its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from harness.findings.finding import Finding
from harness.findings.number_rules import family, percent
from harness.recipes.papers.library import Library, LocatedNumber, metric_of
from harness.recipes.papers.rounding import Interval, change, shown
from harness.recipes.papers.schema import Gain

Cell = tuple[str, str, str, str]  # dataset, metric, family of models, loss
Numbers = dict[Cell, dict[str, list[LocatedNumber]]]  # by paper


def check(library: Library) -> Iterator[Finding]:
    """Values, gains and order, then protocols."""
    found = comparable(library)
    yield from values(found)
    for gain in library.across.gains:
        yield from gains(found, gain)
    yield from orders(library, found)
    yield from protocols(library)


def comparable(library: Library) -> Numbers:
    """The papers' own ranking metrics, repeated ones once; runs of another length are last."""
    found: Numbers = {}
    for placed in library.own():
        n = placed.number
        plain = not n.part and not n.sampled and (n.negatives or 1) == 1 and not n.t and n.may_divide
        if "@" in n.metric and n.loss and plain:
            cell = (n.dataset, metric_of(n.metric), family(library, n.model), n.loss)
            of_paper = found.setdefault(cell, {}).setdefault(placed.paper, [])
            if not any(seen.number.value == n.value and seen.number.model == n.model for seen in of_paper):
                of_paper.append(placed)
    return {cell: papers for cell, papers in found.items() if len(papers) > 1}


def first(papers: dict[str, list[LocatedNumber]]) -> list[LocatedNumber]:
    """The compared numbers of each paper: one for each model, from its main table."""
    return [
        next(p for p in found if p.number.model == model)
        for found in papers.values()
        for model in dict.fromkeys(p.number.model for p in found)
    ]


def values(found: Numbers) -> Iterator[Finding]:
    """The values of several papers for one system, and the ratio of largest and smallest."""
    for (dataset, metric, model, loss), papers in sorted(found.items()):
        shown_here = [p for of_paper in papers.values() for p in of_paper]
        compared = sorted(first(papers), key=lambda p: p.number.value)
        least, most = compared[0].number.interval, compared[-1].number.interval
        words = [f"{key}: {', '.join(said(p, model) for p in of_paper)}" for key, of_paper in papers.items()]
        remark = f"largest in {compared[-1].paper}, smallest in {compared[0].paper}"
        yield Finding(
            "across", tuple(papers), "; ".join(dict.fromkeys(p.spot for p in shown_here)),
            f"{dataset}, {model} {loss}, {metric}", "; ".join(words),
            f"largest / smallest = {shown(most / least, 2)}",
            "agrees" if least.same(most) else "differs", remark,
        )  # fmt: skip


def said(placed: LocatedNumber, model: str) -> str:
    """A number with its distinguishing facts within its paper."""
    n = placed.number
    kind = n.model.removeprefix(model).lstrip("-")
    more = [kind] if kind else []
    more += [f"length {n.max_length}"] if n.max_length else []
    more += [placed.where] if n.t is not None else []
    return f"{n.value}{' ' + ', '.join(more) if more else ''}"


def gains(found: Numbers, gain: Gain) -> Iterator[Finding]:
    """The gain of one loss over another in each paper that has both."""
    for (dataset, metric, model, loss), papers in sorted(found.items()):
        base = found.get((dataset, metric, model, gain.over), {})
        if (model, loss) != (gain.model, gain.loss) or len(set(papers) & set(base)) < 2:
            continue
        of = {
            paper: change(
                first({paper: papers[paper]})[0].number.interval, first({paper: base[paper]})[0].number.interval
            )
            for paper in papers
            if paper in base
        }
        least, most = min(of.values(), key=by_point), max(of.values(), key=by_point)
        yield Finding(
            "gain", tuple(of), "tables", f"{dataset}, {model} {loss} over {gain.over}, {metric}",
            "; ".join(f"{paper}: {percent(value)}" for paper, value in of.items()),
            f"from {shown(least, 1, True, ' %')} to {shown(most, 1, True, ' %')}",
            "agrees" if least.meets(most) else "differs",
        )  # fmt: skip


def by_point(value: Interval) -> float:
    """The point of an interval, for sorting."""
    return float(value.point)


def orders(library: Library, found: Numbers) -> Iterator[Finding]:
    """The better of two systems in each paper that has both; a system is represented by its best implementation."""
    for one, other in combinations(sorted(found), 2):
        papers = [paper for paper in found[one] if paper in found[other]]
        if one[:2] != other[:2] or len(papers) < 2:
            continue
        ahead: dict[str, str] = {}
        words: list[str] = []
        quoted: list[str] = []
        for paper in papers:
            a, b = (best(first({paper: found[cell][paper]})) for cell in (one, other))
            ahead[paper] = winner(library, a, b)
            words.append(f"{paper}: {leader(a, b)}")
            quoted += by_quotes(library, paper, a, b)
        yield Finding(
            "order", tuple(papers), "tables", f"{one[0]}, {one[1]}: {' '.join(one[2:])} against {' '.join(other[2:])}",
            "; ".join(words), ", ".join(dict.fromkeys(ahead.values())),
            "agrees" if len(set(ahead.values())) == 1 else "differs", "; ".join(quoted),
        )  # fmt: skip


def best(found: list[LocatedNumber]) -> LocatedNumber:
    """The greatest number."""
    return max(found, key=lambda p: p.number.value)


def winner(library: Library, a: LocatedNumber, b: LocatedNumber) -> str:
    """The better model and loss, or neither."""
    if a.number.interval.same(b.number.interval):
        return "neither"
    top = best([a, b]).number
    return f"{family(library, top.model)} {top.loss}"


def leader(a: LocatedNumber, b: LocatedNumber) -> str:
    """The better system, with both values."""
    if a.number.interval.same(b.number.interval):
        return f"neither ({a.number.value})"
    top, low = (a, b) if a.number.value > b.number.value else (b, a)
    return f"{top.number.model} {top.number.loss} ({top.number.value} against {low.number.value})"


def by_quotes(library: Library, paper: str, a: LocatedNumber, b: LocatedNumber) -> Iterator[str]:
    """Figures quoted for a system that would reverse the order."""
    for own, rival in ((a, b), (b, a)):
        quotes = [
            p
            for p in library.numbers
            if p.paper == paper and p.artifact == own.artifact and p.number.source != "own"
            if (p.number.dataset, p.number.metric, p.number.loss)
            == (own.number.dataset, own.number.metric, own.number.loss)
            if family(library, p.number.model) == family(library, own.number.model)
        ]
        if quotes and (best(quotes).number.value > rival.number.value) != (own.number.value > rival.number.value):
            top = best(quotes).number
            yield f"reversed by the figure that {paper} quotes from {top.source}: {top.model} {top.value}"


def protocols(library: Library) -> Iterator[Finding]:
    """The papers' statements on their protocols."""
    for protocol in library.across.protocol:
        facts = {paper: str(library.fact(paper, path, protocol.what)) for paper, path in protocol.facts.items()}
        (head, value), *others = facts.items()
        yield Finding(
            "protocol", tuple(facts), "; ".join(f"{paper} {source(path)}" for paper, path in protocol.facts.items()),
            protocol.what, f"{head}: {value}", "; ".join(f"{paper}: {said}" for paper, said in others),
            "agrees" if len(set(facts.values())) == 1 else "differs",
        )  # fmt: skip


def source(path: str) -> str:
    """The source of a protocol's fact: some are only in released code."""
    return "released code" if path.startswith("not_from_the_paper") else "protocol"
