"""The numbers that papers print, from recipes/papers, for the systems of a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError, model_validator

from harness.core.errors import RecipeError, near_misses
from harness.core.project_folders import find
from harness.core.results import Published
from harness.core.schema import problems
from harness.core.yaml_files import read_yaml
from harness.recipes.criteria import contradicted
from harness.recipes.papers.library import metric_of
from harness.recipes.recipe import Recipe
from harness.recipes.systems import PublishedAs

OWN = "own"


class PrintedValue(BaseModel, frozen=True):
    """One printed number in recipes/papers; other fields of its row (columns, gains) are for readers.

    Attributes:
        source: the paper itself, or the earlier work that it quotes.
    """

    dataset: str
    model: str = ""
    loss: str | None = ""
    label: str = ""
    negatives: int | None = None
    t: float | None = None
    metric: str
    value: float
    decimals: int
    mark: str = ""
    unit: str = ""
    source: str = OWN

    @model_validator(mode="before")
    @classmethod
    def counts_are_whole(cls, raw: Any) -> Any:
        """Numbers with a unit, and whole numbers, need not state their decimals."""
        whole = isinstance(raw, dict) and ("unit" in raw or isinstance(raw.get("value"), int))
        return {"decimals": 0, **raw} if whole else raw


class PrintedTable(BaseModel, frozen=True):
    """One table or figure of a paper."""

    values: tuple[PrintedValue, ...] = ()


def published_numbers(root: Path, recipe: Recipe) -> tuple[Published, ...]:
    """The published numbers of a recipe's systems; none if the paper has none.

    A number belongs to every system that selects it: as-released and as-published variants share one.

    Raises:
        RecipeError: the paper's file or its artifact is missing or has mistakes, or a claim of the recipe
            contradicts the numbers.
    """
    sources = {"": recipe.published, **recipe.beside}
    found = tuple(number for name, source in sources.items() if source for number in _of(root, recipe, source, name))
    values = {(n.system, n.metric, n.dataset): n.value for n in found if not n.beside}
    cells = [cell for claim in recipe.claims for cell in claim.cells(recipe.metrics, recipe.datasets)]
    if faults := list(contradicted(cells, values)):
        where = f"recipes/{recipe.artifact}.yaml: claims"
        raise RecipeError(
            where, "; ".join(faults), "restrict the claim to what the paper says, by `datasets` and `metrics`"
        )
    return found


def unprinted_metrics(recipe: Recipe, numbers: Iterable[Published]) -> tuple[str, ...]:
    """Metrics without a published value for any system and dataset of the recipe.

    Empty if the recipe has no paper. Such a metric may be intended or misspelt.
    """
    printed = {number.metric for number in numbers if not number.beside}
    return tuple(metric for metric in recipe.metrics if recipe.published and metric not in printed)


def _of(root: Path, recipe: Recipe, source: str, beside: str) -> Iterator[Published]:
    """The numbers of one source, `paper#artifact`, or `paper#artifact@other` for those quoted from another work."""
    printed, _, whose = source.partition("@")
    paper, _, artifact = printed.partition("#")
    path = find(root, f"recipes/papers/{paper}.yaml")
    content = read_yaml(path)
    tables = content.get("artifacts", {}) if isinstance(content, dict) else {}
    if artifact not in tables:
        raise RecipeError(str(path), f"no artifact {artifact!r}", near_misses(artifact, tables))
    try:
        rows = PrintedTable.model_validate(tables[artifact]).values
    except ValidationError as error:
        raise RecipeError(f"{path}: {artifact}", problems(error, PrintedTable), "correct these keys") from error
    for place, row in enumerate(rows):
        for key, system in recipe.systems.items():
            named = system.quoted if whose and system.quoted else filter(None, (system.published,))
            if row.source == (whose or OWN) and any(names(name, row) for name in named):
                printed_fields = (row.value, row.decimals, row.mark, beside, row.unit, f"{source}/{place}")
                yield Published(row.dataset, key, metric_of(row.metric), *printed_fields)


class Named(Protocol):
    """The identity of a printed number."""

    @property
    def model(self) -> str: ...
    @property
    def loss(self) -> str | None: ...
    @property
    def label(self) -> str: ...
    @property
    def negatives(self) -> int | None: ...
    @property
    def t(self) -> float | Decimal | None: ...


def names(printed_fields: PublishedAs, row: Named) -> bool:
    """Whether a recipe selects this row; a row without a label matches every label of its loss."""
    same = (printed_fields.model, printed_fields.loss) == (row.model, row.loss or "none") and printed_fields.label in (
        "",
        row.label,
    )
    t = None if row.t is None else float(row.t)
    return same and printed_fields.negatives in (None, row.negatives) and printed_fields.t in (None, t)
