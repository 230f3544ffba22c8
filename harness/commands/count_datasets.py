"""Tables of dataset sizes: the paper's numbers beside those counted in the pinned files.

There are no runs and no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from harness.core.config import Config
from harness.core.errors import DatasetError, RecipeError, SourceError, near_misses
from harness.core.project_folders import find
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.datasets import DataFile, Dataset, defined
from harness.recipes.papers.dataset_sizes import STATISTICS, Row, SizeTable, compared, uncounted
from harness.recipes.papers.schema import PaperFile
from harness.upstreams import data_cache, data_fetch
from harness.upstreams.pins import clone_of, pin_of

SUFFIX = ".counts"


class CountRecipe(Strict):
    """A table of dataset sizes: recipes/<paper>/<artifact>.counts.yaml.

    Attributes:
        published: `paper#artifact` in recipes/papers.
        files: upstream whose file is counted, by dataset; both as in recipes/data.
        absent: why a dataset of the paper's table has no file here, by dataset.
        labels: names of those in a table.
    """

    artifact: str
    title: str
    published: str
    files: dict[str, str]
    absent: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)


def load(root: Path, artifact: str) -> CountRecipe:
    """The recipe of a table of dataset sizes.

    Raises:
        RecipeError: the recipe has mistakes.
    """
    path = find(root, f"recipes/{artifact}{SUFFIX}.yaml")
    recipe = parse(path, CountRecipe)
    if recipe.artifact != artifact:
        raise RecipeError(str(path), f"artifact: is {recipe.artifact!r}, its path says {artifact!r}", "make them equal")
    return recipe


def carry_out(config: Config, artifact: str, tick: Callable[[str], None] = lambda _: None) -> SizeTable:
    """Count the available datasets of a table.

    Args:
        tick: called with the dataset that is counted next.
    Raises:
        RecipeError: a mistake in the recipe or in what it names.
    """
    recipe = load(config.root, artifact)
    rows = []
    for name, numbers in printed(config.root, recipe).items():
        dataset = described(config.root, recipe, name)
        if dataset is None:
            label, not_counted = recipe.labels.get(name, name), tuple(uncounted(numbers))
            rows.append(Row(name, label, not_counted, reason=recipe.absent[name]))
            continue
        tick(name)
        rows.append(one_row(config, recipe.files[name], name, dataset, numbers))
    return SizeTable(artifact, recipe.title, tuple(rows))


def plan(config: Config, artifact: str) -> Iterator[tuple[str, str]]:
    """Each dataset of a table with its file, or why it has none. Fetches nothing.

    Raises:
        RecipeError: as `carry_out`.
    """
    recipe = load(config.root, artifact)
    for name in printed(config.root, recipe):
        dataset = described(config.root, recipe, name)
        if dataset is None:
            yield name, f"not counted: {recipe.absent[name]}"
        elif dataset.layout == "other":
            yield name, f"not counted: {unreadable(dataset, recipe.files[name])}"
        else:
            file = sequence_file(dataset)
            yield name, f"count {file.name} of {file.url or file.source or recipe.files[name]}"


def described(root: Path, recipe: CountRecipe, name: str) -> Dataset | None:
    """A dataset of the recipe, None if the recipe says why it has no file.

    Raises:
        RecipeError: the recipe does not mention it.
    """
    if name in recipe.files:
        known = defined(root, recipe.files[name])
        if name not in known:
            where = f"recipes/data/{recipe.files[name]}.yaml"
            raise RecipeError(where, f"no dataset {name!r}", near_misses(name, known))
        return known[name]
    if name not in recipe.absent:
        fix = "give its upstream under `files`, or the reason under `absent`"
        raise RecipeError(f"recipes/{recipe.artifact}{SUFFIX}.yaml", f"no entry for {name}", fix)
    return None


def sequence_file(dataset: Dataset) -> DataFile:
    """The file of a dataset that holds its sequences."""
    return next(file for file in dataset.files if file.name == dataset.sequences)


def unreadable(dataset: Dataset, upstream: str) -> str:
    """Why a dataset in a code base's private layout is not counted."""
    return f"{sequence_file(dataset).name} has a layout that only {upstream} reads"


def printed(root: Path, recipe: CountRecipe) -> dict[str, dict[str, Decimal]]:
    """The paper's numbers by dataset and statistic, in its order."""
    paper, _, name = recipe.published.partition("#")
    path = find(root, f"recipes/papers/{paper}.yaml")
    tables = parse(path, PaperFile, printed=True).artifacts
    if name not in tables:
        raise RecipeError(str(path), f"no artifact {name!r}", near_misses(name, tables))
    found: dict[str, dict[str, Decimal]] = {}
    for number in tables[name].values:
        if number.metric in STATISTICS:
            found.setdefault(number.dataset, {})[number.metric] = number.value
    return found


def one_row(config: Config, upstream: str, name: str, dataset: Dataset, numbers: dict[str, Decimal]) -> Row:
    """One dataset, counted; not counted, with the reason, if its file is unavailable."""
    file = sequence_file(dataset)
    if dataset.layout == "other":
        return Row(name, dataset.label, tuple(uncounted(numbers)), reason=unreadable(dataset, upstream))
    try:
        counts = data_fetch.counted(dataset, sequences(config, upstream, file))
    except (SourceError, DatasetError) as error:
        reason = f"{error.where}: {error.what}".replace(f"{config.root}/", "")
        return Row(name, dataset.label, tuple(uncounted(numbers)), reason=reason)
    pin = data_fetch.clone_of_source(config, file.source)[1] if file.source else pin_of(config, upstream)
    source = file.url or f"{pin.name} at {pin.commit[:12]}, {file.path}"
    return Row(name, dataset.label, tuple(compared(counts, numbers)), file.name, file.content, source)


def sequences(config: Config, upstream: str, file: DataFile) -> Path:
    """The folder with a dataset's file of sequences, checked by hash."""
    wanted = [data_cache.PinnedFile(path=file.name, content=file.content, name=file.name)]

    def read(_: str) -> bytes:
        return data_fetch.read(config, file, lambda: (clone_of(config, upstream), pin_of(config, upstream)))

    return data_cache.materialise(wanted, read, config.cache, recheck=True)
