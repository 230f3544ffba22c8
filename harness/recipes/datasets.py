"""Datasets and their files, from recipes/data: each by content and location."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.core.errors import RecipeError, near_misses
from harness.core.project_folders import layers
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.checkpoints import Checkpoint, Sha256

UNPINNED = "unknown"
FOLDER = Path("recipes", "data")


class DataFile(Strict):
    """One file of a dataset.

    Attributes:
        name: the name that a run expects.
        sha256, blob: its content, by SHA-256, or by Git blob id if the SHA-256 is unknown.
        path: its path in the upstream at its pin, or in `source`, written `from`: another upstream or a release.
        url: its address, instead of a path.
        local: its path in the folder `data` of harness.toml, instead of a path: your own data.
    A file that is fetched by URL or made by a generator may lack a hash; it cannot be used before it has one.
    """

    name: str
    sha256: Sha256 | None = None
    blob: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    path: str = ""
    source: str = Field(default="", alias="from")
    url: str = ""
    local: str = ""

    @property
    def has_place(self) -> bool:
        """Whether it has a location; otherwise a generator creates it."""
        return bool(self.path or self.url or self.local)

    @property
    def content(self) -> str:
        """The hash of the content."""
        return self.sha256 or (f"blob:{self.blob}" if self.blob else UNPINNED)

    @model_validator(mode="after")
    def is_pinned_and_from_one_place(self) -> DataFile:
        """Refuse two hashes, no hash for a readable file, and two locations."""
        if (self.sha256 and self.blob) or ((self.path or self.local) and not (self.sha256 or self.blob)):
            raise ValueError(f"{self.name}: give either sha256 or blob")
        if (self.url and (self.path or self.source)) or (self.source and not self.path):
            raise ValueError(f"{self.name}: give either url, or path, optionally with `from`")
        if self.local and (self.path or self.url):
            raise ValueError(f"{self.name}: give either local, path or url")
        if Path(self.local).is_absolute() or ".." in Path(self.local).parts:
            raise ValueError(f"{self.name}: local leaves the folder `data`")
        return self


class LeftOut(Strict):
    """The numbers removed by a filter: users, items, interactions."""

    users: int = 0
    items: int = 0
    interactions: int = 0


class Origin(Strict):
    """The origin of an added dataset, recorded by `harness dataset add`.

    Attributes:
        file, sha256, format: the source file and its format.
        rows: interactions in it.
        order: of a user's items: by the times of the file, or by its lines.
        repeats: treatment of a user's repeated items: refused, the first, the last, or all kept.
        repeated: number of interactions removed for that reason.
        identical: number of removed rows with equal user, item and time.
        core: minimum number of interactions of a user and of an item; 0 for any.
        min_length: minimum number of items of a user; 0 for any.
        left_out: by these two filters.
    """

    file: str
    sha256: Sha256
    format: str
    rows: int
    order: Literal["time", "file"]
    repeats: Literal["refuse", "first", "last", "keep"] = "refuse"
    repeated: int = 0
    identical: int = 0
    core: int = 0
    min_length: int = 0
    left_out: LeftOut = LeftOut()


class Dataset(Strict):
    """A dataset by content.

    Attributes:
        name: its name in the upstream.
        label: its name in tables.
        sequences: the file of `files` with the interactions.
        layout: of that file: one line per user, one line per interaction, or a format that only the upstream reads.
        interactions_sha256: of its interactions in any layout, see `data_cache.hash_interactions`; "" if it is not
            compared with another upstream's.
        first_user: the file's id of the upstream's user 0, if the upstream renumbers users; the file's ids
            are then consecutive.
        generate: command, run in the upstream's source tree, that creates the files without a location in {data}, where
            the others are.
        origin: of an added dataset: its source file and processing.
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
    origin: Origin | None = None

    @model_validator(mode="after")
    def files_can_be_had(self) -> Dataset:
        """Refuse a sequence file that is not among the files, and files without a location or generator."""
        names = [f.name for f in self.files]
        if self.sequences not in names:
            raise ValueError(f"sequences: no file {self.sequences!r} ({near_misses(self.sequences, names)})")
        if not self.generate and (homeless := [f.name for f in self.files if not f.has_place]):
            raise ValueError(f"files: {', '.join(homeless)} without path, and no generate to make them")
        return self

    @property
    def is_fetched(self) -> bool:
        """Whether some of its files are not in the upstream."""
        return any(f.source or f.url for f in self.files)


class DatasetFile(Strict):
    """A file of recipes/data: datasets of one upstream, each defined once."""

    datasets: dict[str, Dataset]


def files_of(root: Path, upstream: str) -> list[Path]:
    """The files that define an upstream's datasets: <upstream>.yaml and those in the folder <upstream>/."""
    folders = [folder / FOLDER for folder in reversed(layers(root))]
    patterns = (f"{upstream}.yaml", f"{upstream}/*.yaml")
    return [path for pattern in patterns for folder in folders for path in sorted(folder.glob(pattern))]


def upstreams_with_data(root: Path) -> list[str]:
    """Names of the upstreams for which recipes/data defines datasets."""
    folders = [folder / FOLDER for folder in layers(root)]
    found = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    return sorted(found | {path.parent.name for folder in folders for path in folder.glob("*/*.yaml")})


def defined(root: Path, upstream: str) -> dict[str, Dataset]:
    """The datasets of an upstream by key; none where nobody defines any.

    Raises:
        RecipeError: a file with mistakes, or a dataset that two files define.
    """
    found: dict[str, Dataset] = {}
    for path in files_of(root, upstream):
        own = parse(path, DatasetFile).datasets
        if twice := sorted(set(own) & set(found)):
            what = f"datasets: {', '.join(twice)} is defined in another file too"
            raise RecipeError(str(path), what, f"rename it; the datasets of {upstream} are in recipes/data")
        found |= own
    return found
