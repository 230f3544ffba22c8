"""The real S3Rec code at its pin, three epochs on the LastFM data that it ships; needs a mirror or the internet."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from projects import ROOT, Project, clean_env

from harness.core.config import load
from harness.recipes import recipe as recipes
from harness.upstreams import checkout

PIN = checkout.Pin(
    "s3rec", "https://github.com/aHuiWang/CIKM2020-S3Rec", "49a890dcb516c9ed3126564495234ea74d5cd566"
)  # fmt: skip
LASTFM = ("--where", "dataset=lastfm,system=sasrec/bce", "--seeds", "42", "--profile", "quick")
pytestmark = pytest.mark.upstream


def records_of(project: Project) -> list[dict[str, object]]:
    """Records that the project has made; those it came with are none."""
    paths = (project.folder / "results" / "runs").glob("*/record.json")
    return [json.loads(p.read_text(encoding="utf-8")) for p in paths]


def records(project: Project) -> dict[str, dict[str, object]]:
    """Records of the project by system."""
    return {str(r["system"]): r for r in records_of(project)}


def test_series_fits_the_pin(real_project: Project) -> None:
    done = real_project.run("patch", "verify", "s3rec")
    assert done.returncode == 0, done.stderr
    assert "5 patches fit 49a890dcb516" in done.stdout


def test_control_no_loss_chosen_is_the_unpatched_upstream(real_project: Project, mirror: str, tmp_path: Path) -> None:
    done = real_project.run("reproduce", "table2", *LASTFM, timeout=900)
    assert done.returncode == 1, done.stderr
    log = next((real_project.folder / "results" / "runs").glob("*/log.txt"))
    logs = [p for p in (real_project.folder / "results" / "runs").glob("*/log.txt") if "rec_avg_loss" in p.read_text()]
    (log,) = logs
    cache = Path(real_project.env["HARNESS_CACHE"])
    clone = checkout.clone(PIN, tmp_path / "cache", mirror)
    tree = checkout.checkout(clone, PIN, ("/*.py",), tmp_path / "tree")
    data = next(cache.glob("data/*/LastFM.txt")).parent
    python = next(cache.glob("environments/torch-*/bin/python"))
    words = [str(python), "run_finetune_full.py", f"--data_dir={data}/", f"--output_dir={tmp_path}/out/", "--no_cuda"]
    words += ["--data_name=LastFM", "--ckp=0", "--epochs=3", "--seed=42"]
    bare = subprocess.run(words, cwd=tree, env=clean_env(), capture_output=True, text=True, check=True)
    assert numbers(bare.stdout)
    assert numbers(bare.stdout) == numbers(log.read_text(encoding="utf-8"))


def numbers(log: str) -> list[str]:
    """The lines of an upstream's log with losses and metrics."""
    return [line for line in log.splitlines() if line.startswith("{'")]


@pytest.mark.parametrize("system", ["gru4rec/ce-last", "srgnn-as-published/ce-all", "sasrec/ce-all", "s3rec/bce"])
def test_every_model_runs_and_proves_itself(real_project: Project, system: str) -> None:
    where = ("--where", f"dataset=lastfm,system={system}", "--seeds", "1", "--set", "epochs=1")
    done = real_project.run("reproduce", "table2", *where, timeout=900)
    assert done.returncode == 1, done.stderr
    record = records(real_project)[system]
    assert record["status"] == "finished"
    assert system.partition("/")[2] in record["proof"]["computed"]  # type: ignore[index]
    assert record["training"] == {"nonfinite": 0, "moved": True}
    assert record["disagreements"] == []


def test_one_uniform_negative_needs_no_exclusion(real_project: Project) -> None:
    """At one of 6,082 positions of the first batch the negative is the target: the loss is constant there."""
    where = ("--where", "dataset=lastfm,system=sasrec/ce-all", "--seeds", "1", "--set", "epochs=1")
    real_project.run("reproduce", "table2", *where, "--loss", "ssm:k=1", timeout=900)
    (record,) = [record for record in records_of(real_project) if record["loss"] == "ssm"]
    assert record["status"] == "finished", record["fault"]
    assert record["proof"]["computed"] == ["ssm"]  # type: ignore[index]
    assert record["proof"]["positions"] == 6081  # type: ignore[index]
    assert record["proof"]["options"]["exclude"] == "none"  # type: ignore[index]


def curve(project: Project, system: str) -> list[float]:
    """Training losses of the epochs of a system's only run."""
    (record,) = [r for r in records_of(project) if r["system"] == system]
    events = project.folder / "results" / "runs" / str(record["key"]) / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    return [line["loss"] for line in lines if line["event"] == "epoch"]


def test_lean_and_naive_train_alike(real_project: Project) -> None:
    """Three epochs on LastFM: the same training curve to 1e-5."""
    where = ("--where", "dataset=lastfm,model=sasrec", "--loss", "ce-all:form=naive")
    done = real_project.run("reproduce", "table2", *where, "--seeds", "42", "--profile", "quick", timeout=900)
    assert done.returncode == 1, done.stderr
    lean, naive = curve(real_project, "sasrec/ce-all"), curve(real_project, "sasrec/ce-all:form=naive")
    assert len(lean) == 3
    assert lean[0] != lean[2]
    assert lean == pytest.approx(naive, rel=1e-5)


def test_a_loss_of_one_s_own_stands_in_the_table(real_project: Project) -> None:
    where = ("--where", "dataset=lastfm,model=sasrec", "--seeds", "42", "--profile", "quick")
    own = ("--loss", str(ROOT / "examples" / "my_loss.py") + ":focal_ce")
    done = real_project.run("reproduce", "table2", *where, *own, timeout=900)
    assert done.returncode == 1, done.stderr
    assert "SASRec, focal_ce against SASRec+" in done.stdout
    (record,) = [r for r in records_of(real_project) if r["system"] == "sasrec/focal_ce"]
    assert record["proof"]["computed"][0].startswith("focal_ce@")  # type: ignore[index]
    assert record["disagreements"] == []


def test_every_offered_loss_runs_and_proves_itself(real_project: Project) -> None:
    offered = [loss for loss in load(ROOT).file.upstreams["s3rec"].losses if loss not in ("bce", "ce-all")]
    assert offered
    where = ("--where", f"dataset=lastfm,model=sasrec,loss={'|'.join(offered)}", "--seeds", "1", "--set", "epochs=1")
    losses = [word for loss in offered for word in ("--loss", loss)]
    done = real_project.run("reproduce", "table2", *where, *losses, timeout=1800)
    assert done.returncode == 0, done.stderr
    found = {r["system"]: r for r in records_of(real_project)}
    for loss in offered:
        record = found[f"sasrec/{loss}"]
        assert record["status"] == "finished"
        assert loss in record["proof"]["computed"]  # type: ignore[index]


def test_ignored_loss_option_fails_the_run(real_project: Project) -> None:
    real_project.replace("recipes/li2023/table2.yaml", "--loss={loss}", "--loss=bce")
    real_project.replace("recipes/li2023/table2.yaml", "own_loss: [", "# own_loss: [")
    where = ("--where", "dataset=lastfm,system=sasrec/ce-all", "--seeds", "1", "--set", "epochs=1")
    done = real_project.run("reproduce", "table2", *where, timeout=900)
    assert done.returncode == 4
    assert "asked for loss ce-all, the first batch was trained with bce" in done.stderr


def test_missing_pretraining_fails_the_run(real_project: Project) -> None:
    real_project.replace("recipes/li2023/table2.yaml", "--ckp={checkpoint_epochs}", "--ckp=151")
    where = ("--where", "dataset=lastfm,system=s3rec/bce", "--seeds", "1", "--set", "epochs=1")
    done = real_project.run("reproduce", "table2", *where, timeout=900)
    assert done.returncode == 4
    shown = real_project.run("status", "table2", *where)
    assert "training: ended with status 1" in shown.stdout


def test_broken_probe_is_flagged(real_project: Project) -> None:
    text = "return above.astype(np.int32), tied"
    real_project.replace("patches/overlay/probe.py", text, "return (above // 2).astype(np.int32), tied")
    where = ("--where", "dataset=lastfm,system=gru4rec/ce-last", "--seeds", "1", "--set", "epochs=3")
    done = real_project.run("reproduce", "table2", *where, timeout=900)
    assert done.returncode == 1
    assert "disagree with the ranks" in done.stderr


def test_checkpoint_that_the_mirror_lacks_is_a_gap(real_project: Project) -> None:
    where = ("--where", "dataset=yelp,system=s3rec/bce", "--seeds", "1", "--set", "epochs=1")
    done = real_project.run("reproduce", "table2", *where, timeout=900)
    if done.returncode == 1:
        pytest.skip("this mirror has the checkpoint of Yelp")
    assert done.returncode == 3
    assert "Yelp-epochs-100.pt" in done.stderr
    assert "Popularity" in done.stdout


def test_losses_of_figure_1_train_without_validation_and_prove_themselves(real_project: Project) -> None:
    recipe = recipes.load_recipe(ROOT, "li2023/fig1", {})
    keys = [
        key
        for key in recipe.systems
        if key.endswith(("-10-as-released", "bpr-10-as-published", "mlm-ce-0.2-as-released"))
    ]
    assert len(keys) == 7
    where = ("--where", f"dataset=lastfm,system={'|'.join(keys)}", "--seeds", "1", "--set", "epochs=1")
    done = real_project.run("reproduce", "li2023/fig1", *where, timeout=1800)
    assert done.returncode in (0, 1), done.stderr
    found = records(real_project)
    for key in keys:
        assert found[key]["status"] == "finished"
        assert recipe.systems[key].proven_loss in found[key]["proof"]["computed"]  # type: ignore[index]
        events = real_project.folder / "results" / "runs" / str(found[key]["key"]) / "events.jsonl"
        (epoch,) = [
            e for e in map(json.loads, events.read_text(encoding="utf-8").splitlines()) if e["event"] == "epoch"
        ]
        assert epoch["metric"] == "training loss"


CUT_USERS = 40
CUT = """
  lastfm-cut:
    upstream: s3rec
    name: LastFM
    label: LastFM, a few users
    users: {users}
    items: {items}
    interactions: {interactions}
    sequences: LastFM.txt
    files:
      - {{url: "https://cut.invalid/LastFM.txt", name: LastFM.txt, sha256: {sequences}}}
      - {{path: data/LastFM_item2attributes.json, name: LastFM_item2attributes.json, sha256: {attributes}}}
"""


def test_s3rec_starts_from_weights_that_its_own_code_pre_trained_here(
    real_project: Project, mirror: str, tmp_path: Path
) -> None:
    """A few users of LastFM: pre-training all of them for ten epochs takes half an hour."""
    clone = checkout.clone(PIN, tmp_path / "cache", mirror)
    lines = checkout.read_blob(clone, PIN, "data/LastFM.txt").decode().splitlines()[:CUT_USERS]
    attributes = hashlib.sha256(checkout.read_blob(clone, PIN, "data/LastFM_item2attributes.json")).hexdigest()
    text = "".join(f"{line}\n" for line in lines)
    items = [item for line in lines for item in line.split()[1:]]
    (real_project.folder / "data").mkdir()
    (real_project.folder / "data" / "LastFM.txt").write_text(text)
    facts = {"users": len(lines), "items": len(set(items)), "interactions": len(items), "attributes": attributes}
    with (real_project.folder / "recipes" / "data" / "s3rec.yaml").open("a") as file:
        file.write(CUT.format(sequences=hashlib.sha256(text.encode()).hexdigest(), **facts))
    real_project.replace("recipes/li2023/table2.yaml", "sports, toys]", "sports, toys, lastfm-cut]")
    where = ("--where", "dataset=lastfm-cut,system=s3rec/bce", "--seeds", "1", "--set", "epochs=1", "--pretrain", "10")
    done = real_project.run("reproduce", "table2", *where, timeout=1800)
    found = records(real_project)
    assert found["s3rec/pretraining"]["status"] == "finished", done.stderr
    run = found["s3rec/bce"]
    assert run["status"] == "finished", done.stderr
    assert found["s3rec/pretraining"]["weights"] == {"LastFM-epochs-10.pt": run["network"]["checkpoint_sha256"]}  # type: ignore[index]
