"""The authors' PyTorch port of gSASRec at its pin on Beauty's 10-core; needs a mirror or the internet, and minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from overlay.gsasrec_torch import split as splitting
from projects import ROOT, Project, clean_env
from toys import committed

from harness.core.git import blob_hash
from harness.upstreams import checkout

PIN = checkout.Pin(
    "gsasrec-pytorch", "https://github.com/asash/gSASRec-pytorch", "7e350285fb4721377c96e20ace7c74bf19bea57b"
)
BARE = Path(__file__).parent / "bare_port"
REAL = ("ir_measures==0.4.3", "pytrec-eval-terrier==0.5.11", "torchinfo==1.8.0")
QUICK = ("--profile", "quick", "--set", "epochs=2", "--seeds", "42")
VIEWS = [f"{part}_{view}" for part in ("above", "tied", "candidates") for view in ("all", "unseen", "printed")]
CONTROLS = {"sasrec/bce": ("1", "0.0"), "gsasrec/gbce-256-0.75": ("256", "0.75")}
RELEASED = "petrov2023/port-released"
ON_BEAUTY = r"\bml-1m\b(?=[]:])"  # the data set's key in that recipe
SASREC_BLOB = "2c8be71ddb9019eb2c9ec521aed1fd78dcd98074"
MOVIELENS_BLOB = "9ab8e3edb8742f8d8cc4911e3dee25e82a6fcc24"
pytestmark = [pytest.mark.upstream, pytest.mark.timeout(1800)]


def reproduced(project: Project, systems: str, *more: str) -> dict[str, dict[str, Any]]:
    """Records of the recipe's systems on Beauty's 10-core, by system."""
    where = ("--where", f"dataset=beauty-core,system={systems}")
    done = project.run("reproduce", "petrov2023/port", *where, *QUICK, *more, timeout=1500)
    assert done.returncode in (0, 1), done.stderr
    return records(project)


def records(project: Project) -> dict[str, dict[str, Any]]:
    """Records of a project's own runs by system."""
    paths = (project.folder / "results" / "runs").glob("[0-9a-f]*/record.json")
    return {r["system"]: r for r in (json.loads(path.read_text(encoding="utf-8")) for path in paths)}


def kept(project: Project, record: dict[str, Any], name: str) -> Path:
    """A file of a record."""
    return project.folder / "results" / "runs" / str(record["key"]) / name


def curve(project: Project, record: dict[str, Any]) -> list[tuple[float, float]]:
    """Training loss and validation NDCG@10 of every epoch of a run."""
    lines = kept(project, record, "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [(e["loss"], e["value"]) for e in map(json.loads, lines) if e["event"] == "epoch"]


def said(log: str) -> list[dict[str, str]]:
    """The metrics of every evaluation, as the port prints them; ir_measures gives them in no fixed order."""
    return [dict(part.split(": ") for part in found.split(", ")) for found in re.findall(r"\{(nDCG.*?|R@.*?)\}", log)]


def python_of(project: Project) -> Path:
    """The interpreter of the environment."""
    return next(Path(project.env["HARNESS_CACHE"]).glob("environments/torch-*/bin/python"))


def bare_data(path: Path, folder: Path) -> None:
    """Beauty's 10-core in the port's files, rebuilt by the steps of its README and its script for ML-1M."""
    table = np.loadtxt(path, dtype=int)
    users, items = (np.unique(column, return_inverse=True)[1] + 1 for column in table.T)
    drawn = set(np.random.RandomState(42).choice(users.max(), 128, replace=False))
    lines: dict[str, list[str]] = {name: [] for name in ("train/input", "val/input", "val/output", "test/output")}
    lines["test/input"] = []
    for user in dict.fromkeys(users):
        words = [str(item) for item in items[users == user]]
        lines["test/input"].append(" ".join(words[:-1]))
        lines["test/output"].append(words[-1])
        lines["train/input"].append(" ".join(words[: -3 if user in drawn else -2]))
        if user in drawn:
            lines["val/input"].append(" ".join(words[:-2]))
            lines["val/output"].append(words[-2])
    for name, texts in lines.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text("\n".join(texts) + "\n")
    (folder / "dataset_stats.json").write_text(json.dumps({"num_items": int(items.max())}))


@pytest.mark.parametrize("system", CONTROLS)
def test_control_the_port_s_own_scripts_print_the_same(
    real_project: Project, mirror: str, tmp_path: Path, system: str
) -> None:
    """Its unmodified scripts, with the real ir_measures and torchinfo, in a separate process."""
    record = reproduced(real_project, system)[system]
    assert record["status"] == "finished", record["fault"]
    assert record["training"] == {"nonfinite": 0, "moved": True}
    python, packages = python_of(real_project), tmp_path / "packages"
    words = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), *REAL]
    if (installed := subprocess.run(words, env=clean_env(), capture_output=True, text=True)).returncode:
        pytest.skip(f"NO REAL ir_measures AND torchinfo: {installed.stderr.strip()[-200:]}")
    tree = checkout.checkout(checkout.clone(PIN, tmp_path / "cache", mirror), PIN, ("/*.py",), tmp_path / "port")
    data = next(Path(real_project.env["HARNESS_CACHE"]).glob("data/*/beauty-core.txt"))
    bare_data(data, tree / "datasets" / "beauty")
    k, t = CONTROLS[system]
    env = {**clean_env(), "K": k, "T": t, "EPOCHS": "2", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(packages)}

    def script(name: str, *more: str) -> str:
        words = [str(python), name, f"--config={BARE / 'config.py'}", *more]
        return subprocess.run(words, cwd=tree, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout

    trained = script("train_gsasrec.py")
    assert "Total params" in trained  # torchinfo's own summary, so no substitute was imported
    (weights,) = (tree / "models").iterdir()
    bare = said(trained) + said(script("evaluate_gsasrec.py", f"--checkpoint={weights}"))
    assert len(bare) == 3
    assert bare == said(kept(real_project, record, "log.txt").read_text(encoding="utf-8"))


def test_nothing_is_patched(real_project: Project) -> None:
    done = real_project.run("patch", "verify", "gsasrec-pytorch")
    assert done.returncode == 0, done.stderr


def test_a_run_proves_its_loss_and_prints_what_its_ranks_say(real_project: Project) -> None:
    name = "sasrec/gbce:k=16+t=0.75"
    record = reproduced(real_project, name, "--loss", "gbce:k=16,t=0.75")[name]
    proof = record["proof"]
    assert (proof["computed"], proof["by"], proof["rows"]) == (["gbce"], "code base", 17)
    assert 0 < proof["cut_off"] < proof["positions"]
    assert record["disagreements"] == []
    assert set(record["printed"]) == {"HIT@1", "HIT@10", "NDCG@10", "minutes to converge"}
    with np.load(kept(real_project, record, "ranks-test.npz")) as file:
        place = file["above_printed"] + file["tied_printed"]
        assert (len(file["user"]), file["candidates_all"].max()) == (1340, 733)
        assert record["printed"]["HIT@10"] == f"{(place <= 10).mean():.10f}"


def test_one_negative_without_calibration_is_sasrec(real_project: Project) -> None:
    """Under another name, so its proof recognises it as both."""
    found = reproduced(real_project, "sasrec/bce|sasrec/gbce:k=1+t=0.0", "--loss", "gbce:k=1,t=0.0")
    sasrec, same = found["sasrec/bce"], found["sasrec/gbce:k=1+t=0.0"]
    assert curve(real_project, sasrec) == curve(real_project, same)
    assert len(curve(real_project, sasrec)) == 2
    assert same["proof"]["options"] == {"k": 1, "t": 0}
    for name in VIEWS:
        first, second = (np.load(kept(real_project, r, "ranks-test.npz"))[name] for r in (sasrec, same))
        np.testing.assert_array_equal(first, second)


def test_options_that_cannot_be_are_a_run_s_reason(real_project: Project) -> None:
    where = ("--where", "dataset=beauty-core,system=sasrec/gbce:k=733")
    done = real_project.run("reproduce", "petrov2023/port", *where, *QUICK, "--loss", "gbce:k=733", timeout=600)
    assert done.returncode == 4
    failed = records(real_project)["sasrec/gbce:k=733"]
    assert failed["fault"] == {"kind": "training", "reason": "k: expected a whole number from 1 to 732, got 733"}


def rewritten(project: Project, changes: dict[str, str]) -> None:
    """Change the recipe of the released models, every occurrence of each pattern."""
    file = project.folder / f"recipes/{RELEASED}.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        text, n = re.subn(old, new, text)
        assert n, old
    file.write_text(text, encoding="utf-8")


def trained_here(project: Project, folder: Path) -> tuple[Path, Path]:
    """Weights that the port trained, and the ranks of that training, by the overlay in a source tree of the harness."""
    cache = Path(project.env["HARNESS_CACHE"])
    tree = max((p for p in cache.glob("trees/gsasrec-pytorch-*") if p.is_dir()), key=os.path.getmtime)
    out, message = folder / "out", folder / "message"
    out.mkdir(parents=True)
    message.mkdir()
    data = next(cache.glob("data/*/beauty-core.txt"))
    words = [str(python_of(project)), "-m", "harness_overlay.gsasrec_torch.run", f"--data={data}", "--dataset=beauty"]
    words += [f"--out={out}", "--model=sasrec", "--seed=7", "--epochs=2", "--sequence=20", "--validation=128"]
    env = {**clean_env(), "HARNESS_PROBE_DIR": str(message), "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(words, cwd=tree, env=env, check=True, capture_output=True)
    (weights,) = (out / "models").iterdir()
    return weights, message / "ranks-test.npz"


def test_weights_that_the_port_saved_give_their_training_s_ranks_again(real_project: Project, tmp_path: Path) -> None:
    """The recipe for the port's released models, with a release of our own that holds weights trained here."""
    assert real_project.run("reproduce", "petrov2023/port", "--where", "dataset=beauty-core,system=popularity").stderr
    weights, ranks = trained_here(real_project, tmp_path / "training")
    release = tmp_path / "release"
    release.mkdir()
    (release / "port.pt").write_bytes(weights.read_bytes())
    commit = committed(release)
    place, blob = "[releases.gsasrec-pytorch-weights]", blob_hash(weights.read_bytes())
    real_project.replace("harness.toml", place, f'[releases.mine]\nurl = "{release}"\ncommit = "{commit}"\n\n{place}')
    changes = {ON_BEAUTY: "beauty-core", r"release: \S+": "release: mine", r'path: ".*"': "path: port.pt"}
    rewritten(real_project, {**changes, r"blob: \w+": f"blob: {blob}"})
    asked = (RELEASED, "--where", "system=sasrec/bce-released", "--set")
    done = real_project.run("reproduce", *asked, "sequence=20", timeout=600)
    assert done.returncode in (0, 1), done.stderr
    record = records(real_project)["sasrec/bce-released"]
    assert (record["disagreements"], record["proof"]) == ([], None)
    with np.load(ranks) as trained, np.load(kept(real_project, record, "ranks-test.npz")) as again:
        for name in ("user", *VIEWS):
            np.testing.assert_array_equal(trained[name], again[name])
    done = real_project.run("reproduce", *asked, "sequence=10", timeout=600)
    assert done.returncode == 4
    assert "port.pt: no weights of this network" in " ".join(done.stderr.split()), done.stderr  # lines are wrapped


def test_a_model_that_the_mirror_lacks_is_told_by_name(real_project: Project, mirror: str, tmp_path: Path) -> None:
    """Where the mirror has no files above some size; a complete one evaluates them."""
    clone = checkout.clone(PIN, tmp_path / "cache", mirror)
    if not subprocess.run(["git", "-C", str(clone), "cat-file", "-e", SASREC_BLOB]).returncode:
        pytest.skip("the mirror has the weights")
    rewritten(real_project, {ON_BEAUTY: "beauty-core"})
    done = real_project.run("reproduce", RELEASED, "--where", "system=sasrec/bce-released", timeout=600)
    assert done.returncode == 3
    message = "".join(done.stderr.split())  # lines are wrapped
    assert "themirrorlackspre_trained/gsasrec-ml1m-step:47520-t:0.0-negs:1" in message
    assert f"(blob{SASREC_BLOB})" in message
    assert set(records(real_project)) == {"popularity"}


def test_movielens_that_the_mirror_lacks_is_reported_with_its_place(
    real_project: Project, mirror: str, tmp_path: Path
) -> None:
    clone = checkout.clone(PIN, tmp_path / "cache", mirror)
    if not subprocess.run(["git", "-C", str(clone), "cat-file", "-e", MOVIELENS_BLOB]).returncode:
        pytest.skip("the mirror has the file")
    env = {**real_project.env, "HARNESS_CACHE": str(real_project.folder / "c")}
    done = Project(real_project.folder, env).run("reproduce", "petrov2023/port", "--where", "dataset=ml-1m")
    assert done.returncode == 3
    assert str(real_project.folder / "data" / "ml-1m.txt") in "".join(done.stderr.split())
    assert not (real_project.folder / "c" / "environments").exists()


def test_movielens_is_split_into_the_very_files_that_the_port_ships(mirror: str, tmp_path: Path) -> None:
    """Its file is looked for where the harness looks for data: HARNESS_DATA, or the folder `data`."""
    path = Path(os.environ.get("HARNESS_DATA", ROOT / "data")) / "ml-1m.txt"
    if not path.is_file():
        pytest.skip(f"NO MOVIELENS FILE at {path}")
    clone = checkout.clone(PIN, tmp_path / "cache", mirror)
    words = ["git", "-C", str(clone), "ls-tree", "-r", PIN.commit, "datasets/ml1m/"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    blobs = {line.split("\t")[1].removeprefix("datasets/ml1m/"): line.split()[2] for line in listed}
    made = splitting.files(splitting.split(*splitting.read(path), 512))
    assert blob_hash(path.read_bytes()) == blobs["ml-1m.txt"]
    assert len(made) == 6
    assert {name: blob_hash("".join(lines).encode()) for name, lines in made.items()} == {n: blobs[n] for n in made}
