"""The real bert4rec_repro code at its pin on cuts of Beauty; needs a mirror or the internet, and minutes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missing_data import check_named_before_anything_starts
from projects import Project, clean_env

from harness.runs.probe_output import read_ranks
from harness.upstreams import checkout

PIN = checkout.Pin(
    "bert4rec_repro", "https://github.com/asash/bert4rec_repro", "76f15e738780fc0b2f9a70d037fe0c23a0324b72"
)
BESIDE = checkout.Pin("b4rvae", "https://github.com/asash/b4rvae", "6036d817bf623147d59c6b744aadeede4cbb42ec")
BARE = Path(__file__).parent / "bare_bert4rec_repro"
QUICK = ("--profile", "quick", "--set", "epochs=1", "--seeds", "42")
VIEWS = ("printed", "unseen", "all", "items", "sampled")
CONTROLS = {  # system: what the bare configuration calls it, its environment, its validation's history
    "sasrec/bce": ("sasrec", "tf", "val_BCE_history"),
    "bert4rec-hf-as-released/mlm-ce": ("bert4rec", "tf", "val_mean_ypred_history"),
    "bert4rec-vae/mlm-ce": ("vae", "torch", ""),
}
pytestmark = [pytest.mark.upstream, pytest.mark.timeout(3600)]


def reproduced(project: Project, systems: str, *more: str, code: int | None = None) -> dict[str, dict[str, Any]]:
    """Records of the recipe's systems on 1000 users of Beauty_1, by system."""
    where = ("--where", f"dataset=beauty-s3-cut,system={systems}")
    done = project.run("reproduce", "li2023/table3", *where, *QUICK, *more, timeout=3000)
    assert done.returncode in ((0, 1) if code is None else (code,)), done.stderr
    paths = (project.folder / "results" / "runs").glob("*/record.json")
    return {r["system"]: r for r in (json.loads(path.read_text(encoding="utf-8")) for path in paths)}


def kept(project: Project, record: dict[str, Any], name: str) -> Path:
    """A file of a record."""
    return project.folder / "results" / "runs" / str(record["key"]) / name


def python_of(project: Project, environment: str) -> Path:
    """The interpreter of an environment."""
    return next(Path(project.env["HARNESS_CACHE"]).glob(f"environments/{environment}-*/bin/python"))


def cut(project: Project) -> Path:
    """The data of the runs."""
    return next(Path(project.env["HARNESS_CACHE"]).glob("data/*/beauty_s3-cut.txt"))


def bare(project: Project, folder: Path, mirror: str, system: str, environment: str) -> dict[str, Any]:
    """What the code base's own experiment code finds for a system, nothing patched."""
    tree = checkout.checkout(checkout.clone(PIN, folder / "cache", mirror), PIN, ("/*",), folder / "aprec")
    checkout.checkout(checkout.clone(BESIDE, folder / "cache", mirror), BESIDE, ("/*",), folder / "b4rvae")
    place = tree / "data" / "bert4rec"
    place.mkdir(parents=True)
    (place / "beauty.txt").write_bytes(cut(project).read_bytes())
    (folder / "out").mkdir()
    python = python_of(project, environment)
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    env = {**clean_env(), **threads, "EPOCHS": "1", "SYSTEM": system, "PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": ""}
    env["PYTHONPATH"] = os.pathsep.join([str(folder), str(BARE)])
    env["PATH"] = os.pathsep.join([str(python.parent), env["PATH"]])
    words = [str(python), str(BARE / "start.py"), str(BARE / "config.py"), str(folder / "out" / "experiment.json")]
    subprocess.run(words, cwd=tree / "evaluation", env=env, capture_output=True, text=True, check=True)
    (found,) = json.loads((folder / "out" / "experiment.json").read_text())
    result: dict[str, Any] = found["recommenders"]["system"]
    return result


def test_the_series_fits_its_upstream(real_project: Project) -> None:
    done = real_project.run("patch", "verify", "bert4rec_repro")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("system", CONTROLS)
def test_control_nothing_chosen_is_the_unpatched_code_base(
    real_project: Project, mirror: str, tmp_path: Path, system: str
) -> None:
    """The code base scores one user a call and the run blocks of users: every metric has the same ten decimals."""
    name, environment, history = CONTROLS[system]
    record = reproduced(real_project, system)[system]
    assert record["status"] == "finished", record["fault"]
    assert record["proof"]["by"] == "code base"
    theirs = bare(real_project, tmp_path / "bare", mirror, name, environment)
    full = {key: theirs[key] for key in theirs["sampled_metrics"]}
    expected = {key.replace("ndcg", "NDCG").replace("MRR", "MRR@100"): f"{value:.10f}" for key, value in full.items()}
    for key, value in theirs["sampled_metrics"].items():
        expected["sampled-" + key.replace("ndcg", "NDCG")] = f"{value:.10f}"
    printed = {key: text for key, text in record["printed"].items() if key != "minutes to converge"}
    assert printed == expected
    lines = kept(real_project, record, "events.jsonl").read_text(encoding="utf-8").splitlines()
    curve = [event["value"] for event in map(json.loads, lines) if event["event"] == "epoch"]
    assert len(curve) == 1
    assert curve == [value for _, value in theirs["model_metadata"].get(history, [(0, curve[0])])]


@pytest.mark.parametrize(
    ("system", "loss"),
    [
        ("sasrec/bce", ["bce"]),
        ("sasrec/ce-all", ["ce-all", "mlm-ce"]),
        ("bert4rec-hf-as-released/mlm-ce", ["ce-all", "mlm-ce"]),
        ("bert4rec-hf-as-published/mlm-ce", ["ce-all", "mlm-ce"]),
        ("bert4rec-vae/mlm-ce", ["ce-all", "mlm-ce"]),
    ],
)
def test_every_system_proves_its_loss_and_prints_what_its_ranks_say(
    real_project: Project, system: str, loss: list[str]
) -> None:
    record = reproduced(real_project, system)[system]
    assert record["status"] == "finished", record["fault"]
    assert record["proof"]["computed"] == loss
    assert record["disagreements"] == []
    assert {"HIT@10", "NDCG@10", "MRR@100", "sampled-HIT@10", "sampled-NDCG@10"} <= set(record["printed"])
    assert record["end"]["stopped_by"] == "epochs"
    assert record["training"] == {"nonfinite": 0, "moved": True}
    found = read_ranks(kept(real_project, record, "ranks-test.npz"))
    place = found.views["sampled"].above + found.views["sampled"].tied
    assert record["printed"]["sampled-HIT@10"] == f"{(place <= 10).mean():.10f}"
    assert set(found.views["sampled"].candidates.tolist()) == {101}
    assert found.views["sampled"].protocol["ranking"] == "sampled"
    assert record["protocols"]["sampled"]["candidates"] == found.views["sampled"].protocol["candidates"]
    with np.load(kept(real_project, record, "ranks-test.npz")) as file:
        assert {f"above_{view}" for view in VIEWS} <= set(file.files)


def test_the_feed_forward_width_is_handed_on_where_it_is_asked_for(real_project: Project) -> None:
    """Two weights and a bias a layer: three layers of width 64, with 3072 or with 128 inside."""
    names = ("bert4rec-hf-as-released/mlm-ce", "bert4rec-hf-as-published/mlm-ce")
    records = reproduced(real_project, "|".join(names))
    released, published = (records[name]["network"] for name in names)
    assert (released["feed_forward"], published["feed_forward"]) == (3072, 128)
    assert released["parameters"] - published["parameters"] == 3 * (3072 - 128) * (2 * 64 + 1)


def directly(
    project: Project, folder: Path, model: str, environment: str, *words: str
) -> subprocess.CompletedProcess[str]:
    """The overlay's entry in the source tree that the harness made, as a run starts it; output below `folder`."""
    cache = Path(project.env["HARNESS_CACHE"])
    tree = max((p for p in cache.glob("trees/bert4rec_repro-*") if p.is_dir()), key=os.path.getmtime)
    (folder / "out").mkdir(parents=True)
    (folder / "message").mkdir()
    command = [
        str(python_of(project, environment)),
        "-m",
        "harness_overlay.bert4rec_repro.run",
        f"--data={cut(project)}",
    ]
    command += ["--dataset=beauty_s3", f"--out={folder / 'out'}", f"--model={model}", "--seed=42", "--epochs=1"]
    command += ["--validation=128", "--sequence=20", "--listed=100", *words]
    env = {**clean_env(), "HARNESS_PROBE_DIR": str(folder / "message"), "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)


def lists(folder: Path) -> list[dict[str, Any]]:
    """Recommendations with their scores, user by user, as the code base writes them."""
    (path,) = (folder / "out" / "predictions").glob("*.json.gz")
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


@pytest.mark.parametrize(
    ("model", "environment", "within"), [("sasrec", "tf", 0), ("bert4rec-hf", "tf", 1e-6), ("bert4rec-vae", "torch", 0)]
)
def test_users_scored_in_blocks_have_the_scores_of_users_scored_alone(
    real_project: Project, tmp_path: Path, model: str, environment: str, within: float
) -> None:
    """BERT4Rec-hf adds up in another order in a block, by 2e-7 at most; lists and metrics are the same in all."""
    reproduced(real_project, "popularity")  # makes the tree and the data
    loss = "bce" if model == "sasrec" else "mlm-ce"
    found = []
    for scoring in ("blocks", "single"):
        done = directly(real_project, tmp_path / scoring, model, environment, f"--loss={loss}", f"--scoring={scoring}")
        assert done.returncode == 0, done.stderr
        found.append(lists(tmp_path / scoring))
    assert len(found[0]) == len(found[1]) == 1000
    for block, alone in zip(*found, strict=True):
        one, other = (dict(user.pop("predictions")) for user in (block, alone))
        assert block == alone
        assert list(one) == list(other)
        assert max(abs(one[item] - other[item]) for item in one) <= within


def test_a_system_that_fails_inside_a_run_fails_the_run(real_project: Project) -> None:
    """The code base prints an exception, goes on and ends with status 0: one validation user fills no batch."""
    record = reproduced(real_project, "sasrec/bce", "--set", "validation=1", code=4)["sasrec/bce"]
    assert record["status"] == "failed"
    assert record["fault"]["kind"] == "training"
    assert record["fault"]["reason"] == "ZeroDivisionError: division by zero"  # as many batches as one user fills


def test_a_missing_file_is_told_before_anything_starts(real_project: Project) -> None:
    names = ("ml-20m.zip", "steam.txt")
    check_named_before_anything_starts(real_project, "li2023/table3", "ml-20m|steam", names)


def test_the_original_bert4rec_gets_the_batch_size_that_its_configuration_names(
    real_project: Project, tmp_path: Path
) -> None:
    """Its script needs TensorFlow's estimators, which current versions lack: only its arguments are read here."""
    tree = tmp_path / "tree"
    done = real_project.run("patch", "tree", "bert4rec_repro", str(tree))
    assert done.returncode == 0, done.stderr
    lines = (tree / "recommenders" / "BERT4rec" / "run.py").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("parser = "))
    end = next(n for n, line in enumerate(lines) if line.startswith("FLAGS.batch_size"))
    (tmp_path / "arguments.py").write_text(
        "\n".join(["from argparse import ArgumentParser", *lines[start : end + 1], "print(FLAGS.batch_size)"])
    )

    needed = ("--bert_config_file=c", "--checkpointDir=d", "--user_history_filename=h")

    def read(*words: str) -> str:
        command = [str(python_of(real_project, "tf")), str(tmp_path / "arguments.py"), *needed, *words]
        return subprocess.run(command, env=clean_env(), capture_output=True, text=True, check=True).stdout.strip()

    assert read("--batch_size=256") == "True"  # of a type that makes every size 1
    assert read("--batch_size=256", "--harness_batch_size=256") == "256"
    text = (tree / "recommenders" / "vanilla_bert4rec.py").read_text()
    assert 'cmd += f" --harness_batch_size={self.batch_size}"' in text
