"""Datasets that the command line adds to a table: further ones of the code base.

The recipe's claims apply only to its own datasets. On an added dataset their systems
are compared without a claim.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from harness.core.errors import ArgumentError, near_misses
from harness.core.results import Claim
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Where
from harness.recipes.systems import System


def with_extra_datasets(recipe: Recipe, where: Where, known: Callable[[], Collection[str]]) -> Recipe:
    """The recipe with further datasets of its code base that a filter names.

    A recipe with weights released for single datasets is unchanged, since it has no weights for others.

    Args:
        known: returns the keys of the code base's datasets; called only for a name that the recipe lacks.
    Raises:
        ArgumentError: an unknown name.
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
