"""Data created by an upstream's own code, which runs with the same executor as the trainings."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.core.errors import DatasetError
from harness.core.files import write_whole
from harness.executors.backends import Backend
from harness.executors.base import PreparedRun
from harness.executors.run_folder import RunFolder
from harness.recipes.datasets import Dataset

MOST_BYTES = 1 << 30


def generate(
    dataset: Dataset, given: Callable[[str], bytes], tree: Path, surroundings: Backend, timeout_s: float
) -> dict[str, bytes]:
    """The files that a generator, of the upstream or of the overlay, creates from the files with a location; by name.

    Args:
        given: the content of a file with a location, by name.
        tree: the patched source.
    Raises:
        SetupError: the generator fails. DatasetError: it creates other files, or a too large one.
    """
    with tempfile.TemporaryDirectory(prefix="harness-data-") as name:
        folder = RunFolder(Path(name) / "run")
        folder.renew()
        for file in dataset.files:
            if file.has_place:
                write_whole(folder.out / file.name, given(file.name))
        words = [word.format(data=folder.out) for word in dataset.generate[1:]]
        program = words if words[0] == "-m" else [str(tree / words[0]), *words[1:]]
        run = PreparedRun(
            key="generate",
            label=f"generator of {dataset.name}",
            command=(str(surroundings.python), *program),
            cwd=tree,
            env={**surroundings.variables(1), "PYTHONPATH": str(tree)},
            folder=folder,
            mark=f"generate@{folder.path}",
            timeout_s=timeout_s,
            reads={"source": tree},
        )
        surroundings.make(run)
        return {file.name: made(folder.out / file.name) for file in dataset.files if not file.has_place}


def made(path: Path) -> bytes:
    """A file that the generator created.

    Raises:
        DatasetError: it is missing, or too large to read into memory.
    """
    there = path.is_file()
    if not there or path.stat().st_size > MOST_BYTES:
        what = f"has more than {MOST_BYTES >> 20} MB" if there else "is missing"
        raise DatasetError(path.name, f"{what} after its generator ran", "correct `generate` in recipes/data")
    return path.read_bytes()
