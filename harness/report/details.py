"""Details of a table: every test of a claim, and the tests of each value against the printed one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from harness.core.results import Published
from harness.report import rounding
from harness.report.verdict_words import seeds_needed
from harness.report.view_model import ABSENT, ValueTestLine
from harness.stats.parametric import SignedRanks
from harness.tables import replication
from harness.tables.build import ClaimRow, Comparison, Table

DETAILS = ("t", "p", "p random.", "p McNemar", "p Wilcoxon", "bootstrap 95 %", "d_z [95 %]", "detectable", "w/t/l")


def of_verdict(row: ClaimRow, c: Comparison) -> tuple[str, ...]:
    """A text for each of `CLAIM_TESTS`."""
    return (
        rounding.p_value(c.p),
        rounding.p_value(c.p_equal_adjusted),
        f"±{rounding.fine(c.margin)}",
        row.size or ABSENT,
        _factor(replication.effect_ratio(row)),
        rounding.percent(replication.delta_relative_improvement(row)) or ABSENT,
        seeds_needed(c.needed) or ABSENT,
    )


def of_claim(c: Comparison) -> tuple[str, ...]:
    """A text for each of `DETAILS`; values that need a variance, such as t, may be absent."""
    more, spread = c.more, math.isfinite(c.test.statistic)
    ends = f"[{rounding.plain(more.effect.low, 3)}, {rounding.plain(more.effect.high, 3)}]"
    return (
        rounding.plain(c.test.statistic, 2) if spread else ABSENT,
        rounding.p_value(c.test.p),
        rounding.p_value(more.randomisation.p) + ("" if more.randomisation.exact else "ʳ"),
        rounding.p_value(more.mcnemar.p) if more.mcnemar else ABSENT,
        _wilcoxon(more.wilcoxon),
        f"[{rounding.signed(more.bootstrap.low)}, {rounding.signed(more.bootstrap.high)}]",
        f"{rounding.plain(c.test.dz, 3)} {ends}" if spread else ABSENT,
        rounding.metric(c.detectable),
        f"{c.wins.wins}/{c.wins.ties}/{c.wins.losses}",
    )


def _wilcoxon(test: SignedRanks | None) -> str:
    return (rounding.p_value(test.p) + ("!" if test.too_many else "")) if test else ABSENT


def per_seed(c: Comparison) -> str:
    """The result of each seed alone."""

    def of_seed(seed: int | None, gain: float, p: float) -> str:
        return ("" if seed is None else f"{seed}: ") + f"{rounding.signed(gain)} (p {rounding.p_value(p)})"

    return "; ".join(of_seed(g.seed, g.gain, g.p) for g in c.per_seed)


def printed(number: Published | None) -> str:
    """A printed number with its printed digits and its mark."""
    return f"{number.value:.{number.decimals}f}{number.mark}" if number else ABSENT


def value_tests(table: Table, dataset: str) -> Iterator[ValueTestLine]:
    """Every value that is compared with a printed one."""
    for row in (row for row in table.rows if row.dataset == dataset):
        for cell in row.cells:
            if cell.test is None or cell.estimate is None:
                continue
            test, label = cell.test, table.spec.system(cell.system).label
            texts = (
                _ends(rounding.metric, test.low, test.high),
                test.over,
                f"±{rounding.fine(test.margin)}",
                rounding.p_value(test.p),
                _ends(rounding.metric, test.prediction_low, test.prediction_high),
                f"±{rounding.fine(test.beyond)}" if math.isfinite(test.beyond) else ABSENT,
                seeds_needed(test.needed) or ABSENT,
            )
            ours, paper = rounding.metric(cell.estimate.mean), printed(cell.published)
            yield ValueTestLine(label, row.metric, ours, paper, texts, cell.verdict)


def degrees(table: Table, dataset: str) -> Iterator[tuple[str, ...]]:
    """The overall agreement of each metric's values with the printed ones."""
    for degree in replication.degrees(table):
        if degree.dataset == dataset:
            rmse = rounding.metric(degree.rmse)
            yield degree.metric, str(degree.n_values), rmse, _factor(degree.tau)


def _factor(value: float | None) -> str:
    return ABSENT if value is None else rounding.plain(value, 2)


def _ends(written: Callable[[float], str], low: float, high: float) -> str:
    return f"[{written(low)}, {written(high)}]"
