"""Theorem 5.1 of Petrov and Macdonald 2023, and the figures that are drawn from events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.figures import calibration as shown

PRECISION = (0.2, 0.1, 0.05)


@pytest.mark.parametrize("p", [0.001, 0.1, 0.9])
def test_theory_at_its_ends(p: float) -> None:
    """Calibrated for t = 1 and any k; for one negative and t = 0 it is eq. 22, near 1 for any frequent item."""
    assert shown.theorem(16, 1.0, 1000)(p) == pytest.approx(p)
    assert shown.theorem(1, 0.0, 1000)(p) == pytest.approx((p * 1000 - p) / (p * 1000 - 2 * p + 1))


def test_figures_are_the_same_bytes_twice_and_tables_have_a_row_each() -> None:
    means = [shown.Calibrated("gSASRec", PRECISION, (0.3, 0.2, 0.1), shown.theorem(16, 0.5, 1000))]
    ranks = [shown.ByRank("SASRec", "963", (0.9, 0.8), 338.03)]
    first, second = (shown.calibration_figure(means, "title", "signature") for _ in range(2))
    assert first == second
    assert b"Theorem 5.1" in first[".svg"]
    assert b"338.03" in shown.by_rank_figure(ranks, "title", "signature")[".svg"]
    paper = replace(ranks[0], printed="338.03", total=344.2)
    assert b"344.20 over all items (paper: 338.03)" in shown.by_rank_figure([paper], "title", "s")[".svg"]
    assert b"(paper" not in shown.by_rank_figure(ranks, "title", "s")[".svg"]
    assert b"printed in the paper" not in first[".svg"]
    message = shown.calibration_figure([replace(means[0], printed=0.57)], "title", "signature")[".svg"]
    assert b"printed in the paper for K = 1" in message
    unseen = replace(means[0], printed=0.57, precision=(0.0, *PRECISION[1:]))
    assert b"printed in the paper" not in shown.calibration_figure([unseen], "title", "signature")[".svg"]
    assert len(shown.calibration_table(means, "s").splitlines()) == 4
    assert shown.by_rank_table(ranks, "s").splitlines()[1] == "SASRec,963,1,0.9,338.030000,s"
