"""Settings that a paper's comparison does not hold equal, read from recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands.unequal_settings import setting_rows
from harness.core.config import load
from harness.findings.collect import collect
from harness.findings.own_runs import SettingRow

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def rows() -> list[SettingRow]:
    return list(setting_rows(load(ROOT)))


def test_the_patience_of_two_losses_differs_in_table_3(rows: list[SettingRow]) -> None:
    found = [r for r in rows if r.artifact == "li2023/table3" and r.systems == ("SASRec+", "SASRec")]
    assert [(r.setting, r.values, r.datasets) for r in found] == [("patience", ("200", "50"), "all datasets")]


def test_options_that_depend_on_the_dataset_are_told_with_it(rows: list[SettingRow]) -> None:
    message = {r.datasets for r in rows if r.artifact == "klenitskiy2023/table2" and r.setting == "epochs"}
    assert "MovieLens-1M, MovieLens-20M, Beauty (BERT4Rec), Yelp (full)" in message


def test_equal_settings_and_floors_are_no_findings(rows: list[SettingRow]) -> None:
    assert not [r for r in rows if r.artifact == "li2023/table2"]
    assert not [r for r in rows if "Popularity" in r.systems]
    assert all(r.values[0] != r.values[1] for r in rows)
    assert len(set(rows)) == len(rows)


def test_each_row_is_a_finding(rows: list[SettingRow]) -> None:
    found = [f for f in collect(ROOT, settings=rows) if f.kind == "unequal"]
    assert len(found) == len(rows) > 0
    one = next(f for f in found if f.where == "recipe li2023/table3" and "patience" in f.subject)
    assert (one.reported, one.recomputed, one.papers) == ("200 for SASRec+", "50 for SASRec", ("li2023",))
