"""Numbers out: `harness.load`, `harness export`, the example script, and the page that describes them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pandas as pd
import pytest
from projects import ROOT, Project, clean_env

import harness
from harness.commands.export import run_lines
from harness.commands.frames import Numbers
from harness.core.errors import ArgumentError, StoreError
from harness.core.results import Ranks
from harness.stats import metrics

LASTFM: Any = {
    "where": {"dataset": "LastFM", "model": ["SASRec"]}, "seeds": "42-43", "project": ROOT, "results": ROOT / "results",
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Numbers:
    return harness.load("table2", **LASTFM)


def test_users_give_the_means_of_the_table(table: Numbers) -> None:
    users = table.users
    assert list(users.columns) == ["upstream", "dataset", "system", "seed", "user", "metric", "value"]
    means = users.groupby(["metric", "system"], observed=True)["value"].mean()
    values = table.values.set_index(["metric", "system"])["mean"]
    assert set(means.index) == set(values.index)
    for index, value in values.items():
        assert means[index] == pytest.approx(value, abs=1e-8), index
    assert users.loc[users["system"] == "popularity", "seed"].isna().all()
    assert sorted(users.loc[users["system"] == "sasrec/bce", "seed"].unique()) == [42, 43]


def test_runs_have_options_profile_and_printed_metrics(table: Numbers) -> None:
    runs = table.runs.set_index(["system", "seed"])
    run = runs.loc[("sasrec/ce-all", 42)]
    assert (run["status"], run["profile"], run["option.patience"]) == ("finished", "", 10)
    users = table.users.query("system == 'sasrec/ce-all' and seed == 42 and metric == 'HIT@10'")
    assert round(users["value"].mean(), 4) == run["printed.HIT@10"]


def test_a_control_is_other_runs_and_never_among_those_of_the_table(table: Numbers) -> None:
    control = harness.load("table2", **LASTFM, options={"patience": 60})
    assert set(control.runs["option.patience"].dropna()) == {60}
    trained = [set(frame.query("model == 'sasrec'")["key"]) for frame in (table.runs, control.runs)]
    assert not trained[0] & trained[1]


def test_other_metrics_and_ties() -> None:
    asked = harness.load("table2", **LASTFM, metrics=["MRR"], ties="pessimistic")
    assert set(asked.users["metric"]) == {"MRR"}
    assert asked.users["value"].between(0, 1).all()


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"metrics": ["Hit@10"]}, ArgumentError, "did you mean 'HIT@10'"),
        ({"seeds": "46-42"}, ArgumentError, "is not a range"),
        ({"where": "dataset=lastfn"}, ArgumentError, "did you mean 'lastfm'"),
        ({"results": "nowhere"}, StoreError, "no record of this table yet"),
    ],
)
def test_what_cannot_be_loaded(changed: dict[str, object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        harness.load("table2", **{**LASTFM, **changed})


def test_export_writes_equal_numbers_in_each_format(tmp_path: Path, table: Numbers) -> None:
    words = ["export", "table2", "--where", "dataset=lastfm,model=sasrec", "--seeds", "42-43", "--to", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--format", "csv,parquet,trec"],
        cwd=ROOT, env=clean_env(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(Path(line).is_file() for line in done.stdout.splitlines())
    for name in ("runs", "users", "values", "claims"):
        from_csv, from_parquet = pd.read_csv(tmp_path / f"{name}.csv"), pd.read_parquet(tmp_path / f"{name}.parquet")
        assert list(from_csv.columns) == list(from_parquet.columns) == list(getattr(table, name).columns)
        assert len(from_csv) == len(from_parquet) == len(getattr(table, name))
    assert np.array_equal(pd.read_csv(tmp_path / "users.csv")["value"], table.users["value"])
    folder = tmp_path / "trec" / "s3rec" / "lastfm"
    measures = [ir_measures.Success @ 10, ir_measures.nDCG @ 10]
    qrels = [*ir_measures.read_trec_qrels(str(folder / "qrels.txt"))]
    for path in folder.glob("*.run"):
        found = ir_measures.calc_aggregate(measures, qrels, ir_measures.read_trec_run(str(path)))
        system, _, seed = path.stem.rpartition("-") if path.stem[-1].isdigit() else (path.stem, "", "")
        users = table.users[table.users["system"].astype(str).str.replace("/", "-") == system]
        users = users[users["seed"] == int(seed)] if seed else users
        means = users.groupby("metric", observed=True)["value"].mean()
        assert found[measures[0]] == pytest.approx(means["HIT@10"], abs=1e-9)
        assert found[measures[1]] == pytest.approx(means["NDCG@10"], abs=1e-9)


def test_a_trec_run_lists_the_place_of_the_held_out_item() -> None:
    column = np.array
    ranks = Ranks(column([7, 8, 9]), column([0, 1, 500]), column([1, 2, 1]), column([600, 600, 600]), {})
    lines = [line.split() for line in run_lines(ranks, "a", "mean").splitlines()]
    assert [(user, item, rank) for user, _, item, rank, _, _ in lines] == [
        ("7", "held-out", "1"),
        ("8", "above-1", "1"), ("8", "above-2", "2"), ("8", "held-out", "3"),  # mean rank 2.5
        ("9", "above-1", "1"),  # not among the first 100 places
    ]  # fmt: skip
    assert metrics.rank(ranks)[1] == 2.5


def test_an_unknown_format_is_refused(shared_project: Project) -> None:
    done = shared_project.run("export", "demo", "--format", "xls")  # before records are looked for
    assert done.returncode == 2
    assert "known: csv, parquet, trec" in done.stderr


def test_the_example_recomputes_a_p_value_and_a_metric(tmp_path: Path) -> None:
    script = ROOT / "examples" / "lastfm_table2.py"
    assert len(script.read_text().splitlines()) < 40
    env = {**clean_env(), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "seeds.png")],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    by_scipy, of_table = re.findall(r"p: SciPy (\S+), table (\S+)", done.stdout)[0]
    assert by_scipy == of_table
    again, printed = re.findall(r"ir_measures (\S+), printed by the code base (\S+)", done.stdout)[0]
    assert again == printed
    assert (tmp_path / "seeds.png").stat().st_size > 1000


def test_the_page_s_python_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    monkeypatch.chdir(ROOT)
    for name in [name for name in os.environ if name.startswith("HARNESS_")]:
        monkeypatch.delenv(name)
    exec(compile(code, "docs/numbers.md", "exec"), {})
    assert "sasrec/ce-all" in capsys.readouterr().out
