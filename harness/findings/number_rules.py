"""Statements about many numbers at once, checked on each number."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from harness.core.errors import RecipeError
from harness.findings.finding import Finding, Kind
from harness.recipes.papers.library import Library, LocatedNumber, metric_of
from harness.recipes.papers.rounding import Interval, Verdict, change, shown
from harness.recipes.papers.schema import Rule

MOST_SHOWN = 4
ALIKE_PERCENT = 10  # above it, two values that a paper calls similar are reported as different


class Pair(NamedTuple):
    """Two numbers of one dataset and metric, and the gain of the first over the second in percent."""

    better: LocatedNumber
    worse: LocatedNumber
    gap: Interval


def check(library: Library) -> Iterator[Finding]:
    """Every rule of every paper."""
    for paper, file in library.files.items():
        for rule in file.rules:
            yield from KINDS[rule.kind](library, paper, rule)


def order(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """One system better than another wherever both have a number."""
    found = pairs(library, paper, rule)
    sign = -1 if rule.less else 1
    against = [pair for pair in found if sign * pair.gap.point <= 0]
    least = min(found, key=lambda pair: sign * pair.gap.point)
    said = f"holds in {len(found) - len(against)} of {len(found)}"
    remark = f"least margin {percent(least.gap)} ({spot(least.better)})"
    if against:
        listed = [f"{p.worse.system} {p.worse.number.value}" for p in against[:MOST_SHOWN]]
        more = f" and {len(against) - MOST_SHOWN} more" if len(against) > MOST_SHOWN else ""
        remark = f"{against[0].better.system} {against[0].better.number.value}; exceptions: {', '.join(listed)}{more}"
    verdict: Verdict = "agrees" if not against else "differs" if rule.better.paper else "disagrees"
    yield made(rule, paper, "holds everywhere", said, verdict, remark)


def near(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """One system near another, without a stated limit: the range of the gap."""
    gaps = sorted(pairs(library, paper, rule), key=lambda pair: pair.gap.point)
    ends = [f"{percent(p.gap)} ({spot(p.better)} over {p.worse.system})" for p in (gaps[0], gaps[-1])]
    yield made(rule, paper, "near", f"from {' to '.join(ends)}", "open", "no limit is stated")


def threshold(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """All numbers above a limit."""
    assert rule.above is not None
    found = matching(library, paper, rule)
    below = [p for p in found if p.number.value <= rule.above]
    listed = ", ".join(f"{p.number.value} for {p.system} ({p.where})" for p in below or found)
    sure = any(p.number.interval.high < rule.above for p in below)
    verdict: Verdict = "disagrees" if sure else "not from print" if below else "agrees"
    yield made(
        rule, paper, f"above {rule.above}", listed, verdict, f"holds for {len(found) - len(below)} of {len(found)}"
    )


def only_above(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """One number alone above a limit."""
    assert rule.above is not None
    assert rule.worse
    mine = {p.number for p in matching(library, paper, rule)}
    field = library.find(paper, rule.worse.model_copy(update={"metric": rule.metric}))
    above = [p for p in field if p.number.value > rule.above]
    fits = {p.number for p in above} == mine
    listed = ", ".join(f"{p.system} {p.number.value}" for p in above)
    yield made(rule, paper, f"above {rule.above}", listed or "none", "agrees" if fits else "disagrees")


def cap(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """The best epoch plus patience compared with the limit on epochs."""
    limit, patience = (Decimal(library.fact(paper, path, rule.id)) for path in (rule.cap, rule.patience))
    for placed in matching(library, paper, rule):
        left = limit - placed.number.value
        remark = "the cap ended the run, not the patience" if left < patience else "patience and cap coincide"
        yield Finding(
            "protocol", (paper,), rule.where, f"{placed.number.dataset}, {placed.system}, best epoch",
            f"{placed.number.value}, patience {patience}", f"{left} epochs left below the cap of {limit}",
            "agrees" if left > patience else "open", "" if left > patience else remark,
        )  # fmt: skip


def in_line(library: Library, paper: str, rule: Rule) -> Iterator[Finding]:
    """Own numbers said to be similar to earlier work, compared with every quotation of that work."""
    for placed in library.find(paper, rule.better):
        for quoted in library.numbers:
            named = quoted.number.source == rule.source and quoted.number.may_divide
            if named and same_cell(library, placed, quoted):
                gap = change(placed.number.interval, quoted.number.interval)
                far = abs(gap.point) > ALIKE_PERCENT
                yield Finding(
                    "quoted", (paper, quoted.paper) if quoted.paper != paper else (paper,),
                    f"{paper} {rule.where}; {quoted.spot}",
                    f"{rule.about}: {placed.number.dataset}, {placed.system}, {placed.number.metric}",
                    str(placed.number.value),
                    f"{quoted.number.value} for {quoted.number.model}, quoted from {rule.source}",
                    "differs" if far else "agrees", f"{percent(gap)}",
                )  # fmt: skip


def same_cell(library: Library, one: LocatedNumber, other: LocatedNumber) -> bool:
    """Whether two numbers are of one dataset, metric, loss and family of models."""
    a, b = one.number, other.number
    return (a.dataset, metric_of(a.metric), a.loss, family(library, a.model)) == (
        b.dataset, metric_of(b.metric), b.loss, family(library, b.model),
    )  # fmt: skip


def family(library: Library, model: str) -> str:
    """The common name of a model's implementations."""
    return next((name for name, members in library.across.families.items() if model in members), model)


def pairs(library: Library, paper: str, rule: Rule) -> list[Pair]:
    """Every pair of numbers that a rule compares.

    Raises:
        RecipeError: there are none, or one of them may be 0.
    """
    assert rule.worse
    found = [
        Pair(better, worse, gap(library, paper, rule, better, worse))
        for better in library.find(paper, rule.better)
        for worse in library.find(paper, rule.worse)
        if better.number.metric in rule.metrics and better.number.dataset not in rule.except_datasets
        if (better.number.dataset, better.number.metric) == (worse.number.dataset, worse.number.metric)
        if better != worse
    ]
    if not found:
        raise RecipeError(f"{library.place(paper)}: {rule.id}", "compares no numbers", "correct `better` and `worse`")
    return found


def gap(library: Library, paper: str, rule: Rule, better: LocatedNumber, worse: LocatedNumber) -> Interval:
    """The gain of one number over another, in percent."""
    try:
        return change(better.number.interval, worse.number.interval)
    except ZeroDivisionError as error:
        raise RecipeError(f"{library.place(paper)}: {rule.id}", f"{error}", "compare with values above 0") from error


def matching(library: Library, paper: str, rule: Rule) -> tuple[LocatedNumber, ...]:
    """The numbers of a rule.

    Raises:
        RecipeError: there are none.
    """
    selector = rule.better.model_copy(update={"metric": rule.metric or rule.better.metric})
    if not (found := library.find(paper, selector)):
        raise RecipeError(f"{library.place(paper)}: {rule.id}", "matches no numbers", "correct `better`")
    return found


def spot(placed: LocatedNumber) -> str:
    """Dataset, system and metric of a number."""
    return f"{placed.number.dataset}, {placed.system}, {placed.number.metric}"


def percent(value: Interval) -> str:
    """A gap without its interval."""
    return shown(Interval(value.point, value.point, value.point), 1, True, " %")


def made(rule: Rule, paper: str, reported: str, recomputed: str, verdict: Verdict, remark: str = "") -> Finding:
    """The finding of a rule."""
    papers = (paper, rule.better.paper) if rule.better.paper else (paper,)
    kind: Kind = "released" if rule.better.paper else "statement"
    return Finding(kind, papers, rule.where, rule.about, reported, recomputed, verdict, remark)


KINDS = {
    "order": order, "near": near, "threshold": threshold, "only-above": only_above, "cap": cap, "in-line": in_line,
}  # fmt: skip
