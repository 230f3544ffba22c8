"""A PyTorch upstream of ours, a Git repository made from plain files, so that losses train without any mirror."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from projects import Project

from harness.core.config import read

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
overlay = [{overlay}]
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
    """Everybody walks through the items in steps of their own."""
    return [[1 + (7 * u + (1 + u % 3) * i) % N_ITEMS for i in range(5 + u % 4)] for u in range(N_USERS)]


def add_toy(project: Project) -> Project:
    """Give a project the upstream `toy`, its recipe and its data."""
    lines = [" ".join(map(str, (user, *items))) for user, items in enumerate(sequences(), start=1)]
    text = "\n".join(lines) + "\n"
    repository = project.folder / "upstream"
    repository.mkdir()
    for name in ("train.py", "pretrain.py"):
        (repository / name).write_bytes((HERE / name).read_bytes())
    (repository / "data.txt").write_text(text)
    commit = committed(repository)
    overlay = read(project.folder / "harness.toml").upstreams["s3rec"].overlay
    listed = ", ".join(f'"{name}"' for name in overlay)
    with (project.folder / "harness.toml").open("a") as file:
        file.write(TOML.format(url=repository, commit=commit, overlay=listed))
    facts = {"users": N_USERS, "items": len({i for row in sequences() for i in row})}
    facts["interactions"] = sum(map(len, sequences()))
    files = {
        "recipes/data/toy.yaml": DATA.format(**facts, sha256=hashlib.sha256(text.encode()).hexdigest()),
        "recipes/toy/table.yaml": (HERE / "recipe.yaml").read_text(),
        "patches/toy/series": "",
    }
    for name, content in files.items():
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return project


def committed(repository: Path) -> str:
    """The commit that holds all files of a folder, the same on every machine."""
    who = {f"GIT_{role}_{part}": "toy" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    when = {f"GIT_{role}_DATE": "1700000000 +0000" for role in ("AUTHOR", "COMMITTER")}
    calm = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    env = {**os.environ, **who, **when, **calm}
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "A toy"), ("rev-parse", "HEAD")):
        done = subprocess.run(["git", *words], cwd=repository, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
