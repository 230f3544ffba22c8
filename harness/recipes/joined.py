"""Joined tables: several recipes side by side, each on another code base; `recipes/<paper>/<name>.joined.yaml`.

The parts are ordinary recipes with their own runs and keys. A claim compares systems of one part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from harness.core.errors import RecipeError, near_misses
from harness.core.project_folders import find
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes.criteria import ClaimText
from harness.recipes.recipe import raise_all

SUFFIX = ".joined"


class Part(Strict):
    """A recipe that is joined with others.

    Attributes:
        label: the name of its code base in the table.
    """

    recipe: str
    label: str


class Joined(Strict):
    """The joined recipes, and the part of them that is shown.

    Attributes:
        dataset: key of the data set, which every part has; its interactions must be the same.
        view: of the ranks, under one protocol in every part.
        systems: labels by key; every part has them.
        differs: facts that differ between the parts, by fact and part.
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
        """Refuse claims about systems or metrics that are not shown."""
        systems = info.data.get("systems", {})
        names = [name for claim in claims for name in (claim.better, claim.worse)]
        raise_all(f"unknown system {name!r} ({near_misses(name, systems)})" for name in names if name not in systems)
        return claims

    @field_validator("differs")
    @classmethod
    def every_part_says_how(cls, differs: dict[str, dict[str, str]], info: ValidationInfo) -> Any:
        """Refuse a difference without a value for each part."""
        parts = list(info.data.get("parts", {}))
        raise_all(
            f"{fact}: says {', '.join(values) or 'nothing'}, expected {', '.join(parts)}"
            for fact, values in differs.items()
            if sorted(values) != sorted(parts)
        )
        return differs

    @property
    def n_tests(self) -> int:
        """Number of tests of the table: its claims on every metric in every part."""
        return len(self.parts) * sum(len(claim.metrics or self.metrics) for claim in self.claims)


def is_joined(root: Path, artifact: str) -> bool:
    """Whether this artifact is a joined table."""
    return path_of(root, artifact).is_file()


def path_of(root: Path, artifact: str) -> Path:
    """The path of a joined table's recipe."""
    return find(root, f"recipes/{artifact}{SUFFIX}.yaml")


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
