"""The files of an active run; the only place that knows their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core import untrusted_files
from harness.core.files import remove_tree

INSIDE = "/harness/run"  # its path inside a container


MOST_EVENTS, MOST_RANKS = 16 << 20, 256 << 20  # bytes; those of a run of 100 epochs on 1,000 users: 36 kB and 240 kB


@dataclass(frozen=True)
class RunFolder:
    """The names of the files of a run; no other module spells them."""

    path: Path

    @property
    def log(self) -> Path:
        """Standard output and error of the upstream."""
        return self.path / "log.txt"

    @property
    def events(self) -> Path:
        """The events of the probe."""
        return self.path / "events.jsonl"

    @property
    def out(self) -> Path:
        """The folder that the upstream may write to."""
        return self.path / "out"

    @property
    def record(self) -> Path:
        """The finished record, beside the folder, since the upstream must not be able to write to it."""
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def note(self) -> Path:
        """Who carries the run out, beside the folder for the same reason."""
        return self.path.with_name(f"{self.path.name}.running")

    @property
    def loss(self) -> Path:
        """The user's file of a custom loss."""
        return self.path / "loss.py"

    def ranks(self, split: str) -> Path:
        """Ranks of a split."""
        return self.path / f"ranks-{split}.npz"

    def clear(self) -> list[str]:
        """Remove everything except plain files and folders of allowed size; return descriptions of removed entries.

        Raises:
            OSError: it cannot be removed.
        """
        most = {self.events.name: MOST_EVENTS, self.ranks("*").name: MOST_RANKS}
        return untrusted_files.clear(self.path, most, INSIDE)

    def renew(self) -> None:
        """Make the folder, empty.

        Raises:
            OSError: if it cannot be made.
        """
        remove_tree(self.path)
        self.out.mkdir(parents=True)
