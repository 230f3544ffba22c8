"""docs/extending.md, carried out: every file and command that the document shows is taken from it and run."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import toys
from documents import Step, after, before, changed, sections
from projects import ROOT, Project

PAGE = ROOT / "docs" / "extending.md"
SECTIONS = sections(PAGE.read_text(encoding="utf-8"))
TORCH, TENSORFLOW = "Custom loss: PyTorch", "Custom loss: TensorFlow"
DATASET, TABLE, PAPER, CODE = "Your dataset", "Your table", "A paper's numbers", "Your code base"


@pytest.fixture
def reader(project: Project) -> Project:
    """A project folder in which `harness` and `python` are commands."""
    commands = project.folder.parent / "bin"
    commands.mkdir()
    for name, words in {"harness": f"{sys.executable} -m harness", "python": sys.executable}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (commands / name).chmod(0o755)
    return Project(project.folder, {**project.env, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"})


def shell(project: Project, script: str, timeout: float = 120) -> str:
    """What a block of commands prints; each of them must end with status 0."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=project.folder, env=project.env, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow(project: Project, title: str, fill: dict[str, str] | None = None) -> str:
    """Carry out a section's blocks in order; what its commands printed. Blocks marked `run: ...` are left to a test."""
    printed = ""
    for step in SECTIONS[title]:
        path, text = project.folder / step.name, step.text
        for name, value in (fill or {}).items():
            text = text.replace(name, value)
        if step.kind == "file":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif step.kind == "append":
            path.write_text(path.read_text() + text)
        elif step.kind == "change":
            path.write_text(changed(path.read_text(), text))
        elif step.kind == "run" and not step.name:
            printed += shell(project, text)
    return printed


def block(title: str, kind: str, name: str) -> Step:
    """The one block of a section with this marker."""
    (found,) = (step for step in SECTIONS[title] if (step.kind, step.name) == (kind, name))
    return found


def write_interactions(project: Project) -> None:
    """A shop's interactions: 60 customers with steps of their own through 40 items, and one with two items only."""
    with (project.folder / "interactions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["user", "item", "time"])
        rows = [(f"u{u}", f"i{(7 * u + (1 + u % 3) * at) % 40}", at) for u in range(60) for at in range(5 + u % 4)]
        table.writerows([*reversed(rows), ("short", "i1", 0), ("short", "i2", 1)])


def test_the_page_marks_every_block_but_samples() -> None:
    text = PAGE.read_text(encoding="utf-8")
    unmarked = text.count("\n```") // 2 - sum(map(len, SECTIONS.values()))
    assert unmarked == 1  # the beginning of interactions.csv
    assert {TORCH, TENSORFLOW, DATASET, TABLE, PAPER, CODE} == set(SECTIONS)


def test_a_custom_loss_for_pytorch_is_planned(reader: Project) -> None:
    printed = follow(reader, TORCH)
    assert "sasrec/focal_ce" in printed
    assert "sasrec/sampled_ce:k=50" in printed


def test_a_custom_loss_for_tensorflow_is_planned_and_computes(reader: Project) -> None:
    tf, torch = pytest.importorskip("tensorflow"), pytest.importorskip("torch")
    (reader.folder / "mine.py").write_text(block(TORCH, "file", "mine.py").text)
    assert "sasrec/focal_ce" in follow(reader, TENSORFLOW)
    spaces: list[dict[str, object]] = []
    for name in ("mine.py", "mine_tf.py"):
        spaces.append({})
        exec(compile((reader.folder / name).read_text(), name, "exec"), spaces[-1])
    tensors = [torch.randn(2, 3, 4), torch.randn(9, 4), torch.tensor([[1, 2, 3], [0, 8, 5]])]
    mask = tensors[2] > 0
    expected = float(spaces[0]["focal_ce"](*tensors, mask, generator=None))  # type: ignore[operator]
    variables = [tf.Variable(tensor.numpy()) for tensor in (*tensors, mask)]
    with tf.GradientTape() as tape:
        value = tf.function(spaces[1]["focal_ce"])(*variables, generator=None)
    assert float(value) == pytest.approx(expected, rel=1e-5)
    assert tape.gradient(value, variables[0]) is not None


def test_a_dataset_a_table_and_a_paper_are_added(reader: Project) -> None:
    write_interactions(reader)
    (reader.folder / "mine.py").write_text(block(TORCH, "file", "mine.py").text)
    added = follow(reader, DATASET)
    assert "shop for s3rec: 60 users, 40 items, 390 interactions" in added
    assert "sasrec/ce-all" in added
    planned = follow(reader, TABLE)
    assert "sasrec/focal_ce" in planned
    assert "10 runs, 0 finished, 10 to run" in planned
    found = follow(reader, PAPER)
    assert "10 runs" in found
    assert "shop2026" in found


def test_a_code_base_is_added_and_its_table_made(reader: Project) -> None:
    pytest.importorskip("torch")
    upstream = reader.folder.parent / "code"
    upstream.mkdir()
    script = block(CODE, "upstream", "train.py").text
    (upstream / "train.py").write_text(before(script))
    data = "".join(f"{u} {' '.join(map(str, row))}\n" for u, row in enumerate(toys.sequences(), start=1))
    (upstream / "data.txt").write_text(data)
    bare = shell(Project(upstream, reader.env), "python train.py --data data.txt --seed 1 --epochs 2")
    assert "HIT@10" in bare
    fill = {
        "ADDRESS": str(upstream),
        "COMMIT": toys.committed(upstream),
        "SHA256": hashlib.sha256(data.encode()).hexdigest(),
    }
    follow_until_patched(reader, fill, after(script))
    (reader.folder / "mine.py").write_text(block(TORCH, "file", "mine.py").text)
    assert "3 finished" in shell(reader, block(CODE, "run", "").text)
    assert set(documented_events()) - {"fault"} == written_events(reader)
    table = next((reader.folder / "results" / "tables" / "mine" / "table").glob("*focal_ce*")) / "table.md"
    text = table.read_text(encoding="utf-8")
    assert "GRU, focal\\_ce" in text
    assert "GRU, gbce (k=5, t=0.5)" in text


def documented_events() -> list[str]:
    """The events of the table under "What the probe must write"."""
    rows = PAGE.read_text(encoding="utf-8").partition("### What the probe must write")[2]
    return re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)


def written_events(project: Project) -> set[str]:
    """The events that every run of the model `gru` wrote."""
    records = (project.folder / "results").glob("runs/*/record.json")
    runs = [path.parent for path in records if json.loads(path.read_text(encoding="utf-8"))["model"] == "gru"]
    texts = [(run / "events.jsonl").read_text(encoding="utf-8") for run in runs]
    return set.intersection(*({json.loads(line)["event"] for line in text.splitlines()} for text in texts))


def follow_until_patched(project: Project, fill: dict[str, str], patched: str) -> None:
    """The section on code bases up to its recipe; the editor is played by a copy of the finished script."""
    for step in SECTIONS[CODE]:
        path, text = project.folder / step.name, step.text
        for name, value in fill.items():
            text = text.replace(name, value)
        if step.kind == "append":
            path.write_text(path.read_text() + text)
        elif step.kind == "file":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif step.name == "patch":
            make, _, write = text.partition("# edit work/train.py")
            shell(project, make)
            (project.folder / "work" / "train.py").write_text(patched)
            verified = shell(project, f"# {write}")
            assert "1 patches fit" in verified or "1 patch" in verified
            shutil.rmtree(project.folder / "work")


@pytest.mark.upstream
def test_the_examples_for_real_code_bases_are_trained(reader: Project, mirror: str) -> None:
    """The losses of the page in S3Rec and gsasrec, its dataset and table in S3Rec."""
    cache = os.environ.get("HARNESS_CACHE", str(ROOT / ".cache"))
    real = Project(reader.folder, {**reader.env, "HARNESS_GIT_MIRROR": mirror, "HARNESS_CACHE": cache})
    write_interactions(real)
    for title in (TORCH, TENSORFLOW, DATASET, TABLE):
        follow(real, title)
    loss = block(TORCH, "run", "upstream").text.splitlines()[0]
    shell(real, f"{loss} || test $? = 1", 900)
    shell(real, block(TENSORFLOW, "run", "upstream").text.strip() + " || test $? = 1", 900)
    shell(real, block(TABLE, "run", "upstream").text.strip() + " || test $? = 1", 900)
    folder: Path = real.folder / "results" / "tables" / "shop" / "losses"
    assert "gSASRec" in next(folder.iterdir()).joinpath("table.md").read_text(encoding="utf-8")
