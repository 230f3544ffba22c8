"""Compares a paper's numbers with its released logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median

from harness.findings.finding import Finding
from harness.findings.number_rules import ALIKE_PERCENT, percent
from harness.findings.repeated_values import experiment
from harness.recipes.papers.library import Library, LocatedNumber
from harness.recipes.papers.rounding import Interval, change, judge, one_digit_off, shown

NEAR_PERCENT = 2
FAR_POINTS = 15  # percentage points between two gains from which they are listed


@dataclass(frozen=True)
class Pair:
    """A printed number and the log's, with the relative difference in percent."""

    paper: LocatedNumber
    log: LocatedNumber
    gap: Interval

    @property
    def equal(self) -> bool:
        """Whether the log's number rounds to the paper's."""
        return judge(self.paper.number.value, self.log.number.interval) == "agrees"


def check(library: Library) -> Iterator[Finding]:
    """Every released artifact with the paper's artifact."""
    for key, name, artifact in library.artifacts():
        about = library.files[key].about
        if about and artifact.published:
            logs = [p for p in library.numbers if (p.paper, p.artifact) == (key, name) and p.number.model]
            printed = [
                p
                for p in library.numbers
                if (p.paper, p.artifact) == (about.paper, artifact.published) and p.number.model
            ]
            if pairs := matched(printed, logs):
                yield from values(pairs, logs)
                yield from gains(pairs)


def matched(printed: list[LocatedNumber], logs: list[LocatedNumber]) -> list[Pair]:
    """Printed numbers with the log's of the same experiment."""
    by_experiment = {experiment(log): log for log in logs}
    found = [(p, by_experiment.get(experiment(p))) for p in printed]
    return [
        Pair(p, log, change(log.number.interval, p.number.interval)) for p, log in found if log and p.number.may_divide
    ]


def values(pairs: list[Pair], logs: list[LocatedNumber]) -> Iterator[Finding]:
    """A summary, then equal numbers and those that are far apart; others are only in the summary."""
    gaps = [float(abs(pair.gap.point)) for pair in pairs]
    equal = sum(pair.equal for pair in pairs)
    near = sum(gap <= NEAR_PERCENT or pair.equal for gap, pair in zip(gaps, pairs, strict=True))
    worst = max(pairs, key=lambda pair: abs(pair.gap.point))
    n = worst.paper.number
    yield Finding(
        "released", (worst.paper.paper, worst.log.paper), worst.paper.where, "all values", f"{len(pairs)} values",
        f"{equal} equal the log, {near} within {NEAR_PERCENT} % (those included), median gap {median(gaps):.1f} %",
        "agrees" if equal == len(pairs) else "differs",
        f"farthest: {n.dataset}, {worst.paper.system}, {n.metric}, {n.value} against {worst.log.number.value}",
    )  # fmt: skip
    for pair in pairs:
        if pair.equal or abs(pair.gap.point) > ALIKE_PERCENT:
            yield compare_with_log(pair, logs)


def compare_with_log(pair: Pair, logs: list[LocatedNumber]) -> Finding:
    """One printed number against the log's, and another log with this number."""
    n, log = pair.paper.number, pair.log.number
    elsewhere = [
        other
        for other in logs
        if (other.number.metric, other.number.dataset) == (n.metric, n.dataset)
        and not pair.equal
        and other is not pair.log
        and judge(n.value, other.number.interval) == "agrees"
    ]
    remarks = [] if pair.equal else [percent(pair.gap)]
    remarks += [f"{n.value} equals the log's of {other.number.label or other.system}" for other in elsewhere]
    if not pair.equal and one_digit_off(str(n.value), str(log.value)):
        remarks.append("differs in one digit")
    return Finding(
        "released", (pair.paper.paper, pair.log.paper), pair.paper.where,
        f"{n.dataset}, {pair.paper.system}, {n.metric}", f"{n.value} {n.unit}".strip(),
        f"{log.value} {log.unit}".strip(), "agrees" if pair.equal else "differs", "; ".join(remarks),
    )  # fmt: skip


@dataclass(frozen=True)
class Gain:
    """A printed gain and the log's two numbers for it."""

    pair: Pair
    over: LocatedNumber
    printed: Decimal
    logged: Interval

    @property
    def far(self) -> bool:
        """Whether the log's gain is many points away."""
        return abs(self.logged.point - Fraction(self.printed)) > FAR_POINTS


def logged(pairs: list[Pair]) -> Iterator[Gain]:
    """The printed gains that can be recomputed from the logs."""
    logs = {experiment(pair.log): pair.log for pair in pairs}
    for pair in pairs:
        n = pair.paper.number
        base = pair.log.number.model_copy(update={"loss": n.improvement_over})
        over = logs.get(experiment(LocatedNumber(pair.log.paper, pair.log.artifact, base)))
        if n.improvement_pct is not None and over and over.number.may_divide:
            yield Gain(pair, over, n.improvement_pct, change(pair.log.number.interval, over.number.interval))


def gains(pairs: list[Pair]) -> Iterator[Finding]:
    """Printed gains against those of the logs: how many are far apart, then those."""
    found = list(logged(pairs))
    far = [gain for gain in found if gain.far]
    papers = (pairs[0].paper.paper, pairs[0].log.paper)
    if found:
        yield Finding(
            "released", papers, pairs[0].paper.where, "all gains", f"{len(found)} gains",
            f"{len(far)} are more than {FAR_POINTS} points from the log's", "differs" if far else "agrees",
        )  # fmt: skip
    for gain in far:
        n, log = gain.pair.paper.number, gain.pair.log.number
        yield Finding(
            "released", papers, gain.pair.paper.where,
            f"{n.dataset}, {n.model}, gain of {n.loss} over {n.improvement_over} in {n.metric}",
            f"{gain.printed:+f} %", shown(gain.logged, 1, True, " %"), "differs",
            f"log: {log.value} over {gain.over.number.value}; paper: {n.value} for {n.loss}",
        )  # fmt: skip
