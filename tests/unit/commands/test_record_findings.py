"""Findings of own records compared with papers."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from harness.commands import compare, record_findings
from harness.commands.record_findings import own_rows
from harness.core.config import load
from harness.findings.collect import collect
from harness.findings.own_runs import records_findings
from harness.stats import parametric

ROOT = Path(__file__).parents[3]
RUNS = sorted((ROOT / "results" / "runs").glob("*/record.json"))


def with_records(folder: Path, wanted: Callable[[dict[str, Any]], bool]) -> Path:
    """A copy of the project's recipes in a folder, with those of its records that are wanted."""
    for part in ("harness.toml", "recipes", "patches", "dockerfiles"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / part)
    for path in RUNS:
        if wanted(json.loads(path.read_text(encoding="utf-8"))):
            shutil.copytree(path.parent, folder / "results" / "runs" / path.parent.name)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the records of LastFM's GRU4Rec, seed 42."""
    cell = ("gru4rec", 42, "lastfm")
    return with_records(tmp_path, lambda c: (c["model"], c["seed"], c["dataset"]) == cell)


@pytest.fixture
def variants(tmp_path: Path) -> Path:
    """A project with the records of BCE with 1000 negatives on LastFM, in both forms."""
    return with_records(tmp_path, lambda c: c["system"].startswith("sasrec/bce-1000-as-") and c["dataset"] == "lastfm")


def test_p_values_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=50), rng.normal(0.2, 2.0, size=50)
    assert parametric.paired_p(a, b) == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue)
    assert parametric.unpaired_p(a, b) == pytest.approx(scipy.stats.ttest_ind(a, b).pvalue)
    assert parametric.unpaired_p(np.ones(3), np.ones(3)) == 1.0
    assert parametric.unpaired_p(np.ones(3), np.zeros(3)) == 0.0


def test_printed_metrics_follow_from_the_ranks_and_tests_depend_on_pairing(project: Path) -> None:
    config = load(project)
    rows = list(record_findings.metric_rows(config))
    assert {row.system for row in rows} == {"gru4rec/ce-last seed 42", "gru4rec/ce-all seed 42"}
    assert {row.metric for row in rows} >= {"HIT@10", "NDCG@10"}
    tests = list(record_findings.pairing_rows(config))
    assert {(row.comparison, row.metric) for row in tests} == {
        ("GRU4Rec+ > GRU4Rec, seed 42", "HIT@10"),
        ("GRU4Rec+ > GRU4Rec, seed 42", "NDCG@10"),
    }
    found = [f for f in collect(project, rows, tests) if f.kind == "runs"]
    assert len(found) == len(rows) + len(tests)
    assert {f.verdict for f in found if f.where != "own runs"} == {"agrees"}


def test_a_printed_metric_that_its_ranks_do_not_give_is_found(project: Path) -> None:
    path = next((project / "results" / "runs").glob("*/record.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["printed"]["HIT@10"] = "0.9999"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = [f for f in collect(project, *own_rows(load(project))) if f.verdict == "disagrees" and f.kind == "runs"]
    assert [f.reported for f in found] == ["0.9999"]


def test_a_system_as_published_stands_beside_what_was_released(variants: Path) -> None:
    rows = list(record_findings.variant_rows(load(variants)))
    assert [(row.dataset, row.system, row.metric) for row in rows] == [
        ("LastFM", "BCE-1000", "HIT@10"),
        ("LastFM", "BCE-1000", "NDCG@10"),
    ]
    for row in rows:
        means = [printed(variants, key)[row.metric] for key in row.runs]
        assert [f"{row.published:.4f}", f"{row.released:.4f}"] == means
    found = [f for f in collect(variants, variants=rows) if f.where.startswith("own runs")]
    assert {(f.kind, f.verdict) for f in found} == {("released", "differs")}
    assert found[0].remark.startswith("5.43 times, p = ")
    equal = dataclasses.replace(rows[0], p=0.2)
    assert [f.verdict for f in records_findings(variants=[equal])] == ["agrees"]


def printed(project: Path, key: str) -> dict[str, str]:
    """The metrics that a run printed."""
    content = json.loads((project / "results" / "runs" / key / "record.json").read_text(encoding="utf-8"))
    found: dict[str, str] = content["printed"]
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"--epochs=3"', '"--epochs=4"'),
        ('"seed": 42', '"seed": 43'),
        ('"status": "finished"', '"status": "failed"'),
        ('"threads": 1', '"threads": 2'),
        ('"artifact": "li2023/fig1"', '"artifact": "li2023/gone"'),
    ],
)
def test_forms_that_were_not_run_alike_are_no_pair(variants: Path, old: str, new: str) -> None:
    for path in (variants / "results" / "runs").glob("*/record.json"):
        text = path.read_text(encoding="utf-8")
        if "as-published" in json.loads(text)["system"]:
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
    assert list(record_findings.variant_rows(load(variants))) == []


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """A project with the records of SASRec on Beauty's 10-core, three epochs, in both code bases of gSASRec."""

    def wanted(c: dict[str, Any]) -> bool:
        return c["system"] == "sasrec/bce" and c["dataset"] == "beauty-core" and "--epochs=3" in c["inputs"]["command"]

    return with_records(tmp_path, wanted)


def test_one_system_in_two_code_bases_is_tested_on_the_same_users(twins: Path) -> None:
    """Also where their records hold the users in different orders."""
    before = list(record_findings.twin_rows(load(twins)))
    path = twins / "results" / "runs" / before[0].runs[1] / "ranks-test.npz"
    with np.load(path) as file:
        turned = {name: file[name][::-1] if file[name].ndim else file[name] for name in file.files}
    np.savez(path, **turned)
    rows = list(record_findings.twin_rows(load(twins)))
    assert [row.p for row in rows] == pytest.approx([row.p for row in before])
    assert [(row.dataset, row.system, row.metric) for row in rows] == [
        ("Beauty, 10-core", "SASRec", metric) for metric in ("HIT@1", "HIT@10", "NDCG@10")
    ]
    for row in rows:
        assert row.upstreams == ("gsasrec", "gsasrec-pytorch")
        shared = "epochs 3, patience 200, batches up to 256 and 100"
        assert row.settings == f"{shared}, weights of epochs 1 and 1, seed 42"
        assert [f"{mean:.10f}" for mean in row.means] == [printed(twins, key)[row.metric] for key in row.runs]
    ranks = [np.load(twins / "results" / "runs" / key / "ranks-test.npz") for key in rows[1].runs]
    hits = [dict(zip(f["user"], f["above_printed"] < 10, strict=True)) for f in ranks]  # nothing is tied
    assert list(hits[0]) != list(hits[1])
    pairs = np.array([[hits[0][user], hits[1][user]] for user in hits[0]], dtype=float)
    assert rows[1].p == pytest.approx(scipy.stats.ttest_rel(pairs[:, 0], pairs[:, 1]).pvalue)
    found = [f for f in collect(twins, twins=rows) if f.kind == "twins"]
    assert {f.verdict for f in found} == {"agrees"}
    assert found[1].reported.endswith(" in gsasrec")
    equal = dataclasses.replace(rows[0], p=0.01)
    assert [f.verdict for f in records_findings(twins=[equal])] == ["differs"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"--epochs=3"', '"--epochs=4"'),
        ('"--sequence=20"', '"--sequence=50"'),
        ('"seed": 42', '"seed": 43'),
        ('"dataset": "beauty-core"', '"dataset": "other"'),
        ('"upstream": "gsasrec-pytorch"', '"upstream": "gsasrec"'),
        ('"beauty-core.txt": "0', '"beauty-core.txt": "1'),
    ],
)
def test_runs_of_two_code_bases_that_were_not_alike_are_no_pair(twins: Path, old: str, new: str) -> None:
    for path in (twins / "results" / "runs").glob("*/record.json"):
        text = path.read_text(encoding="utf-8")
        if json.loads(text)["upstream"] == "gsasrec-pytorch":
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
    assert list(record_findings.twin_rows(load(twins))) == []


def test_compare_names_both_code_bases(twins: Path) -> None:
    config = load(twins)
    table = compare.runs(config, *next(record_findings.twin_rows(config)).runs, ("HIT@10",))
    assert [system.label for system in table.spec.systems] == [
        "sasrec/bce, seed 42, gsasrec",
        "sasrec/bce, seed 42, gsasrec-pytorch",
    ]
    assert table.spec.signature["upstream"] == "gsasrec and gsasrec-pytorch"
