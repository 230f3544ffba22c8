"""The code base of Klenitskiy and Vasilev 2023 at its pin on a cut of Beauty; needs a mirror, and minutes."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import yaml
from overlay import core_cut
from overlay.sasrec_bert4rec import run as entry
from projects import ROOT, Project, clean_env

from harness.core.config import load
from harness.runs.source_tree import SourceTree
from harness.upstreams import checkout

PIN = checkout.Pin(
    "sasrec-bert4rec",
    "https://github.com/antklen/sasrec-bert4rec-recsys23",
    "29c272e155cad52c8958b04e9e98557526a646e5",
)
BARE = Path(__file__).parent / "bare_sasrec_bert4rec"
N_USERS = 400
OFF = ("--last_step=off", "--labelled_only=off")
BCE = ("+seqrec_module.loss=bce", "+dataset.num_negatives=1", "dataset.full_negative_sampling=True")
SHARED = "dataset.num_negatives"
CONTROLS = {
    "sasrec-bce": ("SASRec", BCE, ("--model=sasrec", "--loss=bce")),
    "sasrec-ce": ("SASRec", (), ("--model=sasrec", "--loss=ce-all")),
    "sasrec-1000": ("SASRec", (f"+{SHARED}=1000",), ("--model=sasrec", "--loss=sampled-ce", "--loss_options=k=1000")),
    "gru4rec": ("RNN", (), ("--model=gru4rec", "--loss=ce-all")),
    "bert4rec": ("BERT4Rec", (), ("--model=bert4rec", "--loss=mlm-ce")),
}  # fmt: skip
pytestmark = [pytest.mark.upstream, pytest.mark.timeout(1800)]


class Place(NamedTuple):
    """What trainings need: the environment's interpreter, the patched tree, the bare one, a small file of data."""

    python: Path
    patched: Path
    bare: Path
    data: Path


@pytest.fixture(scope="module")
def place(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Made by the harness, but for the bare tree and the cut."""
    template = os.environ.get("HARNESS_GIT_MIRROR", "")
    if not template:
        pytest.skip("HARNESS_GIT_MIRROR is not set: the real upstream code is not available")
    cache = Path(os.environ.get("HARNESS_CACHE", str(ROOT / ".cache")))
    env = {**shared_project.env, "HARNESS_GIT_MIRROR": template, "HARNESS_CACHE": str(cache)}
    where = ("--where", "dataset=beauty-6core,system=popularity")
    done = Project(shared_project.folder, env).run("reproduce", "klenitskiy2023/table2", *where, timeout=1500)
    assert done.returncode in (0, 1), done.stderr
    patched = SourceTree(load(ROOT), "sasrec-bert4rec").path
    folder = tmp_path_factory.mktemp("bare")
    bare = checkout.checkout(checkout.clone(PIN, folder / "cache", template), PIN, ("/src",), folder / "tree")
    lines = next(cache.glob("data/*/beauty-6core.txt")).read_text().splitlines()
    rows = [(user, item) for user, item in map(str.split, lines) if int(user) <= N_USERS]
    data = folder / "cut.txt"
    data.write_text("".join(f"{user} {item}\n" for user, item in core_cut.renumbered(rows)))
    return Place(next(cache.glob("environments/lightning-*/bin/python")), patched, bare, data)


class Left(NamedTuple):
    """What a training left: printed metrics in order, the weights it kept, the probe's events, its ranks."""

    printed: list[dict[str, float]]
    weights: dict[str, torch.Tensor]
    events: list[dict[str, Any]]
    ranks: dict[str, np.ndarray]

    @property
    def curve(self) -> list[tuple[float, float]]:
        """Training loss and validation NDCG@10 of each epoch."""
        return [(e["loss"], e["value"]) for e in self.events if e["event"] == "epoch"]


def left_in(folder: Path, log: str) -> Left:
    """What lies in a folder."""
    printed = [ast.literal_eval(line) for line in log.splitlines() if line.startswith("{'")]
    (path,) = folder.rglob("*.ckpt")
    events = (
        [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        if (folder / "events.jsonl").exists()
        else []
    )
    ranks = dict(np.load(folder / "ranks-test.npz")) if (folder / "ranks-test.npz").exists() else {}
    return Left(printed, torch.load(path)["state_dict"], events, ranks)


def carried_out(words: list[str], cwd: Path, folder: Path, **env: str) -> Left:
    """Run to the end."""
    env = {**clean_env(), "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1", **env}
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return left_in(folder, done.stdout)


def by_overlay(place: Place, folder: Path, *arguments: str) -> Left:
    """Two epochs through the overlay's entry."""
    folder.mkdir()
    words = [str(place.python), "-m", "harness_overlay.sasrec_bert4rec.run", f"--data={place.data}", "--dataset=cut"]
    words += [f"--out={folder}", "--seed=42", "--epochs=2", *arguments]
    return carried_out(words, place.patched, folder, HARNESS_PROBE_DIR=str(folder), PYTHONPATH=str(place.patched))


def by_authors(place: Place, folder: Path, config: str, *words: str) -> Left:
    """Two epochs of the unmodified authors' script."""
    shutil.copytree(place.bare / "src", folder)
    command = [str(place.python), "run.py", f"--config-name={config}", f"data_path={place.data}", *words]
    command += ["dataloader.num_workers=0", "trainer_params.max_epochs=2"]
    return carried_out(command, folder, folder, SEED="42", PYTHONPATH=str(BARE))


def assert_same_weights(one: Left, other: Left) -> None:
    """To the last bit."""
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("name", CONTROLS)
def test_control_with_nothing_chosen_the_patched_code_is_the_authors(place: Place, tmp_path: Path, name: str) -> None:
    config, words, arguments = CONTROLS[name]
    bare = by_authors(place, tmp_path / "bare", config, *words)
    ours = by_overlay(place, tmp_path / "ours", *arguments, *OFF)
    assert_same_weights(bare, ours)
    assert len(bare.printed) == len(ours.printed) == 4
    for one, other in zip(bare.printed, ours.printed, strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    cheap = by_overlay(place, tmp_path / "cheap", *arguments)
    assert [value for _, value in cheap.curve] == pytest.approx([value for _, value in ours.curve], rel=1e-6)
    assert [loss for loss, _ in cheap.curve] == pytest.approx([loss for loss, _ in ours.curve], rel=1e-6)
    proofs = [next(e for e in left.events if e["event"] == "loss") for left in (ours, cheap)]
    assert all(arguments[1].removeprefix("--loss=") in proof["computed"] for proof in proofs)
    assert all(proof["by"] == "code base" for proof in proofs)


def test_scoring_the_last_step_alone_changes_no_rank(place: Place, tmp_path: Path) -> None:
    arguments = ("--model=sasrec", "--loss=bce")
    whole, last = (
        by_overlay(place, tmp_path / "whole", *arguments, OFF[0]),
        by_overlay(place, tmp_path / "last", *arguments),
    )
    assert_same_weights(whole, last)
    assert whole.curve == last.curve
    for view in ("all", "unseen", "printed"):
        for part in ("above", "tied", "candidates"):
            np.testing.assert_array_equal(whole.ranks[f"{part}_{view}"], last.ranks[f"{part}_{view}"])


@pytest.mark.parametrize("loss", ["gbce:k=16,t=0.5", "bpr:k=4", "ce-last:form=naive", "ce-all:form=lean"])
def test_other_losses_are_proven(place: Place, tmp_path: Path, loss: str) -> None:
    name, _, options = loss.partition(":")
    left = by_overlay(place, tmp_path / "run", "--model=gru4rec", f"--loss={name}", f"--loss_options={options}")
    proof = next(e for e in left.events if e["event"] == "loss")
    assert name in proof["computed"]
    assert proof["by"] == "overlay"
    assert proof["positions"] == (128 if name in ("bpr", "ce-last") else proof["positions"])


@pytest.mark.parametrize("loss", ["bce", "gbce:k=16", "ce-all", "sampled-ce:k=100", "custom"])
@pytest.mark.parametrize("model", ["sasrec", "gru4rec", "bert4rec"])
def test_each_network_trains_with_each_loss(place: Place, tmp_path: Path, model: str, loss: str) -> None:
    name, _, options = loss.partition(":")
    given = f"{ROOT / 'examples/my_loss.py'}:focal_ce" if name == "custom" else name
    words = (f"--model={model}", f"--loss={given}", f"--loss_options={options}", "--epochs=1")
    left = by_overlay(place, tmp_path / "run", *words)
    (proof,) = [e for e in left.events if e["event"] == "loss"]
    known = proof["computed"]
    assert any(message.startswith("focal_ce@") for message in known) if name == "custom" else name in known
    assert len(left.ranks["user"]) == N_USERS


def test_printed_metrics_are_those_of_the_ranks(place: Place, tmp_path: Path) -> None:
    left = by_overlay(place, tmp_path / "run", "--model=bert4rec", "--loss=mlm-ce", "--loss_options=form=lean")
    message = next(e for e in left.events if e["event"] == "printed")["metrics"]
    rank = left.ranks["above_printed"] + (left.ranks["tied_printed"] + 1) / 2
    assert len(rank) == N_USERS
    for k in (10, 100):
        assert message[f"HIT@{k}"] == f"{(rank <= k).mean():.10f}"
        assert float(message[f"NDCG@{k}"]) == pytest.approx(
            np.where(rank <= k, 1 / np.log2(rank + 1), 0).mean(), abs=1e-9
        )
        assert float(message[f"MRR@{k}"]) == pytest.approx(np.where(rank <= k, 1 / rank, 0).mean(), abs=1e-9)


def test_every_command_of_the_authors_script_is_a_cell_s(place: Place) -> None:
    """Each word of run_final.sh is among ours; what ours has besides is the configuration's own value, or a new key."""
    recipe = yaml.safe_load((ROOT / "recipes/klenitskiy2023/table2.yaml").read_text())
    names = {"ml-1m": "ml-1m", "ml-20m": "ml-20m", "beauty-b4r": "beauty", "steam": "steam", "yelp-full": "yelp"}
    cells = {}
    for dataset, name in names.items():
        for key, system in recipe["systems"].items():
            if system["model"] not in entry.CONFIGS:
                continue
            options = {**recipe["options"], **recipe["dataset_options"].get(dataset, {}), **system.get("options", {})}
            given = ",".join(f"{n}={v}" for n, v in system["loss_options"].items() if n != "form")
            words = [f"--model={system['model']}", f"--loss={system['loss']}", f"--loss_options={given}", "--dataset=x"]
            words += [f"--{n}={options[n]}" for n in ("epochs", "patience", "sequence", "hidden", "validation")]
            made = entry.words(entry.parsed([*words, f"--data=../data/{name}.txt", "--out=x"]))
            cells[name, key] = [word.replace('"', "") for word in made]
    script = (place.bare / "src" / "run_final.sh").read_text().splitlines()
    commands = [line.split()[2:] for line in script if line.startswith("python")]
    assert len(commands) == len(cells) == 25
    for words in commands:
        (found,) = [made for made in cells.values() if set(words) <= set(made) and not added(made, words)]
        for word in set(found) - set(words):
            key, _, value = word.partition("=")
            if key.startswith("+") or key in ("cuda_visible_devices", "dataloader.num_workers"):
                continue
            own = yaml.safe_load((place.bare / "src/configs" / f"{words[0].partition('=')[2]}.yaml").read_text())
            for part in key.split("."):
                own = own[part]
            assert str(own) == value, word


def added(made: list[str], words: list[str]) -> set[str]:
    """Words of a cell about negatives and losses that a command lacks."""
    kinds = ("+dataset.", "+seqrec_module.", "dataset.full")
    return {word for word in made if word.startswith(kinds)} - set(words)
