"""Compares reported percentages and ratios with the printed values they derive from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from harness.core.errors import RecipeError
from harness.findings.finding import VERDICTS, Finding
from harness.recipes.papers.library import Library, LocatedNumber, artifact_title
from harness.recipes.papers.numbers import Selector
from harness.recipes.papers.rounding import Interval, Verdict, change, decimals, exact, guesses, judge, printed, shown
from harness.recipes.papers.schema import Claim

COMPARED = ("percent", "gain-times", "ratio")
UNITS = {"gain-times": " times", "ratio": " times", "percent": " %", "share": " %", "least": " %", "greatest": " %"}


@dataclass(frozen=True)
class Reported:
    """A figure as the paper prints it."""

    value: Decimal
    kind: str
    unit: str = ""

    @classmethod
    def of(cls, claim: Claim) -> Reported:
        """The figure of a claim."""
        return cls(claim.reported, claim.kind, "" if claim.unit == "count" else claim.unit)

    @property
    def suffix(self) -> str:
        """Its unit as a suffix."""
        return UNITS.get(self.kind) or (f" {self.unit}" if self.unit else "")

    @property
    def text(self) -> str:
        """The figure, a percentage with its sign."""
        return f"{self.value:{'+' if self.kind == 'percent' else ''}f}{self.suffix}"

    def like(self, value: Interval) -> str:
        """A recomputed value with one more digit."""
        return shown(value, decimals(self.value) + 1, self.kind == "percent", self.suffix)


@dataclass(frozen=True)
class Recomputed:
    """A claim on one metric with its recomputed value."""

    metric: str
    of: LocatedNumber
    over: LocatedNumber
    value: Interval
    verdict: Verdict


def check(library: Library) -> Iterator[Finding]:
    """Gains printed with the numbers, then figures derived in tables and text."""
    yield from gains(library)
    compared = []
    for paper, artifact, claim in library.claims():
        if claim.kind in COMPARED:
            found = recompute(library, paper, claim)
            compared.append((paper, claim, found))
            yield comparison(paper, artifact, claim, found)
            if claim.text_of is not None and claim.text_over is not None:
                yield from by_the_sentence(paper, claim, found[0])
        elif claim.kind != "count":
            yield single(library, paper, claim)
    for paper, claim, found in compared:
        for other_paper, other, theirs in compared:
            if paper == other_paper:
                yield from inverses(paper, claim, found, other, theirs)


def gains(library: Library) -> Iterator[Finding]:
    """Each gain printed with a number."""
    for placed in library.numbers:
        n = placed.number
        if n.improvement_pct is None:
            continue
        base = Selector(
            artifact=placed.artifact, dataset=n.dataset, metric=n.metric, model=n.model, loss=n.improvement_over
        )
        user = f"{placed.artifact}: improvement_pct of {n.dataset}, {n.model}, {n.metric}"
        over = library.one(placed.paper, base, user)
        value = compared(placed.paper, user, "percent", n.interval, over.number.interval)
        subject = f"{n.dataset}, {n.model} {n.loss} over {n.improvement_over}, {n.metric}"
        yield made(
            placed.paper, artifact_title(placed.artifact), subject, Reported(n.improvement_pct, "percent"), value
        )


def recompute(library: Library, paper: str, claim: Claim) -> list[Recomputed]:
    """The claim on its metric; if the paper names none, on all with its operands, the best fit first.

    If the figure does not follow on the named metric, metrics on which it may follow are added.
    """
    assert claim.of is not None
    assert claim.over is not None
    of, over = claim.operand(claim.of), claim.operand(claim.over)
    named = [on_metric(library, paper, claim, of, over, of.metric)] if of.metric else []
    if named and named[0].verdict != "disagrees":
        return named
    metrics = [metric for metric in shared_metrics(library, paper, of, over) if metric != of.metric]
    if not named and not metrics:
        raise RecipeError(f"{library.place(paper)}: {claim.id}", "no metric has both operands", "select both operands")
    found = [on_metric(library, paper, claim, of, over, metric) for metric in metrics]
    found.sort(key=lambda r: -VERDICTS.index(r.verdict))
    return named + [r for r in found if r.verdict != "disagrees" or not named] or found


def on_metric(library: Library, paper: str, claim: Claim, of: Selector, over: Selector, metric: str) -> Recomputed:
    """The claim on one metric."""
    a, b = (library.one(paper, selector.model_copy(update={"metric": metric}), claim.id) for selector in (of, over))
    value = compared(paper, claim.id, claim.kind, a.number.interval, b.number.interval)
    return Recomputed(metric, a, b, value, judge(claim.reported, value))


def shared_metrics(library: Library, paper: str, of: Selector, over: Selector) -> list[str]:
    """Metrics on which each operand is a single number."""
    free = [selector.model_copy(update={"metric": ""}) for selector in (of, over)]
    names = [[placed.number.metric for placed in library.find(paper, selector)] for selector in free]
    return [name for name in dict.fromkeys(names[0]) if names[0].count(name) == names[1].count(name) == 1]


def compared(paper: str, user: str, kind: str, of: Interval, over: Interval) -> Interval:
    """Two values as a percentage, a gain in times or a ratio."""
    try:
        return of / over if kind == "ratio" else change(of, over, 100 if kind == "percent" else 1)
    except ZeroDivisionError as error:
        raise RecipeError(f"recipes/papers: {paper}: {user}", f"{error}", "compare with a value above 0") from error


def comparison(paper: str, artifact: str, claim: Claim, found: list[Recomputed]) -> Finding:
    """The finding of a claim that compares two values."""
    best = found[0]
    remarks = [f"{best.metric}: {best.of.number.value} against {best.over.number.value} in {artifact_title(artifact)}"]
    if not claim.metric:
        remarks[0] += ", the best-fitting metric; the paper names none here"
    if claim.metric:
        remarks += [f"{r.metric} would agree ({Reported.of(claim).like(r.value)})" for r in found[1:]]
    return made(paper, claim.where, claim.about, Reported.of(claim), best.value, remarks)


def by_the_sentence(paper: str, claim: Claim, found: Recomputed) -> Iterator[Finding]:
    """The two values in a sentence compared with those of the table, with the resulting figure."""
    assert claim.text_of is not None
    assert claim.text_over is not None
    value = compared(paper, claim.id, claim.kind, printed(claim.text_of), printed(claim.text_over))
    for said, placed in ((claim.text_of, found.of), (claim.text_over, found.over)):
        n = placed.number
        subject = f"{n.dataset}, {placed.system}, {n.metric}"
        fits = n.interval.same(printed(said))
        remark = (
            "" if fits else f"the text's values would give {Reported.of(claim).like(value)}, not {claim.reported} %"
        )
        yield Finding(
            "statement", (paper,), f"{claim.where}; {artifact_title(placed.artifact)}", subject, f"{said} {n.unit}",
            f"{n.value} {n.unit} in {artifact_title(placed.artifact)}", "agrees" if fits else "disagrees", remark,
        )  # fmt: skip


def single(library: Library, paper: str, claim: Claim) -> Finding:
    """A claim that does not compare two values."""
    remarks = []
    if claim.kind == "share":
        assert claim.negatives is not None
        items = library.one(paper, Selector(dataset=claim.dataset, metric="items"), claim.id).number.value
        value, all_items = (exact(100 * claim.negatives) / exact(n) for n in (items - 1, items))
        remarks = [f"{claim.negatives} of {items - 1} negative items; of all {items} items: {shown(all_items, 3)} %"]
    elif claim.kind == "product":
        value = exact(1)
        for factor in claim.factors:
            value *= exact(factor)
    else:
        assert claim.of is not None
        given = [p.number.improvement_pct for p in library.find(paper, claim.operand(claim.of))]
        known = [pct for pct in given if pct is not None]
        if not known:
            raise RecipeError(f"{library.place(paper)}: {claim.id}", "no number with a gain", "correct `of`")
        value = exact(min(known) if claim.kind == "least" else max(known))
        remarks = [f"{claim.kind} of {len(known)} printed gains"]
    return made(paper, claim.where, claim.about, Reported.of(claim), value, remarks)


def inverses(
    paper: str, claim: Claim, found: list[Recomputed], other: Claim, theirs: list[Recomputed]
) -> Iterator[Finding]:
    """Two percentages that compare the same values in opposite directions."""
    if claim.kind != "percent" or other.kind != "percent":
        return
    for mine in found:
        for counter in theirs:
            opposite = mine.of == counter.over and mine.over == counter.of and claim.reported > 0 > other.reported
            if opposite and mine.metric == (claim.metric or found[0].metric):
                up = printed(claim.reported) * Interval(Fraction(1, 100), Fraction(1, 100), Fraction(1, 100)) + 1
                value = change(exact(1), up)
                yield made(
                    paper, f"{other.where}; {claim.where}", f"{other.about}, as the inverse of {claim.reported:+} %",
                    Reported.of(other), value, [f"{claim.reported:+} %: {claim.about}"],
                )  # fmt: skip


def made(
    paper: str, where: str, subject: str, figure: Reported, value: Interval, remarks: list[str] | None = None
) -> Finding:
    """The finding of one reported figure."""
    verdict = judge(figure.value, value)
    guessed = [] if verdict == "agrees" else list(guesses(figure.value, value))
    return Finding(
        "percentage", (paper,), where, subject, figure.text, figure.like(value), verdict,
        "; ".join([*(remarks or []), *guessed]),
    )  # fmt: skip
