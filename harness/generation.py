"""Data that an upstream makes by its own code, which is run where the upstream's trainings are run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.errors import DatasetError
from harness.executors.contract import PreparedRun, RunFolder
from harness.recipes import Dataset
from harness.surroundings import Surroundings

MOST_BYTES = 1 << 30


def generate(
    dataset: Dataset, tree: Path, surroundings: Surroundings, threads: int, timeout_s: float
) -> dict[str, bytes]:
    """The files that the upstream's own generator makes, by name.

    Args:
        tree: the patched source.
    Raises:
        SetupError: it fails. DatasetError: it makes other files, or one too large.
    """
    with tempfile.TemporaryDirectory(prefix="harness-data-") as name:
        folder = RunFolder(Path(name) / "run")
        folder.renew()
        words = [word.format(data=folder.out) for word in dataset.generate]
        run = PreparedRun(
            key="generate",
            label=f"generator of {dataset.name}",
            command=(str(surroundings.python), str(tree / words[1]), *words[2:]),
            cwd=tree,
            env={**surroundings.variables(threads), "PYTHONPATH": str(tree)},
            folder=folder,
            mark=f"generate@{folder.path}",
            timeout_s=timeout_s,
            reads={"source": tree},
        )
        surroundings.make(run)
        return {file.name: made(folder.out / file.name) for file in dataset.files if not file.path}


def made(path: Path) -> bytes:
    """A file that the generator left.

    Raises:
        DatasetError: it is not there, or larger than anybody should read whole.
    """
    there = path.is_file()
    if not there or path.stat().st_size > MOST_BYTES:
        what = f"has more than {MOST_BYTES >> 20} MB" if there else "is not there"
        raise DatasetError(path.name, f"{what} after its generator ran", "correct `generate` in recipes/data")
    return path.read_bytes()
