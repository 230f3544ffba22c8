"""Datasets that the command line adds to a table: any of the code base's own beside those of the recipe.

The recipe's claims stay about its own datasets, since nobody made them about others. On an added dataset their systems
are compared all the same, and nobody says which is better.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from harness.core.errors import ArgumentError, near_misses
from harness.core.results import Claim
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Where
from harness.recipes.systems import System


def with_extra_datasets(recipe: Recipe, where: Where, known: Callable[[], Collection[str]]) -> Recipe:
    """The recipe with the datasets that a filter names beyond its own, where its code base has them.

    One whose weights were released for single datasets is left as it is: it has no weights for others.

    Args:
        known: gives the keys of the code base's datasets; asked only for a name that the recipe does not have.
    Raises:
        ArgumentError: a name that nobody has.
    """
    asked = [name for name in where.get("dataset", ()) if name not in recipe.datasets]
    if not asked or recipe.checkpoints:
        return recipe
    there = known()
    if unknown := [name for name in asked if name not in there]:
        fix = near_misses(unknown[0], {*recipe.datasets, *there})
        raise ArgumentError("--where", f"unknown dataset {unknown[0]!r}", fix)
    claims = tuple(c if c.datasets else c.model_copy(update={"datasets": recipe.datasets}) for c in recipe.claims)
    return recipe.model_copy(update={"datasets": (*recipe.datasets, *asked), "claims": claims})


def comparisons(recipe: Recipe, added: Sequence[str], systems: Mapping[str, System]) -> list[Claim]:
    """The recipe's claims as comparisons on added datasets, those of chosen systems, each once."""
    found = [
        Claim(claim.better, claim.worse, metric, own=True, datasets=tuple(added))
        for claim in recipe.claims
        if claim.better in systems and claim.worse in systems
        for metric in claim.metrics or recipe.metrics
    ]
    return list(dict.fromkeys(found)) if added else []
