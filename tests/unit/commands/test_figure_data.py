"""From records to what figures are drawn from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_tables import awkward, hits, run, spec

from harness.commands.figure_data import curve, differences, figure_data
from harness.core.results import RunResult
from harness.report.figures import FigureData
from harness.runs.store import Store
from harness.tables.build import build_table
from harness.tables.verdicts import judge_table


def epoch(n: int, value: object, loss: object) -> dict[str, object]:
    return {"event": "epoch", "epoch": n, "metric": "NDCG@20", "value": value, "loss": loss}


def test_differences_have_the_mean_that_the_table_tests() -> None:
    made, runs, _ = awkward()
    found = differences(made, runs)
    rows = [row for row in build_table(made, runs).claims if row.comparison]
    assert set(found) == {(row.dataset, row.claim) for row in rows}
    assert len(rows) == 2
    for row in rows:
        own = found[row.dataset, row.claim]
        assert row.comparison
        assert own.shape == (60,)
        assert own.mean() == pytest.approx(row.comparison.gain)
        assert ((own > 1e-12).sum(), (own < -1e-12).sum()) == (row.comparison.wins.wins, row.comparison.wins.losses)


def test_claims_on_metrics_that_the_table_lacks_are_passed_over() -> None:
    made = spec(metrics=("NDCG@10",))
    assert differences(made, [run("a", 1, hits(10, 100)), run("b", 1, hits(20, 100))]) == {}


def test_a_curve_is_read_from_events_and_holds_no_zero_for_what_is_missing() -> None:
    events = [
        {"event": "model", "name": "x"}, epoch(0, 0.1, 3.0), epoch(1, "NaN", None), epoch(2, 0.3, "Infinity"),
        {"event": "epoch", "epoch": None, "value": 1.0}, {"event": "end"},
    ]  # fmt: skip
    found = curve(run("a", 7, hits(1, 10), best_epoch=2), events)
    assert found is not None
    assert (found.dataset, found.system, found.seed, found.metric, found.chosen) == ("d", "a", 7, "NDCG@20", 2)
    assert found.epochs.tolist() == [0, 1, 2]
    assert np.isnan(found.values).tolist() == [False, True, False]
    assert np.isfinite(found.losses).tolist() == [True, False, False]


def test_a_run_that_stops_on_its_own_loss_has_no_validation() -> None:
    events = [{**epoch(n, 2.0 - n, 2.0 - n), "metric": "training loss"} for n in range(2)]
    found = curve(run("a", 1, hits(1, 10), best_epoch=1), events)
    assert found is not None
    assert found.metric == ""
    assert np.isnan(found.values).all()
    assert found.losses.tolist() == [2.0, 1.0]


def test_no_epochs_no_curve() -> None:
    assert curve(run("a", 1, hits(1, 10)), [{"event": "end"}]) is None


def test_curves_come_from_the_store_and_say_whether_their_run_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "results", tmp_path / "cache")
    runs: list[RunResult] = []
    for place, (system, ranks) in enumerate([("a", hits(10, 100)), ("b", None), ("pop", hits(5, 100))]):
        key = f"{place}" * 20
        runs.append(replace(run(system, 1, ranks, reason="killed"), key=key))
        folder = store.folder(key)
        folder.mkdir(parents=True)
        if system != "pop":
            lines = [json.dumps(epoch(n, 0.1 * n, 2.0 - n)) for n in range(3)]
            (folder / "events.jsonl").write_text("\n".join(lines) + '\n{"event": "epo')
    runs.append(RunResult("f" * 20, "d", "a", 2, "missing"))
    found = figure_data(judge_table(build_table(spec(), runs)), runs, store)
    assert isinstance(found, FigureData)
    assert [(c.system, len(c.epochs), c.counted) for c in found.curves] == [("a", 3, True), ("b", 3, False)]
    assert found.differences == {}
