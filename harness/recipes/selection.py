"""The selection of the command line: datasets, systems, seeds, profile, option values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.errors import ArgumentError, near_misses
from harness.recipes.recipe import Recipe
from harness.recipes.systems import AddedSystem, Scalar, System

Where = Mapping[str, Sequence[str]]
MOST_SEEDS = 1000  # of one range: a longer one is a typing error


@dataclass(frozen=True)
class Settings:
    """The command line's settings of a table.

    Attributes:
        where: allowed values by filter key (dataset, system, model, loss).
        seeds: None for the recipe's own.
        pretrain: epochs of a local pre-training, None for the dataset's weights.
        options: values of --set.
        losses: added losses, as written: gbce:k=256 or mine.py:my_loss.
        metrics: of the table; () for those of the recipe.
    """

    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: tuple[int, ...] | None = None
    profile: str = ""
    pretrain: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    device: str = "cpu"
    threads: int = 1
    metrics: tuple[str, ...] = ()


def options(recipe: Recipe, settings: Settings, dataset: str = "", system: System | None = None) -> dict[str, Scalar]:
    """Option values: the recipe's, changed by dataset, system, profile, then --set.

    Args:
        dataset, system: a cell; "" and None for the values without changes by a cell.
    Raises:
        ArgumentError: unknown profile or option, or a value of another type.
    """
    if settings.profile and settings.profile not in recipe.profiles:
        raise ArgumentError(
            "--profile", f"unknown profile {settings.profile!r}", near_misses(settings.profile, recipe.profiles)
        )
    values = {**recipe.options, **recipe.dataset_options.get(dataset, {}), **(system.options if system else {})}
    values |= recipe.profiles.get(settings.profile, {})
    for name, text in settings.options.items():
        if name not in values:
            raise ArgumentError("--set", f"unknown option {name!r}", near_misses(name, values))
        kind = type(recipe.options[name])
        try:
            values[name] = allowed(kind(text), recipe.options[name])
        except ValueError as error:
            raise ArgumentError(
                "--set", f"{name}={text!r} is not of type {kind.__name__}", f"its default is {recipe.options[name]}"
            ) from error
    return values


def allowed(value: Scalar, default: Scalar) -> Scalar:
    """The value of an option; a whole number must be 1 or more, or 0 if the default is 0. ValueError otherwise."""
    if isinstance(value, int) and value < (0 if default == 0 else 1):
        raise ValueError(value)
    return value


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds of a text: `42,43` and ranges such as `42-46`, which include both ends.

    Raises:
        ArgumentError: an invalid or duplicate seed.
    """
    fix = "write --seeds 42,43,44 or --seeds 42-46"
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if found is None:
            raise ArgumentError("--seeds", f"{part.strip()!r} is neither a seed nor a range", fix)
        first, last = int(found.group(1)), int(found.group(2) or found.group(1))
        if not first <= last < first + MOST_SEEDS:
            raise ArgumentError("--seeds", f"{part.strip()!r} is not a range of at most {MOST_SEEDS} seeds", fix)
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise ArgumentError("--seeds", f"{text!r} has a duplicate seed", fix)
    return tuple(seeds)


def known_names(recipe: Recipe) -> dict[str, list[str]]:
    """The allowed values of filters, by filter key."""
    found = {
        "dataset": set(recipe.datasets),
        "system": set(recipe.systems),
        "model": {system.model for system in recipe.systems.values()},
        "loss": {system.loss for system in recipe.systems.values()},
    }
    return {key: sorted(names) for key, names in found.items()}


def respelled(recipe: Recipe, where: Where) -> dict[str, tuple[str, ...]]:
    """Filters with the recipe's spelling of names, ignoring case; unknown names are unchanged."""
    spelling = {key: {name.casefold(): name for name in names} for key, names in known_names(recipe).items()}
    return {
        key: tuple(
            value if value in spelling.get(key, {}).values() else spelling.get(key, {}).get(value.casefold(), value)
            for value in values
        )
        for key, values in where.items()
    }


def check_where(recipe: Recipe, where: Where) -> None:
    """Refuse filters with unknown keys or values.

    Raises:
        ArgumentError: unknown key or value.
    """
    known = known_names(recipe)
    for key, values in where.items():
        if key not in known:
            raise ArgumentError("--where", f"unknown key {key!r}", near_misses(key, known))
        for value in values:
            if value not in known[key]:
                raise ArgumentError("--where", f"unknown {key} {value!r}", near_misses(value, known[key]))


def systems(recipe: Recipe, where: Where) -> dict[str, System]:
    """The selected systems with floors and added ones, in the recipe's order.

    Raises:
        ArgumentError: unknown filter, or no system left.
    """
    check_where(recipe, where)

    def is_wanted(name: str, system: System) -> bool:
        facts = {"system": name, "model": system.model, "loss": system.loss}
        return isinstance(system, AddedSystem) or all(facts[k] in v for k, v in where.items() if k in facts)

    asked = {name for name, system in recipe.systems.items() if is_wanted(name, system)}
    if not asked:
        raise ArgumentError("--where", "no system matches", "relax the filter")
    return {name: system for name, system in recipe.systems.items() if name in asked or system.floor}
