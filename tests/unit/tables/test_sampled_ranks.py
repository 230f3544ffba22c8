"""Full and sampled ranks of the same runs: each metric comes from ranks of its own, and never from the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import hits, ranks, run, spec

from harness.core.results import Ranks
from harness.tables.build import build_table


def sampled(full: Ranks, place: int, **words: str) -> Ranks:
    """The ranks with all users at this rank in a sample."""
    own = replace(ranks([place] * len(full.users)), protocol={"ranking": "sampled", **words})
    return replace(full, views={"sampled": own})


def test_full_and_sampled_metrics_of_one_table_come_from_ranks_of_their_own() -> None:
    asked = spec(metrics=("HIT@10", "sampled-HIT@10"))
    runs = [run(s, seed, sampled(hits(10 + seed, 100), 1)) for s in ("a", "b") for seed in (1, 2, 3)]
    table = build_table(asked, runs)
    cells = {row.metric: next(cell for cell in row.cells if cell.system == "a") for row in table.rows}
    means = {metric: cell.estimate.mean for metric, cell in cells.items() if cell.estimate}
    assert means == {"HIT@10": pytest.approx(0.12), "sampled-HIT@10": 1.0}


def test_a_run_without_sampled_ranks_is_a_gap_where_they_are_asked_for() -> None:
    asked = spec(metrics=("HIT@10", "sampled-HIT@10"), seeds=(1,))
    runs = [run("a", 1, sampled(hits(10, 100), 1)), run("b", 1, hits(11, 100))]
    (gap,) = [gap for gap in build_table(asked, runs).gaps if gap.system == "b"]
    assert (gap.status, gap.reason) == ("failed", "has no sampled ranks")


def test_a_run_whose_ranks_are_sampled_stands_in_no_full_table() -> None:
    full = hits(10, 100)
    runs = [run("a", 1, full), run("b", 1, replace(full, protocol={"ranking": "sampled"}))]
    (gap,) = [gap for gap in build_table(spec(seeds=(1,)), runs).gaps if gap.system == "b"]
    assert (gap.status, gap.reason) == ("failed", "ranks of the ranking 'sampled' cannot give HIT@10")


def test_runs_with_other_samples_do_not_stand_beside_each_other() -> None:
    asked = spec(metrics=("sampled-HIT@10",), seeds=(1, 2))
    runs = [run(s, seed, sampled(hits(10, 100), 1, candidates="100")) for s in ("a", "b") for seed in (1,)]
    runs.append(run("b", 2, sampled(hits(10, 100), 1, candidates="1000")))
    (gap,) = [gap for gap in build_table(asked, runs).gaps if (gap.system, gap.seed) == ("b", 2)]
    assert gap.reason == "its protocol is not that of the other runs (sampled candidates)"
