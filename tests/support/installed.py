"""The package as pip installs it: a wheel of the repository's files, in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from projects import ROOT, clean_env

PARTS = (
    "harness", "recipes", "patches", "dockerfiles", "harness.toml", "pyproject.toml", "setup.py", "MANIFEST.in",
    "README.md", "LICENSE",
)  # fmt: skip


def wheel(folder: Path) -> Path:
    """A wheel, built from a copy, since building writes beside the sources; nothing is downloaded."""
    source = folder / "source"
    source.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, source / name)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*words, "-w", str(folder), str(source)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def environment(folder: Path) -> Path:
    """The `harness` program of an environment with that wheel; other packages are those of this interpreter.

    They are found by a path, which loads no editable installation: `harness` comes from the wheel.
    """
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=300)
    packages = next((place / "lib").glob("python3*/site-packages"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(packages)]
    subprocess.run([*pip, str(wheel(folder))], check=True, env=environment_of_pip(), timeout=300)
    others = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    program = place / "bin" / "harness"
    program.write_text(f"#!{place}/bin/python\nfrom harness.cli import main\nmain()\n")
    program.chmod(0o755)
    return program


def environment_of_pip() -> dict[str, str]:
    """The variables of this process without settings of pip."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}


def variables() -> dict[str, str]:
    """The variables of a user who has no clone of the repository."""
    return {name: value for name, value in clean_env().items() if name != "PYTHONPATH"}
