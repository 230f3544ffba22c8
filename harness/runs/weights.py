"""Weights that one run makes for others; stored in the cache by the run's key and their SHA-256.

Results contain only records, which are small; weights are recreated if the cache was emptied.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import RunError
from harness.core.files import sha256_bytes, sha256_file, write_whole
from harness.runs.plan import Run


@dataclass(frozen=True)
class WeightsCache:
    """The weights that runs made."""

    folder: Path

    def keep(self, stage: Run, made: Path) -> dict[str, str]:
        """Store the weights of a run; return SHA-256 by name.

        Raises:
            StoreError: the disk is full or not writable.
        """
        content = made.read_bytes()
        digest = sha256_bytes(content)
        write_whole(self.folder / stage.key / digest / stage.produces, content)
        return {stage.produces: digest}

    def path(self, stage: Run) -> Path | None:
        """The unchanged weights file of a run; None if missing."""
        for path in sorted((self.folder / stage.key).glob(f"*/{stage.produces}")):
            if sha256_file(path) == path.parent.name:
                return path
        return None

    def read(self, stage: Run) -> bytes:
        """The content of that file.

        Raises:
            RunError: it is missing.
        """
        path = self.path(stage)
        if path is None:
            raise RunError(stage.label, f"left no {stage.produces}", "repeat the command: it is created first")
        return path.read_bytes()
