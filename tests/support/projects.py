"""A project of its own for a test, and the console command in it, as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import under_way

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("harness.toml", "patches", "recipes", "dockerfiles")


@dataclass(frozen=True)
class Project:
    """A copy of the project's own files, with a cache and results of its own."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """`harness` with these arguments, to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`harness` with these arguments, under way."""
        return under_way.start(self.command(*arguments), self.folder, self.env)

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "harness", *arguments]

    @property
    def results(self) -> Path:
        """Where records and tables of the demonstration lie."""
        return Path(self.env.get("HARNESS_RESULTS", self.folder / "results")) / "demonstration"

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a file of the project; the old text must be there."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")


def clean_env() -> dict[str, str]:
    """The environment without settings of the harness, one thread."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    return {**env, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def fresh(folder: Path) -> Project:
    """A new project in a folder that is not there yet."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / part)
    return Project(folder, clean_env())
