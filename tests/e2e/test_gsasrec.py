"""The real gsasrec code at its pin on Beauty's 10-core; needs a mirror or the internet, and minutes."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from missing_data import check_named_before_anything_starts
from projects import Project, clean_env

from harness.runs.probe_output import read_ranks
from harness.stats import metrics, parametric
from harness.upstreams import checkout

PIN = checkout.Pin("gsasrec", "https://github.com/asash/gsasrec", "9dd47e83b949a84f68a4616c6f779df7f17ebb26")
METRICS = ("HIT@1", "HIT@10", "NDCG@10")
BARE = Path(__file__).parent / "bare_gsasrec"
QUICK = ("--profile", "quick", "--set", "epochs=2", "--seeds", "42")
pytestmark = [pytest.mark.upstream, pytest.mark.timeout(3600)]


def reproduced(project: Project, artifact: str, systems: str, *more: str) -> dict[str, dict[str, object]]:
    """Records of a recipe's systems on Beauty's 10-core, by system."""
    where = ("--where", f"dataset=beauty-core,system={systems}")
    done = project.run("reproduce", f"petrov2023/{artifact}", *where, *QUICK, *more, timeout=3000)
    assert done.returncode in (0, 1), done.stderr
    paths = (project.folder / "results" / "runs").glob("*/record.json")
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {str(r["system"]): r for r in found}


def curve(project: Project, record: dict[str, object]) -> list[tuple[float, float, float]]:
    """Training loss, validation loss and validation NDCG@10 of every epoch of a run."""
    path = project.folder / "results" / "runs" / str(record["key"]) / "events.jsonl"
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(e["loss"], e["valid_loss"], e["value"]) for e in events if e["event"] == "epoch"]


def console(log: str) -> list[str]:
    """Every number that the code base says of an epoch, as it says it."""
    return re.findall(r"^\t(?:val_|train_)(?:ndcg@10|loss): \S+", log, re.MULTILINE)


def test_nothing_is_patched(real_project: Project) -> None:
    done = real_project.run("patch", "verify", "gsasrec")
    assert done.returncode == 0, done.stderr


def test_control_no_loss_of_ours_is_the_unpatched_code_base(real_project: Project, mirror: str, tmp_path: Path) -> None:
    """The code base's own script with a configuration file of its own: the same epochs, metrics and lists."""
    record = reproduced(real_project, "table3", "sasrec/bce")["sasrec/bce"]
    assert record["status"] == "finished"
    cache = Path(real_project.env["HARNESS_CACHE"])
    tree = checkout.checkout(checkout.clone(PIN, tmp_path / "cache", mirror), PIN, ("/*",), tmp_path / "aprec")
    place = tree / "data" / "bert4rec"
    place.mkdir(parents=True)
    (place / "beauty.txt").write_bytes(next(cache.glob("data/*/beauty-core.txt")).read_bytes())
    (tmp_path / "out").mkdir()
    python = next(cache.glob("environments/tf-*/bin/python"))
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    env = {**clean_env(), **threads, "EPOCHS": "2", "PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": ""}
    env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(BARE)])
    words = [str(python), "run_experiment.py", str(BARE / "config.py"), str(tmp_path / "out" / "experiment.json")]
    bare = subprocess.run(words, cwd=tree / "evaluation", env=env, capture_output=True, text=True, check=True)
    log = (real_project.folder / "results" / "runs" / str(record["key"]) / "log.txt").read_text(encoding="utf-8")
    assert len(console(bare.stdout)) == 8
    assert console(bare.stdout) == console(log)
    (found,) = json.loads((tmp_path / "out" / "experiment.json").read_text())
    theirs = found["recommenders"]["sasrec"]
    for name, text in record["printed"].items():  # type: ignore[attr-defined]
        own = "MRR" if name.startswith("MRR") else name.replace("NDCG", "ndcg")
        assert own not in theirs or text == f"{theirs[own]:.10f}"


@pytest.mark.parametrize(
    ("artifact", "system"),
    [
        ("table3", "bert4rec/mlm-ce"),
        ("table3", "sasrec/ce-all"),
        ("table3", "gsasrec/gbce-256-0.75"),
        ("table2", "bert4rec/bce"),
        ("fig4", "bert4rec/gbce-4"),
        ("fig4", "sasrec/ssm-1"),
        ("fig4", "sasrec/ssm-16"),
    ],
)
def test_every_kind_of_system_runs_and_proves_itself(real_project: Project, artifact: str, system: str) -> None:
    record = reproduced(real_project, artifact, system)[system]
    assert record["status"] == "finished"
    assert record["loss"] in record["proof"]["computed"]  # type: ignore[index]
    assert record["training"] == {"nonfinite": 0, "moved": True}
    assert record["disagreements"] == []


def test_the_grid_point_of_one_negative_without_calibration_is_sasrec(real_project: Project) -> None:
    records = reproduced(real_project, "fig3", "sasrec/bce|gsasrec/gbce-1-0.0")
    first, second = (curve(real_project, records[name]) for name in ("sasrec/bce", "gsasrec/gbce-1-0.0"))
    assert len(first) == 2
    assert first == second


def test_our_gbce_trains_as_the_code_base_s_own(real_project: Project) -> None:
    """The same draws, another way to write it: no clipping, float32."""
    name = "gsasrec/gbce-16-0.75"
    own = ("--loss", "gbce:k=16,t=0.75,form=naive")
    records = reproduced(real_project, "fig3", f"sasrec/bce|{name}", *own)
    ours = next(record for key, record in records.items() if "form=naive" in key)
    theirs, mine = curve(real_project, records[name]), curve(real_project, ours)
    assert (records[name]["proof"]["by"], ours["proof"]["by"]) == ("code base", "overlay")  # type: ignore[index]
    assert [e[0] for e in theirs] == pytest.approx([e[0] for e in mine], rel=1e-4)


def test_a_missing_file_is_told_before_anything_starts(real_project: Project) -> None:
    names = ("ml-1m.txt", "steam.txt", "loc-gowalla_totalCheckins.txt.gz")
    check_named_before_anything_starts(real_project, "petrov2023/table3", "ml-1m|steam|gowalla", names)


FOCAL = '''
import tensorflow as tf

def focal_ce(hidden, item_embeddings, targets, mask, *, generator, gamma=2.0):
    """Cross entropy in which what the model knows already weighs less."""
    scores = tf.matmul(tf.boolean_mask(hidden, mask), item_embeddings, transpose_b=True)
    found = tf.boolean_mask(targets, mask)
    log_p = tf.gather(tf.nn.log_softmax(scores), tf.cast(found, tf.int32), batch_dims=1)
    return -tf.reduce_mean((1 - tf.exp(log_p)) ** gamma * log_p)
'''


def test_a_loss_of_one_s_own_trains_the_code_base_s_network(real_project: Project) -> None:
    (real_project.folder / "mine.py").write_text(FOCAL)
    records = reproduced(real_project, "fig3", "sasrec/bce", "--loss", "mine.py:focal_ce:gamma=1")
    ours = next(record for key, record in records.items() if "focal_ce" in key)
    assert ours["status"] == "finished", ours
    assert ours["proof"]["by"] == "overlay"  # type: ignore[index]
    assert any(name.startswith("focal_ce@") for name in ours["proof"]["computed"])  # type: ignore[index]
    losses = [epoch[0] for epoch in curve(real_project, ours)]
    assert losses[1] < losses[0] < 6.7  # ln 733 is what a network without any knowledge has, before (1 - p) < 1


LATE = """
import tensorflow as tf

def late_nan(hidden, item_embeddings, targets, mask, *, generator):
    kept = tf.cast(generator.uniform(()) > 0.5, tf.float32)
    return tf.reduce_mean(hidden * tf.gather(item_embeddings, targets)) * kept / kept

def shaped(hidden, item_embeddings, targets, mask, *, generator):
    n = tf.cond(generator.uniform(()) > 0.5, lambda: 1, lambda: 7)
    return tf.reduce_mean(hidden) + 0.0 * tf.reduce_sum(tf.reshape(tf.cast(targets, tf.float32), (n, -1)))
"""
LATE_TOLD = {
    "late_nan": "late.py:late_nan returned a value that is not finite : Tensor had NaN values",
    "shaped": "late.py:shaped raised InvalidArgumentError: Input to reshape is a tensor with ",
}


def test_a_loss_that_fails_on_a_later_batch_is_told_in_the_user_s_words(real_project: Project) -> None:
    """The graph is made once, and no line of the file runs on that batch. Seed 42 draws 0.75, then 0.38."""
    (real_project.folder / "late.py").write_text(LATE)
    for name, message in LATE_TOLD.items():
        records = reproduced_or_failed(real_project, f"late.py:{name}")
        (record,) = (record for key, record in records.items() if name in key)
        fault: dict[str, str] = record["fault"]  # type: ignore[assignment]
        assert fault["kind"] == "training"
        assert fault["reason"].startswith(message)
        assert name != "shaped" or fault["reason"].endswith(", line 10")


def reproduced_or_failed(project: Project, loss: str) -> dict[str, dict[str, object]]:
    """Records of SASRec on Beauty's 10-core with a custom loss that may fail."""
    where = ("--where", f"dataset=beauty-core,system=sasrec/{loss.partition(':')[2]}", "--loss", loss)
    done = project.run("reproduce", "petrov2023/fig3", *where, *QUICK, timeout=3000)
    assert done.returncode == 4, done.stderr
    paths = (project.folder / "results" / "runs").glob("*/record.json")
    return {str(r["system"]): r for r in (json.loads(path.read_text(encoding="utf-8")) for path in paths)}


def check_ins() -> bytes:
    """Generated check-ins in the layout of Gowalla, latest first: 200 users who finally return to the same place.

    Before that, each has been there twice and elsewhere six times; ten more have too few check-ins to be kept.
    """
    lines = []
    for user in range(210):
        places = [f"{100 + (7 * user + 50 * step) % 300}" for step in range(6)]
        visits = [*places[:3], "7", *places[3:], "7", "7"] if user < 200 else places[:4]
        rows = [f"{user}\t2010-03-14T{9 + n:02d}:30:00Z\t1.5\t2.5\t{p}" for n, p in enumerate(visits)]
        lines += reversed(rows)
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def test_gowalla_is_read_in_time_order_and_seen_items_stay(real_project: Project) -> None:
    """The place that all users visit is held out for all; in another order, or without seen items, for none."""
    file, data = real_project.folder / "recipes" / "data" / "gsasrec.yaml", check_ins()
    name = "loc-gowalla_totalCheckins.txt.gz"
    (real_project.folder / "data").mkdir()
    (real_project.folder / "data" / name).write_bytes(data)
    text, pinned = file.read_text(encoding="utf-8"), hashlib.sha256(data).hexdigest()
    text = text.replace("users: 86168", "users: 200")
    file.write_text(re.sub(rf"({name}\", sha256): \w+", rf"\1: {pinned}", text), encoding="utf-8")
    where = ("--where", "dataset=gowalla,system=popularity|sasrec/bce")
    done = real_project.run("reproduce", "petrov2023/table3", *where, *QUICK, "--set", "listed=10", timeout=3000)
    paths = sorted((real_project.folder / "results" / "runs").glob("*/record.json"))
    records = {r["system"]: r for r in (json.loads(path.read_text(encoding="utf-8")) for path in paths)}
    assert sorted(records) == ["popularity", "sasrec/bce"], done.stderr
    assert [r["status"] for r in records.values()] == ["finished", "finished"], [r["fault"] for r in records.values()]
    assert all(r["disagreements"] == [] for r in records.values())
    assert records["popularity"]["printed"]["HIT@1"] == "1.0000000000"
    ranks = read_ranks(real_project.folder / "results" / "runs" / records["sasrec/bce"]["key"] / "ranks-test.npz")
    assert ranks.protocol["seen"] == "included"
    assert sorted(ranks.users.tolist()) == list(range(200))
    assert set(ranks.candidates.tolist()) == {301}


def predictions(project: Project, record: dict[str, object], path: Path) -> Path:
    """A file of predictions as the code base writes it, with the metrics of a record's users and no lists."""
    ranks = read_ranks(project.folder / "results" / "runs" / str(record["key"]) / "ranks-test.npz")
    values = {name: metrics.per_user(ranks, name) for name in METRICS}
    rows = [
        {"user_id": str(user), "metrics": {name: float(values[name][row]) for name in METRICS}}
        for row, user in enumerate(ranks.users)
    ]
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return path


def test_the_code_base_s_significance_script_takes_users_as_independent(
    real_project: Project, mirror: str, tmp_path: Path
) -> None:
    """Its p is that of the unpaired test of `harness findings`, not that of the paired one, on the same records."""
    records = reproduced(real_project, "table3", "popularity|mf-bpr")
    tree = checkout.checkout(checkout.clone(PIN, tmp_path / "cache", mirror), PIN, ("/evaluation",), tmp_path / "tree")
    script = tree / "evaluation" / "two_predictions_signficance_test.py"
    first, second = (predictions(real_project, records[n], tmp_path / f"{n}.json.gz") for n in ("popularity", "mf-bpr"))
    python = next(Path(real_project.env["HARNESS_CACHE"]).glob("environments/tf-*/bin/python"))
    words = [str(python), str(script), "--first", str(first), "--second", str(second)]
    said = subprocess.run(words, env=clean_env(), capture_output=True, text=True, check=True).stdout.splitlines()
    column = said[0].split().index("p_value") + 1  # the first is the row's number
    found = {line.split()[1]: float(line.split()[column]) for line in said[1:]}
    keys = [real_project.folder / "results" / "runs" / str(records[n]["key"]) for n in ("popularity", "mf-bpr")]
    for name in METRICS:
        a, b = (metrics.per_user(read_ranks(key / "ranks-test.npz"), name) for key in keys)
        assert found[name] == pytest.approx(parametric.unpaired_p(a, b), rel=1e-4, abs=0)
        assert found[name] != pytest.approx(parametric.paired_p(a, b), rel=1e-2, abs=0)
