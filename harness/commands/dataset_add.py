"""`harness dataset add`: makes your own interactions a dataset of a code base, by content, with its origin.

Everything is checked before anything is written: data files first, then the entry in recipes/data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import ArgumentError
from harness.core.files import sha256_bytes, write_whole
from harness.core.project_file import OwnData
from harness.core.yaml_files import yaml_text
from harness.recipes.datasets import FOLDER, DataFile, Dataset, defined
from harness.recipes.recipe import artifacts, load_recipe
from harness.upstreams.own_data import filters, formats, layouts
from harness.upstreams.own_data.filters import Choices

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
HEAD = (
    "# Written by `harness dataset add`. Remove this file to remove the dataset; its data lie in the folder `data`.\n"
)


@dataclass(frozen=True)
class Asked:
    """A request to add a dataset.

    Attributes:
        name: of the dataset, for --where and for the code base.
        label: name in tables, "" for the name.
        kind: format of the file, "" to detect it.
        replace: whether to replace an added dataset of this name.
    """

    file: Path
    upstream: str
    name: str
    label: str = ""
    kind: str = ""
    choices: Choices = field(default_factory=Choices)
    replace: bool = False


@dataclass(frozen=True)
class Added:
    """The result of adding a dataset.

    Attributes:
        paths: files that were written: data, the list of ids, the entry.
        artifacts: tables of the code base that can use the dataset.
        equal_times, seen_tests: see `upstreams.own_data.filters.Filtered`.
    """

    dataset: Dataset
    paths: tuple[Path, ...]
    artifacts: tuple[str, ...]
    equal_times: int
    seen_tests: int


def add(config: Config, asked: Asked) -> Added:
    """Read, check, filter, number and write a dataset.

    Raises:
        ArgumentError: an invalid name or choice. ConfigError: unknown upstream. DatasetError: the file has
            mistakes, all lines up to the first being read. StoreError: it cannot be written.
    """
    wanted = checked(config, asked)
    entry = config.root / FOLDER / asked.upstream / f"{asked.name}.yaml"
    found = filters.filtered(formats.read(asked.file, asked.kind), asked.choices)
    rows = layouts.numbered(found.sequences)
    texts = layouts.files(rows, asked.name, wanted)
    folder = config.data / asked.upstream
    dataset = Dataset(
        upstream=asked.upstream, name=asked.name, label=asked.label or asked.name, **rows.counts._asdict(),
        sequences=next(iter(texts)), layout=wanted.layout, interactions_sha256=rows.interactions_sha256,
        files=tuple(
            DataFile(name=name, local=f"{asked.upstream}/{name}", sha256=sha256_bytes(text.encode()))
            for name, text in texts.items()
        ),
        origin=found.origin,
    )  # fmt: skip
    paths = {folder / name: text for name, text in texts.items()}
    paths |= {folder / f"{asked.name}.ids.csv": layouts.ids(rows), entry: entry_text(dataset)}
    for path, text in paths.items():
        write_whole(path, text)
    return Added(dataset, tuple(paths), fitting(config, asked.upstream), found.equal_times, found.seen_tests)


def checked(config: Config, asked: Asked) -> OwnData:
    """The code base's data format, if the name is free.

    Raises:
        ArgumentError: the name is invalid, or the code base supports no other data.
    """
    wanted = config.upstream(asked.upstream).own_data
    if wanted is None:
        takers = [name for name, upstream in config.file.upstreams.items() if upstream.own_data]
        what = f"{asked.upstream} supports no own data"
        raise ArgumentError("--upstream", what, f"these do: {', '.join(takers)}; own_data in harness.toml says so")
    if not NAME.fullmatch(asked.name):
        fix = "use a letter, then letters, digits, - and _, at most 40 characters"
        raise ArgumentError("--name", f"{asked.name!r} is not a valid name of a dataset", fix)
    there = defined(config.root, asked.upstream)
    own = there.get(asked.name)
    if own and own.origin and not asked.replace:
        raise ArgumentError(
            "--name", f"{asked.name} was added before", "replace it with --replace, or use another name"
        )
    taken = {word.lower() for key, data in there.items() if not data.origin for word in (key, data.name)}
    if asked.name.lower() in taken:
        what = f"{asked.upstream} has a dataset of this name: {asked.name}"
        raise ArgumentError("--name", what, f"choose another one than {', '.join(sorted(taken))}")
    return wanted


def entry_text(dataset: Dataset) -> str:
    """The entry of recipes/data."""
    content = dataset.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    return HEAD + yaml_text({"datasets": {dataset.name: {"layout": dataset.layout, **content}}})


def fitting(config: Config, upstream: str) -> tuple[str, ...]:
    """Artifacts whose systems run on any dataset of this code base."""
    found = [load_recipe(config.root, name, {}) for name in artifacts(config.root)]
    return tuple(recipe.artifact for recipe in found if recipe.upstream == upstream and not recipe.checkpoints)
