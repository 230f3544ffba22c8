"""A PyTorch upstream of ours, a Git repository made from plain files, so that losses train without any mirror."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from projects import Project

from harness.core.git import blob_hash
from harness.upstreams.patches.format import FilePatch, Hunk, render

HERE = Path(__file__).parent / "toy_torch"
N_USERS, N_ITEMS = 40, 30
TOML = """
[environments.here]
kind = "inherit"
packages = ["numpy", "torch"]
[upstreams.toy]
url = "{url}"
commit = "{commit}"
code = ["/*.py"]
framework = "torch"
losses = ["bce", "gbce", "ce-all"]
own_loss = true
"""
DATA = """
datasets:
  steps:
    upstream: toy
    name: steps
    label: Steps
    users: {users}
    items: {items}
    interactions: {interactions}
    sequences: data.txt
    files: [{{name: data.txt, path: data.txt, sha256: {sha256}}}]
"""


def sequences() -> list[list[int]]:
    """Each user walks through the items in a separate step size."""
    return [[1 + (7 * u + (1 + u % 3) * i) % N_ITEMS for i in range(5 + u % 4)] for u in range(N_USERS)]


def add_toy(project: Project) -> Project:
    """Give a project the upstream `toy`, its recipe and its data."""
    lines = [" ".join(map(str, (user, *items))) for user, items in enumerate(sequences(), start=1)]
    text = "\n".join(lines) + "\n"
    repository = project.folder / "upstream"
    repository.mkdir()
    (repository / "train.py").write_text(without_overlay((HERE / "train.py").read_text()))
    (repository / "pretrain.py").write_bytes((HERE / "pretrain.py").read_bytes())
    (repository / "data.txt").write_text(text)
    commit = committed(repository)
    with (project.folder / "harness.toml").open("a") as file:
        file.write(TOML.format(url=repository, commit=commit))
    facts = {"users": N_USERS, "items": len({i for row in sequences() for i in row})}
    facts["interactions"] = sum(map(len, sequences()))
    files = {
        "recipes/data/toy.yaml": DATA.format(**facts, sha256=hashlib.sha256(text.encode()).hexdigest()),
        "recipes/toy/table.yaml": (HERE / "recipe.yaml").read_text(),
        "patches/toy/series": "0001-overlay.patch\n",
        "patches/toy/0001-overlay.patch": overlay_patch(commit),
    }
    for name, content in files.items():
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return project


def without_overlay(script: str) -> str:
    """A script as its upstream has it: without the lines that import the overlay."""
    return "".join(line for line in script.splitlines(keepends=True) if "harness_overlay" not in line)


def overlay_patch(commit: str) -> str:
    """The patch that inserts those lines."""
    script = (HERE / "train.py").read_text()
    hunks: list[Hunk] = []
    inserted = 0
    for number, line in enumerate(script.splitlines(), start=1):
        if "harness_overlay" not in line:
            continue
        after = number - 1 - inserted
        if hunks and hunks[-1].after == after:
            hunks[-1] = Hunk(after, hunks[-1].start, (*hunks[-1].lines, line))
        else:
            hunks.append(Hunk(after, number, (line,)))
        inserted += 1
    blobs = (blob_hash(text.encode()) for text in (without_overlay(script), script))
    header = {"Upstream": f"toy {commit}", "Version": "1", "What": "import the overlay", "Why": "to have losses"}
    return render(header, (FilePatch("train.py", *blobs, tuple(hunks), inserted),))


def committed(repository: Path) -> str:
    """The commit that holds all files of a folder, the same on every machine."""
    who = {f"GIT_{role}_{part}": "toy" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    when = {f"GIT_{role}_DATE": "1700000000 +0000" for role in ("AUTHOR", "COMMITTER")}
    calm = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    env = {**os.environ, **who, **when, **calm}
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "A toy"), ("rev-parse", "HEAD")):
        done = subprocess.run(["git", *words], cwd=repository, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
