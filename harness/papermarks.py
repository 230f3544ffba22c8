"""What a paper's marks say of the differences between a recipe's systems: significant or not.

Marks are sentences and effects of the paper (`claims` in recipes/papers with `significant`), and a table's stars
against the best of a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from harness.findings.library import Library, Placed, load, metric_of
from harness.findings.statements import operands, star
from harness.recipes import Recipe
from harness.systems import PublishedAs

Pair = frozenset[str]
Said = Mapping[tuple[str, str], Mapping[Pair, frozenset[bool]]]


def said(root: Path, recipe: Recipe) -> Said:
    """By dataset and metric, of two systems: whether the paper calls their difference significant, perhaps both.

    Raises:
        RecipeError: a file of recipes/papers has mistakes.
    """
    paper, _, artifact = recipe.published.partition("#")
    if not artifact or not recipe.claims:
        return {}
    library = load(root)
    found: dict[tuple[str, str], dict[Pair, frozenset[bool]]] = {}
    for of, over, significant in _marks(library, paper, artifact):
        place = (of.number.dataset, metric_of(of.number.metric))
        for pair in _pairs(recipe, of, over):
            told = found.setdefault(place, {})
            told[pair] = told.get(pair, frozenset()) | {significant}
    return found


def _marks(library: Library, paper: str, artifact: str) -> Iterator[tuple[Placed, Placed, bool]]:
    """Every two numbers of an artifact with what the paper says of their difference."""
    for key, _, claim in library.claims():
        if key == paper and claim.significant is not None and claim.of and claim.over:
            of, over = operands(library, paper, claim)
            if {of.artifact, over.artifact} == {artifact}:
                yield of, over, claim.significant
    columns: dict[tuple[str, str], list[Placed]] = {}
    for placed in library.numbers:
        if (placed.paper, placed.artifact) == (paper, artifact):
            columns.setdefault((placed.number.dataset, placed.number.metric), []).append(placed)
    for column in columns.values():
        for of, over in combinations(column, 2):
            yield from ((of, over, significant) for _, significant in star(library, of, over))


def _pairs(recipe: Recipe, of: Placed, over: Placed) -> Iterator[Pair]:
    """The systems that two numbers are of; one number stands for every system that names it."""
    ours = [[key for key, system in recipe.systems.items() if _is(system.published, p)] for p in (of, over)]
    return (frozenset((a, b)) for a in ours[0] for b in ours[1] if a != b)


def _is(told: PublishedAs | None, placed: Placed) -> bool:
    n = placed.number
    if told is None or (told.model, told.loss) != (n.model, n.loss or "none"):
        return False
    same_t = told.t is None or (n.t is not None and float(n.t) == told.t)
    return told.label in ("", n.label) and told.negatives in (None, n.negatives) and same_t
