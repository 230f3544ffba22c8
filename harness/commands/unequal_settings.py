"""Rows for findings: settings that differ between the compared systems of a paper, from its recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.core.config import Config
from harness.findings.own_runs import SettingRow
from harness.recipes import recipe as recipes
from harness.recipes import selection
from harness.recipes.criteria import ClaimText
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Settings
from harness.recipes.systems import System

Values = tuple[str, str]


def setting_rows(config: Config) -> Iterator[SettingRow]:
    """One row for each setting that differs between the two systems of a claim, for all recipes of a paper.

    Settings are the options that both systems' commands have.
    """
    for name in recipes.artifacts(config.root):
        recipe = recipes.load_recipe(config.root, name, {})
        if recipe.published and not recipe.demonstration:
            labels = {key: data.label for key, data in recipes.load_datasets(config.root, recipe).items()}
            rows = (row for claim in recipe.claims for row in of_claim(recipe, claim, labels))
            yield from dict.fromkeys(rows)  # claims on several metrics name the same systems


def of_claim(recipe: Recipe, claim: ClaimText, labels: Mapping[str, str]) -> Iterator[SettingRow]:
    """The rows of one claim, datasets with the same two values together; `labels` are those of the datasets."""
    found: dict[tuple[str, Values], list[str]] = {}
    for dataset in claim.datasets or recipe.datasets:
        for place in differences(recipe, dataset, recipe.systems[claim.better], recipe.systems[claim.worse]):
            found.setdefault(place, []).append(labels[dataset])
    systems = (recipe.systems[claim.better].label, recipe.systems[claim.worse].label)
    for (setting, values), datasets in found.items():
        everywhere = len(datasets) == len(recipe.datasets)
        where = "all datasets" if everywhere else ", ".join(datasets)
        yield SettingRow(recipe.published.partition("#")[0], recipe.artifact, where, systems, setting, values)


def differences(recipe: Recipe, dataset: str, better: System, worse: System) -> Iterator[tuple[str, Values]]:
    """Each setting of which two systems have different values on a dataset, with both."""
    one, other = (taken(recipe, dataset, system) for system in (better, worse))
    for name in sorted(one.keys() & other.keys()):
        if one[name] != other[name]:
            yield name, (one[name], other[name])


def taken(recipe: Recipe, dataset: str, system: System) -> dict[str, str]:
    """The options that a system's command takes, with their values."""
    command = " ".join((*(system.command or recipe.command), *system.arguments))
    values = selection.options(recipe, Settings(), dataset, system)
    return {name: str(value) for name, value in values.items() if f"{{{name}}}" in command}
