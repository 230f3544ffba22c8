"""The embedded upstream and its patch series: a fixed commit, exact patches, the same numbers, a proof that works."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import runpy
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import git
import numpy as np
import pytest
from overlay import popularity

from harness.core.errors import SourceError
from harness.core.files import sha256_file
from harness.upstreams import embedded

ROOT = Path(__file__).parents[3]
PATCHES = ROOT / "patches" / "demo"
SERIES = (PATCHES / "series").read_text().split()
LOSSES = ("bce", "gbce", "ce-all", "sampled-ce")
SMALL = ("--users", "60", "--items", "80")
DATA_SHA256 = "6662a2d3f5c0411a03c9c999e4da5a04242ecdac83eb98ca73c7f680dfef3510"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return embedded.repository(tmp_path_factory.mktemp("git") / "demo.git")


@pytest.fixture(scope="module")
def plain(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unmodified upstream."""
    return checkout(bare, tmp_path_factory.mktemp("plain") / "tree")


@pytest.fixture(scope="module")
def patched(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The upstream with the complete series and the overlay."""
    tree = checkout(bare, tmp_path_factory.mktemp("patched") / "tree")
    for name in SERIES:
        apply(tree, name)
    shutil.copytree(
        ROOT / "patches" / "overlay", tree / "harness_overlay", ignore=shutil.ignore_patterns("__pycache__")
    )
    return tree


@pytest.fixture(scope="module")
def data(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.txt"
    execute(plain, "generate.py", "--out", str(path), "--seed", "1", *SMALL)
    return path


def checkout(bare: Path, tree: Path) -> Path:
    git.Repo.clone_from(str(bare), str(tree)).close()
    return tree


def apply(tree: Path, name: str) -> None:
    with git.Repo(tree) as repo:
        repo.git.apply("--unidiff-zero", "--index", str(PATCHES / name))


@contextlib.contextmanager
def alone(tree: Path, arguments: list[str]) -> Iterator[None]:
    """`sys` as a script in `tree` finds it: modules that it imports from there are forgotten afterwards."""
    path, argv, known = sys.path[:], sys.argv, set(sys.modules)
    sys.path.insert(0, str(tree))
    sys.argv = arguments
    try:
        yield
    finally:
        sys.path[:], sys.argv = path, argv
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tree)):
                del sys.modules[name]


def execute(tree: Path, script: str, *arguments: str) -> str:
    """What a script of the tree prints, run in this process: only the harness's own modules may start others."""
    printed = io.StringIO()
    with alone(tree, [script, *arguments]), contextlib.redirect_stdout(printed):
        runpy.run_path(str(tree / script), run_name="__main__")
    return printed.getvalue()


def train(tree: Path, data: Path, out: Path, *more: str) -> str:
    return execute(tree, "train.py", "--data", str(data), "--out", str(out), "--seed", "7", "--epochs", "3", *more)


def events(folder: Path, kind: str) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [row for row in rows if row["event"] == kind]


def test_the_commit_is_the_constant_and_holds_the_shipped_files(bare: Path) -> None:
    with git.Repo(bare) as repo:
        assert repo.bare
        assert repo.head.ref.path == embedded.BRANCH
        assert repo.head.commit.hexsha == embedded.COMMIT
        blobs = {str(blob.path): blob for blob in repo.head.commit.tree.blobs}
        shipped = {path.name: path.read_bytes() for path in (ROOT / embedded.PLACE).iterdir() if path.is_file()}
        assert {name: blob.data_stream.read() for name, blob in blobs.items()} == shipped
        assert {blob.mode for blob in blobs.values()} == {0o100644}


def test_the_commit_does_not_depend_on_who_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = (
        "[init]\n\tdefaultBranch = x\n\tdefaultObjectFormat = sha256\n[core]\n\tautocrlf = true\n\tfileMode = false\n"
    )
    (tmp_path / ".gitconfig").write_text(
        hostile + "[user]\n\tuseConfigOnly = true\n[i18n]\n\tcommitEncoding = latin1\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    old = os.umask(0o077)
    try:
        made = embedded.repository(tmp_path / "made")
    finally:
        os.umask(old)
    assert (made / embedded.BRANCH).read_text().strip() == embedded.COMMIT
    assert (made / "HEAD").read_text().strip() == f"ref: {embedded.BRANCH}"
    assert stat.S_IMODE(made.stat().st_mode) == 0o755
    assert not (tmp_path / "elsewhere").exists()


def test_a_whole_repository_is_reused_and_a_broken_one_made_again(tmp_path: Path) -> None:
    made = embedded.repository(tmp_path / "deep" / "demo.git")
    (made / "mark").touch()
    assert (embedded.repository(made) / "mark").exists()
    victim = next(path for path in (made / "objects").glob("??/*"))
    victim.unlink()
    assert not (embedded.repository(made) / "mark").exists()
    assert embedded.whole(made)
    assert [path.name for path in made.parent.iterdir()] == ["demo.git"]


def test_a_repository_made_meanwhile_by_another_process_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, build = tmp_path / "demo.git", embedded.build

    def slow(folder: Path) -> None:
        build(folder)
        if not at.exists():
            monkeypatch.setattr(embedded, "build", build)
            (embedded.repository(at) / "mark").touch()

    monkeypatch.setattr(embedded, "build", slow)
    assert (embedded.repository(at) / "mark").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["demo.git"]


def test_changed_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "FILES", embedded.FILES[1:])
    with pytest.raises(SourceError, match="its files give commit [0-9a-f]{40}, expected " + embedded.COMMIT):
        embedded.repository(tmp_path / "demo.git")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", SERIES)
def test_a_patch_has_its_header_and_only_inserts(name: str) -> None:
    header, _, diff = (PATCHES / name).read_text().partition("diff --git ")
    keys = dict(line.split(": ", 1) for line in header.split("\n") if line)
    assert list(keys) == ["Upstream", "Version", "What", "Why", "Equation"]
    assert keys["Upstream"] == f"demo {embedded.COMMIT}"
    for line in diff.split("\n")[1:]:
        assert re.match(
            r"index [0-9a-f]{40}\.\.[0-9a-f]{40} 100644$|--- a/|\+\+\+ b/|\+|@@ -\d+,0 \+\d+(,\d+)? @@$|$", line
        )


def test_the_series_applies_and_gives_the_blobs_it_names(bare: Path, tmp_path: Path) -> None:
    tree = checkout(bare, tmp_path / "tree")
    with git.Repo(tree) as repo:
        for name in SERIES:
            text = (PATCHES / name).read_text()
            named = re.findall(r"^diff --git a/(\S+) .*\nindex (\w+)\.\.(\w+)", text, flags=re.MULTILINE)
            assert len(named) == text.count("diff --git ")
            assert [repo.git.rev_parse(f":{path}") for path, _, _ in named] == [before for _, before, _ in named]
            apply(tree, name)
            assert [repo.git.rev_parse(f":{path}") for path, _, _ in named] == [after for _, _, after in named]
        assert all(line.split("\t")[1] == "0" for line in repo.git.diff("--numstat", "HEAD").splitlines())


def test_the_data_are_the_same_everywhere(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.txt"
    execute(plain, "generate.py", "--out", str(path), "--seed", "1")
    users, sequences = popularity.read_sequences(str(path))
    items = np.concatenate(sequences)
    assert sha256_file(path) == DATA_SHA256
    assert (len(users), len(np.unique(items)), items.max(), len(items)) == (600, 398, 398, 7166)
    assert all(len(set(row.tolist())) == len(row) for row in sequences)


def test_patched_with_bce_is_unpatched_to_the_last_byte(
    plain: Path, patched: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = train(plain, data, tmp_path / "plain")
    assert len(expected.splitlines()) == 5
    assert train(patched, data, tmp_path / "silent", "--loss", "bce") == expected
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    assert train(patched, data, tmp_path / "probed") == expected
    logs = [(tmp_path / name / "log.txt").read_bytes() for name in ("plain", "silent", "probed")]
    assert logs == [expected.encode()] * 3
    assert train(patched, data, tmp_path / "other", "--loss", "ce-all") != expected


@pytest.mark.parametrize("loss", LOSSES)
def test_a_run_tells_everything(
    loss: str, patched: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    printed = train(patched, data, tmp_path / "out", "--loss", loss, "--gbce-k", "8", "--sampled-n", "20")
    (model,), (proof,), (end,) = (events(tmp_path, kind) for kind in ("model", "loss", "end"))
    assert model["name"] == "factorised"
    assert proof["computed"] == [loss]
    assert (end["epochs"], f"best epoch {end['best_epoch']}") == (3, printed.splitlines()[-2])
    epochs = events(tmp_path, "epoch")
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2]
    assert [number for number, epoch in enumerate(epochs) if epoch["best"]][-1] == end["best_epoch"]
    fields = printed.split("test ")[1].split()
    assert events(tmp_path, "printed")[0]["metrics"] == dict(zip(fields[::2], fields[1::2], strict=True))


@pytest.mark.parametrize("loss", LOSSES)
def test_ranks_give_the_printed_metrics(
    loss: str, patched: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    train(patched, data, tmp_path / "out", "--loss", loss, "--sampled-n", "20")
    printed = events(tmp_path, "printed")[0]["metrics"]
    users, sequences = popularity.read_sequences(str(data))
    with np.load(tmp_path / "ranks-test.npz") as ranks:
        recomputed = popularity.metrics_text(ranks["above_printed"], ranks["tied_printed"])
        assert {name: recomputed[name] for name in ("HIT@10", "NDCG@10")} == printed
        assert (ranks["user"] == users).all()
        n_items = int(max(row.max() for row in sequences))
        assert (ranks["candidates_all"] == n_items).all()
        assert ranks["candidates_printed"].tolist() == [n_items - len(row) + 1 for row in sequences]
        assert (ranks["above_printed"] <= ranks["above_all"]).all()


def test_the_proof_catches_an_option_that_was_ignored(
    patched: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "tree"
    shutil.copytree(patched, broken)
    source = (broken / "train.py").read_text()
    assert source.count('if self.args.loss != "bce":') == 1
    (broken / "train.py").write_text(source.replace('if self.args.loss != "bce":', "if False:"))
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    train(broken, data, tmp_path / "out", "--loss", "ce-all")
    assert events(tmp_path, "loss")[0]["computed"] == ["bce"]


def test_the_losses_differ_as_the_recipe_claims(patched: Path, plain: Path, tmp_path: Path) -> None:
    """The default data and one seed: every other loss is above bce, and bce above popularity."""
    data = tmp_path / "data.txt"
    execute(plain, "generate.py", "--out", str(data), "--seed", "1")
    found = {}
    for loss in LOSSES:
        printed = execute(
            patched, "train.py", "--data", str(data), "--out", str(tmp_path), "--seed", "42", "--loss", loss
        )
        found[loss] = printed.splitlines()[-1].split()[1:]
    assert found == {
        "bce": ["HIT@10", "0.5000", "NDCG@10", "0.2852"],
        "gbce": ["HIT@10", "0.6017", "NDCG@10", "0.3767"],
        "ce-all": ["HIT@10", "0.5600", "NDCG@10", "0.3728"],
        "sampled-ce": ["HIT@10", "0.5817", "NDCG@10", "0.3737"],
    }
    floor = execute_module(patched, "harness_overlay.popularity", "--data", str(data), "--name", "demo")
    assert ast.literal_eval(floor)["NDCG@10"] == "0.0930"


def execute_module(tree: Path, module: str, *arguments: str) -> str:
    printed = io.StringIO()
    with alone(tree, [module, *arguments]), contextlib.redirect_stdout(printed):
        runpy.run_module(module, run_name="__main__")
    return printed.getvalue()
