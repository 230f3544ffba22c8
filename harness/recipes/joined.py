"""Joined tables: several recipes side by side, each on a code base of its own; `recipes/<paper>/<name>.joined.yaml`.

The parts are ordinary recipes with runs and keys of their own. Claims are about systems of one part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from harness.core.errors import RecipeError, near_misses
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.criteria import ClaimText
from harness.recipes.recipe import raise_all

SUFFIX = ".joined"


class Part(Strict):
    """A recipe that is joined with others.

    Attributes:
        label: what the table calls its code base.
    """

    recipe: str
    label: str


class Joined(Strict):
    """Which recipes are joined, and what of them is shown.

    Attributes:
        dataset: key of the data set, which every part has; its interactions must be the same.
        view: of the ranks, under one protocol in every part.
        systems: labels by key; every part has them.
        differs: what is not the same in the parts, by what it is and by part.
    """

    artifact: str
    title: str
    dataset: str
    view: str
    metrics: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    parts: dict[str, Part] = Field(min_length=2)
    systems: dict[str, str] = Field(min_length=2)
    claims: tuple[ClaimText, ...] = ()
    differs: dict[str, dict[str, str]] = Field(default_factory=dict)

    @field_validator("claims")
    @classmethod
    def claims_are_about_systems(cls, claims: tuple[ClaimText, ...], info: ValidationInfo) -> tuple[ClaimText, ...]:
        """Refuse claims about what is not shown."""
        systems = info.data.get("systems", {})
        names = [name for claim in claims for name in (claim.better, claim.worse)]
        raise_all(f"unknown system {name!r} ({near_misses(name, systems)})" for name in names if name not in systems)
        return claims

    @field_validator("differs")
    @classmethod
    def every_part_says_how(cls, differs: dict[str, dict[str, str]], info: ValidationInfo) -> Any:
        """Refuse a difference that does not say what holds in each part."""
        parts = list(info.data.get("parts", {}))
        raise_all(
            f"{fact}: says {', '.join(told) or 'nothing'}, expected {', '.join(parts)}"
            for fact, told in differs.items()
            if sorted(told) != sorted(parts)
        )
        return differs

    @property
    def n_tests(self) -> int:
        """How many tests the table has: its claims on every metric in every part."""
        return len(self.parts) * sum(len(claim.metrics or self.metrics) for claim in self.claims)


def is_joined(root: Path, artifact: str) -> bool:
    """Whether this artifact is a joined table."""
    return path_of(root, artifact).is_file()


def path_of(root: Path, artifact: str) -> Path:
    """Where a joined table is described."""
    return root / "recipes" / f"{artifact}{SUFFIX}.yaml"


def load_joined(root: Path, artifact: str) -> Joined:
    """The joined table of this name.

    Raises:
        RecipeError: with mistakes, all of them.
    """
    path = path_of(root, artifact)
    found = parse(path, Joined)
    if found.artifact != artifact:
        raise RecipeError(str(path), f"artifact: is {found.artifact!r}, its path says {artifact!r}", "make them equal")
    return found
