"""The numbers that papers print, from recipes/papers, for the systems of a recipe."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from harness.config import problems
from harness.errors import RecipeError, near_misses
from harness.recipes import Recipe
from harness.records import Published
from harness.systems import PublishedAs
from harness.yamlfiles import read_yaml


class PrintedValue(BaseModel, frozen=True):
    """One printed number in recipes/papers; what else its row says (columns, gains) is for people."""

    dataset: str
    model: str = ""
    loss: str = ""
    metric: str
    value: float
    decimals: int
    mark: str = ""


class PrintedTable(BaseModel, frozen=True):
    """One table or figure of a paper."""

    values: tuple[PrintedValue, ...] = ()


def published(root: Path, recipe: Recipe) -> tuple[Published, ...]:
    """The published numbers of a recipe's systems; none where the paper is silent.

    A number stands for every system that names it: as released and as published, a paper prints one.

    Raises:
        RecipeError: the paper's file or the artifact in it is missing, or has mistakes.
    """
    if not recipe.published:
        return ()
    paper, _, artifact = recipe.published.partition("#")
    path = root / "recipes" / "papers" / f"{paper}.yaml"
    content = read_yaml(path)
    tables = content.get("artifacts", {}) if isinstance(content, dict) else {}
    if artifact not in tables:
        raise RecipeError(str(path), f"no artifact {artifact!r}", near_misses(artifact, tables))
    try:
        rows = PrintedTable.model_validate(tables[artifact]).values
    except ValidationError as error:
        raise RecipeError(f"{path}: {artifact}", problems(error, PrintedTable), "mend these keys") from error
    return tuple(
        Published(row.dataset, key, row.metric, row.value, row.decimals, row.mark)
        for row in rows
        for key, system in recipe.systems.items()
        if system.published == PublishedAs(model=row.model, loss=row.loss)
    )
