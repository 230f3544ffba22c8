"""The significance that a paper's marks state for differences between a recipe's systems.

Marks are sentences and effects of the paper (`claims` in recipes/papers with `significant`), and a table's stars
against the best of a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from harness.recipes.papers.library import Library, LocatedNumber, load, metric_of
from harness.recipes.papers.published import names
from harness.recipes.papers.schema import Claim
from harness.recipes.recipe import Recipe

SIGNIFICANT = {True: "significant", False: "not significant"}

Pair = frozenset[str]
PaperSignificance = Mapping[tuple[str, str], Mapping[Pair, frozenset[bool]]]


def paper_significance(root: Path, recipe: Recipe) -> PaperSignificance:
    """By dataset and metric of two systems: whether the paper calls their difference significant; may be both.

    Raises:
        RecipeError: a file of recipes/papers has mistakes.
    """
    paper, _, artifact = recipe.published.partition("#")
    if not artifact or not recipe.claims:
        return {}
    library = load(root)
    paper = paper if paper in library.files else paper.replace("_", "-")  # a file is named after its key
    found: dict[tuple[str, str], dict[Pair, frozenset[bool]]] = {}
    for of, over, significant in _marks(library, paper, artifact):
        place = (of.number.dataset, metric_of(of.number.metric))
        for pair in _pairs(recipe, of, over):
            by_pair = found.setdefault(place, {})
            by_pair[pair] = by_pair.get(pair, frozenset()) | {significant}
    return found


def _marks(library: Library, paper: str, artifact: str) -> Iterator[tuple[LocatedNumber, LocatedNumber, bool]]:
    """Pairs of numbers of an artifact with the paper's statement on their difference."""
    for key, _, claim in library.claims():
        if key == paper and claim.significant is not None and claim.of and claim.over:
            of, over = operands(library, paper, claim)
            if {of.artifact, over.artifact} == {artifact}:
                yield of, over, claim.significant
    own = [placed for placed in library.numbers if (placed.paper, placed.artifact) == (paper, artifact)]
    for of, over in combinations(own, 2):
        if (of.number.dataset, of.number.metric) == (over.number.dataset, over.number.metric):
            yield from ((of, over, significant) for _, significant in star(library, of, over))


def _pairs(recipe: Recipe, of: LocatedNumber, over: LocatedNumber) -> Iterator[Pair]:
    """The systems of two numbers; a number belongs to every system that selects it."""
    ours = [
        [key for key, s in recipe.systems.items() if s.published and names(s.published, p.number)] for p in (of, over)
    ]
    return (frozenset((a, b)) for a in ours[0] for b in ours[1] if a != b)


def operands(library: Library, paper: str, claim: Claim) -> tuple[LocatedNumber, LocatedNumber]:
    """The two numbers that a claim compares."""
    assert claim.of
    assert claim.over
    of, over = (library.one(paper, claim.operand(selector), claim.id) for selector in (claim.of, claim.over))
    return of, over


def star(library: Library, of: LocatedNumber, over: LocatedNumber) -> list[tuple[str, bool]]:
    """The statement of the table's stars, if they compare with the best of a column and one of the two is the best."""
    if of.artifact != over.artifact:
        return []
    if library.files[of.paper].artifacts[of.artifact].marks.significant != "against-best":
        return []
    best = max(p.number.value for p in column(library, of))
    for one, other in ((of, over), (over, of)):
        if one.number.value == best and other.number.significant is not None:
            return [(f"{'star' if other.number.significant else 'no star'} in {of.where}", other.number.significant)]
    return []


def column(library: Library, placed: LocatedNumber) -> list[LocatedNumber]:
    """All numbers of one dataset and metric in one table."""
    n = placed.number
    return [
        other
        for other in library.numbers
        if (other.paper, other.artifact) == (placed.paper, placed.artifact)
        and (other.number.dataset, other.number.metric) == (n.dataset, n.metric)
    ]
