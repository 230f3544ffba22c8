"""A project whose upstream is `attacks.py`, one system for each attack, and the console command in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import under_way

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = Path(__file__).with_name("attacks.py")
TEXT = "1 1 2 3 4\n2 2 3 4 5\n"
TOML = """
[aliases]
attacks = "hostile/attacks"
[environments.numpy]
kind = "inherit"
packages = ["numpy"]
locks = {{cpu = "dockerfiles/numpy.lock"}}
[upstreams.hostile]
url = "{url}"
commit = "{commit}"
code = ["/*.py"]
"""
DATA = """
datasets:
  steps:
    {{upstream: hostile, name: steps, label: Steps, users: 2, items: 5, interactions: 8, sequences: data.txt,
    files: [{{name: data.txt, path: data.txt, sha256: {sha256}}}]}}
"""
RECIPE = """
artifact: hostile/attacks
title: Attacks
upstream: hostile
environment: numpy
protocol: {split: leave-one-out, ranking: full, seen: kept}
metrics: [HIT@10]
seeds: [1]
datasets: [steps]
claims: []
"""
LIMITS = {
    "MEMORY_MB": "96", "PROCESSES": "40", "DISK_MB": "64", "SHM_MB": "8", "TMP_MB": "16", "RESERVE_MB": "1024",
}  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """The project.

    Attributes:
        secret: a file of this machine that no run may read.
    """

    folder: Path
    env: dict[str, str]
    secret: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "harness", *arguments]

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`harness` with these arguments, to its end."""
        command = self.command(*arguments)
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`harness` with these arguments, under way."""
        return under_way.start(self.command(*arguments), self.folder, self.env)

    @property
    def runs(self) -> Path:
        """Where records lie."""
        return self.folder / "results" / "runs"


def make(folder: Path, settings: dict[str, str], attacks: Sequence[str]) -> Hostile:
    """The project with these attacks."""
    folder.mkdir()
    secret = folder.parent / "secret.txt"
    secret.write_text('{"event": "secret of the host"}\n')
    upstream = folder.parent / "upstream"
    upstream.mkdir()
    shutil.copy(ATTACKS, upstream)
    (upstream / "data.txt").write_text(TEXT)
    systems = "".join(
        f"  {name}:\n    model: {name}\n    loss: none\n    label: {name}\n    seeded: false\n    proof: ''\n"
        f'    command: [python, attacks.py, {name}, "{secret}", "{{data}}/{{sequences}}"]\n'
        for name in attacks
    )
    files = {
        "harness.toml": TOML.format(url=upstream, commit=committed(upstream)),
        "recipes/hostile/attacks.yaml": f"{RECIPE}systems:\n{systems}command: [python, attacks.py]\n",
        "recipes/data/hostile.yaml": DATA.format(sha256=hashlib.sha256(TEXT.encode()).hexdigest()),
        "patches/hostile/series": "",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    shutil.copytree(ROOT / "dockerfiles", folder / "dockerfiles")
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    env |= {f"HARNESS_DOCKER_{name}": value for name, value in LIMITS.items()}
    return Hostile(folder, {**env, **settings, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}, secret)


def committed(repository: Path, *more: str) -> str:
    """The commit that holds all files of a folder."""
    who = {f"GIT_{role}_{part}": "toy" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "Attacks", *more), ("rev-parse", "HEAD")):
        done = subprocess.run(["git", *words], cwd=repository, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()
