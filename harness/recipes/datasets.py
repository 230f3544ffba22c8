"""Datasets and their files, as recipes/data states them: by content, each with the place where it lies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.core.errors import near_misses
from harness.core.schema import Strict
from harness.recipes.checkpoints import Checkpoint, Sha256

UNPINNED = "unknown"


class DataFile(Strict):
    """One file of a dataset.

    Attributes:
        name: what a run wants it under.
        sha256, blob: its content, by SHA-256 or by the Git blob id where nobody has measured that yet.
        path: where it lies in the upstream at its pin, or in `source`, written `from`: another upstream or a release.
        url: where it lies on the internet, in place of a path.
    A file that is fetched by URL or made by a generator may lack a hash; it cannot be used before it has one.
    """

    name: str
    sha256: Sha256 | None = None
    blob: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    path: str = ""
    source: str = Field(default="", alias="from")
    url: str = ""

    @property
    def content(self) -> str:
        """What pins the content."""
        return self.sha256 or (f"blob:{self.blob}" if self.blob else UNPINNED)

    @model_validator(mode="after")
    def is_pinned_and_from_one_place(self) -> DataFile:
        """Refuse two hashes, none where the file could be read, and two places."""
        if (self.sha256 and self.blob) or (self.path and not (self.sha256 or self.blob)):
            raise ValueError(f"{self.name}: give either sha256 or blob")
        if (self.url and (self.path or self.source)) or (self.source and not self.path):
            raise ValueError(f"{self.name}: give either url, or path, which `from` may stand beside")
        return self


class Dataset(Strict):
    """A dataset by content.

    Attributes:
        name: what the upstream calls it.
        label: what a table prints.
        sequences: which of `files` has the interactions.
        layout: how: one line per user, one line per interaction, or a way that only the upstream reads.
        interactions_sha256: of its interactions in any layout, see `data_cache.hash_interactions`; "" where nobody
            compares it with another upstream's.
        first_user: the file's id of the user that the upstream calls 0, where it numbers users anew; the file's ids
            then go on without gaps.
        generate: command, run in the upstream's source tree, that makes the files without a place in {data}, where
            those that have one lie.
    """

    upstream: str
    name: str
    label: str
    users: int
    items: int
    interactions: int
    sequences: str
    layout: Literal["users", "pairs", "other"] = "users"
    files: tuple[DataFile, ...]
    checkpoint: Checkpoint | None = None
    interactions_sha256: Sha256 | Literal[""] = ""
    first_user: int | None = None
    generate: tuple[str, ...] = ()

    @model_validator(mode="after")
    def files_can_be_had(self) -> Dataset:
        """Refuse a sequence file that is not among the files, and files that nothing gives or makes."""
        names = [f.name for f in self.files]
        if self.sequences not in names:
            raise ValueError(f"sequences: no file {self.sequences!r} ({near_misses(self.sequences, names)})")
        if not self.generate and (homeless := [f.name for f in self.files if not f.path and not f.url]):
            raise ValueError(f"files: {', '.join(homeless)} without path, and no generate to make them")
        return self

    @property
    def is_fetched(self) -> bool:
        """Whether some of its files lie elsewhere than in the upstream."""
        return any(f.source or f.url for f in self.files)
