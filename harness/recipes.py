"""Recipes, datasets and published numbers: YAML that a person writes, as typed values.

Every mistake in a file is told at once, with file, key path, the value as written and near misses. Past this module
nobody sees a raw dictionary.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from harness.config import Strict, problems
from harness.errors import RecipeError, near_misses
from harness.records import Claim, Published

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Scalar = int | float | str
Model = TypeVar("Model", bound=BaseModel)


class DataFile(Strict):
    """One file of a dataset: where it lies in the upstream at its pin, its hash, the name a run wants it under.

    Attributes:
        path: path in the upstream; empty for a file that `Dataset.generate` makes.
    """

    name: str
    sha256: Sha256
    path: str = ""


class Checkpoint(Strict):
    """A file of weights that some systems start from; it is laid into the run's output folder.

    Attributes:
        epochs: epochs of pre-training that it had.
        sha256, blob: one of them pins the content: its SHA-256, or its Git blob id where nobody has measured that yet.
    """

    name: str
    path: str
    epochs: int
    sha256: Sha256 | None = None
    blob: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None

    @property
    def content(self) -> str:
        """What pins the content, with its kind."""
        return f"sha256:{self.sha256}" if self.sha256 else f"blob:{self.blob}"

    @model_validator(mode="after")
    def is_pinned(self) -> Checkpoint:
        """Refuse a file without a hash."""
        if (self.sha256 is None) == (self.blob is None):
            raise ValueError(f"{self.name}: give either sha256 or blob")
        return self


class Dataset(Strict):
    """A dataset by content.

    Attributes:
        name: what the upstream calls it.
        label: what a table prints.
        sequences: which of `files` has one line per user.
        generate: command, run in the upstream's source tree, that makes the files without a path in {data}.
    """

    upstream: str
    name: str
    label: str
    users: int
    items: int
    interactions: int
    sequences: str
    files: tuple[DataFile, ...]
    checkpoint: Checkpoint | None = None
    generate: tuple[str, ...] = ()


class PublishedAs(Strict):
    """How the published numbers name a system."""

    model: str
    loss: str


class System(Strict):
    """A model with a loss: a table's column.

    Attributes:
        seeded: False where nothing is random: one run stands for every seed.
        floor: a baseline that belongs into every table, whatever is filtered.
        checkpoint: it starts from the dataset's checkpoint.
        arguments: appended to the recipe's command.
        command: replaces the recipe's command.
        proof: the loss that the probe must report, the system's own by default, "" for none.
    """

    model: str
    loss: str
    label: str
    seeded: bool = True
    floor: bool = False
    checkpoint: bool = False
    published: PublishedAs | None = None
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    proof: str | None = None
    about: str = ""

    @property
    def proven_loss(self) -> str:
        """The loss that a run of this system must prove, "" if it trains nothing."""
        return self.loss if self.proof is None else self.proof


class ClaimText(Strict):
    """A claim as written: one system beats another on some of the recipe's metrics, all by default."""

    better: str
    worse: str
    metrics: tuple[str, ...] = ()


class Margin(Strict):
    """What counts as equal to a published value, fixed before any run: a fraction of it."""

    relative: float = Field(gt=0, lt=1)


class Recipe(Strict):
    """Which cells an artifact has and how each is run.

    Attributes:
        options: variables of the command that `--set` may change, with their defaults.
        profiles: named changes of options.
        devices: further arguments by device.
        published: `paper#artifact` in recipes/papers, "" for none.
        demonstration: it shows the machinery and proves nothing about a paper.
    """

    artifact: str
    title: str
    upstream: str
    environment: str
    protocol: dict[str, str]
    metrics: tuple[str, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    systems: dict[str, System]
    command: tuple[str, ...]
    options: dict[str, Scalar] = {}
    profiles: dict[str, dict[str, Scalar]] = {}
    devices: dict[str, tuple[str, ...]] = {"cpu": (), "cuda": ()}
    epoch_cap: str = "epochs"
    claims: tuple[ClaimText, ...] = ()
    margin: Margin = Margin(relative=0.05)
    published: str = ""
    demonstration: bool = False

    @model_validator(mode="after")
    def names_exist(self) -> Recipe:
        """Refuse claims about unknown systems, unknown variables in commands and profiles of unknown options."""
        faults = [*self.faulty_claims(), *self.faulty_profiles(), *self.faulty_commands()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def faulty_claims(self) -> Iterable[str]:
        """Claims whose systems or metrics the recipe does not have."""
        for claim in self.claims:
            for name in (claim.better, claim.worse):
                if name not in self.systems:
                    yield f"claims: unknown system {name!r} ({near_misses(name, self.systems)})"
            for metric in claim.metrics:
                if metric not in self.metrics:
                    yield f"claims: unknown metric {metric!r} ({near_misses(metric, self.metrics)})"

    def faulty_profiles(self) -> Iterable[str]:
        """Profiles that set what is no option."""
        for profile, values in self.profiles.items():
            for option in values:
                if option not in self.options:
                    yield f"profiles.{profile}: unknown option {option!r} ({near_misses(option, self.options)})"

    def faulty_commands(self) -> Iterable[str]:
        """Variables in commands that nobody fills in."""
        variables = {*VARIABLES, *self.options}
        commands = [self.command, *(s.command for s in self.systems.values())]
        commands += [s.arguments for s in self.systems.values()] + list(self.devices.values())
        for word in (w for c in commands for w in c):
            for _, name, _, _ in string.Formatter().parse(word):
                if name is not None and name not in variables:
                    yield f"command: unknown variable {{{name}}} ({near_misses(name, variables)})"

    def claim_list(self) -> tuple[Claim, ...]:
        """The claims, one for each metric."""
        return tuple(Claim(c.better, c.worse, m) for c in self.claims for m in c.metrics or self.metrics)


VARIABLES = ("data", "out", "dataset", "sequences", "seed", "model", "loss", "checkpoint_epochs")


def parse(path: Path, kind: type[Model]) -> Model:
    """One YAML file as a typed value.

    Raises:
        RecipeError: not readable, no YAML, or with mistakes, all of them listed.
    """
    raw = read_yaml(path)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(str(path), problems(error), "mend these keys") from error


def read_yaml(path: Path) -> Any:
    """The content of a YAML file."""
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(str(path), f"cannot be read: {error}", "mend the file") from error


def artifacts(root: Path) -> list[str]:
    """Names of all artifacts that have a recipe."""
    folder = root / "recipes"
    return sorted(
        f"{p.parent.name}/{p.stem}" for p in folder.glob("*/*.yaml") if p.parent.name not in ("papers", "data")
    )


def load(root: Path, name: str, aliases: Mapping[str, str]) -> Recipe:
    """The recipe of an artifact or of an alias for one.

    Raises:
        RecipeError: unknown, or with mistakes.
    """
    artifact = aliases.get(name, name)
    path = root / "recipes" / f"{artifact}.yaml"
    if artifact not in artifacts(root):
        raise RecipeError(name, "no such artifact", near_misses(name, [*artifacts(root), *aliases]))
    recipe = parse(path, Recipe)
    if recipe.artifact != artifact:
        raise RecipeError(str(path), f"artifact: is {recipe.artifact!r}, its path says {artifact!r}", "make them equal")
    return recipe


class DatasetFile(Strict):
    """recipes/data/<upstream>.yaml: the datasets of one upstream, each defined once."""

    datasets: dict[str, Dataset]


def datasets(root: Path, recipe: Recipe) -> dict[str, Dataset]:
    """The datasets of a recipe, in its order.

    Raises:
        RecipeError: one that is not defined, or a file with mistakes.
    """
    path = root / "recipes" / "data" / f"{recipe.upstream}.yaml"
    defined = parse(path, DatasetFile).datasets
    for name in recipe.datasets:
        if name not in defined:
            where = f"recipes/{recipe.artifact}.yaml: datasets"
            raise RecipeError(where, f"unknown dataset {name!r}", near_misses(name, defined))
    return {name: defined[name] for name in recipe.datasets}


def published(root: Path, recipe: Recipe) -> tuple[Published, ...]:
    """The published numbers of a recipe's systems; none where the paper is silent.

    Raises:
        RecipeError: the paper's file or the artifact in it is missing.
    """
    if not recipe.published:
        return ()
    paper, _, artifact = recipe.published.partition("#")
    path = root / "recipes" / "papers" / f"{paper}.yaml"
    tables = read_yaml(path).get("artifacts", {})
    if artifact not in tables:
        raise RecipeError(str(path), f"no artifact {artifact!r}", near_misses(artifact, tables))
    named = {(s.published.model, s.published.loss): key for key, s in recipe.systems.items() if s.published}
    return tuple(
        Published(row["dataset"], system, row["metric"], float(row["value"]), int(row["decimals"]), row.get("mark", ""))
        for row in tables[artifact]["values"]
        if (system := named.get((row.get("model"), row.get("loss")))) is not None
    )
