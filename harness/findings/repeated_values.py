"""Experiments with different values in one paper."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from harness.findings.finding import Finding
from harness.recipes.papers.library import Library, LocatedNumber, metric_of
from harness.recipes.papers.rounding import Verdict


def check(library: Library) -> Iterator[Finding]:
    """Every experiment with several values in a paper or its released files."""
    groups: dict[tuple[str, str, Hashable], list[LocatedNumber]] = {}
    for placed in library.numbers:
        if placed.number.model:
            groups.setdefault((placed.paper, placed.number.source, experiment(placed)), []).append(placed)
    for (paper, source, _), found in groups.items():
        if len(found) > 1:
            yield repeated(library, paper, source, found)


def experiment(placed: LocatedNumber) -> Hashable:
    """The identity of an experiment of a paper; gbce with a t of 0 is bce, by default with one negative."""
    n = placed.number
    loss = "bce" if n.loss == "gbce" and n.t == 0 else n.loss
    negatives, t = (n.negatives or 1, None) if loss == "bce" else (n.negatives, n.t)
    metric = metric_of(n.metric)
    return (n.dataset, n.model, loss, negatives, t, metric, n.codebase, n.max_length, n.part, n.sampled)


def repeated(library: Library, paper: str, source: str, found: list[LocatedNumber]) -> Finding:
    """Whether the values agree; released files may contain several runs, so their values "differ" at most."""
    first, n = found[0], found[0].number
    unequal = [other for other in found[1:] if not n.interval.same(other.number.interval)]
    subject = f"{n.dataset}, {first.system}, {n.metric}" + (f", quoted from {source}" if source != "own" else "")
    verdict: Verdict = "agrees" if not unequal else "disagrees" if paper in library.papers else "differs"
    return Finding(
        "value", (paper,), "; ".join(dict.fromkeys(p.where for p in found)), subject, f"{n.value} ({first.where})",
        "; ".join(f"{p.number.value} ({p.where})" for p in unequal or found[1:]), verdict,
        "; ".join(dict.fromkeys(p.number.note for p in found if unequal and p.number.note)),
    )  # fmt: skip
