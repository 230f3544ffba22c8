"""Files of weights by content: a dataset's own, and those that authors released for single cells.

Refused: a file without a hash, and one for a cell that the recipe does not have. A file that a mirror lacks becomes a
gap when it is fetched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from harness.core.errors import near_misses
from harness.core.schema import Strict
from harness.recipes.systems import System, faulty_variables

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Checkpoint(Strict):
    """A file of weights; it is copied into the run's output folder.

    Attributes:
        name: its name there, by default the last part of its path.
        epochs: number of pre-training epochs.
        sha256, blob: one of them pins the content: SHA-256, or Git blob id if the SHA-256 is unknown.
        made_by: instead of these, the key of the run that makes it; never written in a recipe.
    """

    path: str
    name: str
    epochs: int = 0
    sha256: Sha256 | None = None
    blob: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    made_by: str = ""

    @property
    def content(self) -> str:
        """The hash of the content, with its kind."""
        if self.made_by:
            return f"run:{self.made_by}"
        return f"sha256:{self.sha256}" if self.sha256 else f"blob:{self.blob}"

    @model_validator(mode="before")
    @classmethod
    def is_named(cls, raw: Any) -> Any:
        """Name a file after its path if it has no name."""
        if isinstance(raw, dict) and isinstance(raw.get("path"), str):
            return {"name": raw["path"].rpartition("/")[2], **raw}
        return raw

    @model_validator(mode="after")
    def is_pinned(self) -> Checkpoint:
        """Refuse a file without a hash."""
        if [self.sha256 is None, self.blob is None, not self.made_by].count(False) != 1:
            raise ValueError(f"{self.name}: give either sha256 or blob")
        return self


class Pretraining(Strict):
    """A stage that makes the initial weights of systems, instead of a dataset's own weights.

    Attributes:
        model: the model of the weights.
        command: as a recipe's; {checkpoint_epochs} is the number of epochs.
        produces: the file of weights that it writes to {out}.
        every: number of epochs between saved weights.
    """

    model: str
    command: tuple[str, ...] = Field(min_length=1)
    produces: str
    every: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def variables_exist(self) -> Pretraining:
        """Refuse unknown variables, and a command that does not depend on the seed."""
        known = ("data", "out", "dataset", "sequences", "seed", "checkpoint_epochs")
        faults = [text for word in self.command for text in faulty_variables(word, (*known, "checkpoint"))]
        if not any("{seed}" in word for word in self.command):  # all seeds would share one file of weights
            faults.append("no word of its command has {seed}")
        if faults := [*faults, *faulty_variables(self.produces, known)]:
            raise ValueError("; ".join(faults))
        return self


class Released(Strict):
    """Weights that authors released, for cells of a recipe.

    Attributes:
        release: the release of harness.toml that holds them.
        files: by dataset and system.
    """

    release: str
    files: dict[str, dict[str, Checkpoint]]

    def faults(self, datasets: Collection[str], systems: Mapping[str, System]) -> Iterator[str]:
        """The faults with respect to a recipe's datasets and systems."""
        loading = [key for key, system in systems.items() if system.checkpoint]
        for dataset, files in self.files.items():
            if dataset not in datasets:
                yield f"unknown dataset {dataset!r} ({near_misses(dataset, datasets)})"
            for system in files:
                if system not in systems:
                    yield f"unknown system {system!r} ({near_misses(system, systems)})"
                elif system not in loading:
                    yield f"{system} has a file but no `checkpoint: true`"
        for dataset in datasets:
            if lacking := [system for system in loading if system not in self.files.get(dataset, {})]:
                yield f"{dataset}: no file for {', '.join(lacking)}"
