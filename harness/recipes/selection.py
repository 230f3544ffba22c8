"""What the command line asks of a recipe: datasets, systems, seeds, profile, option values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.errors import ArgumentError, near_misses
from harness.recipes.recipe import Recipe
from harness.recipes.systems import AddedSystem, Scalar, System

Where = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Settings:
    """What the command line says about a table.

    Attributes:
        where: allowed values by filter key (dataset, system, model, loss).
        seeds: None for the recipe's own.
        pretrain: epochs of a pre-training of one's own, None for the weights that a dataset comes with.
        options: option values that were set by hand.
        losses: what to put in place of the recipe's losses, as written: gbce:k=256 or mine.py:my_loss.
    """

    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seeds: tuple[int, ...] | None = None
    profile: str = ""
    pretrain: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    device: str = "cpu"
    threads: int = 1


def options(recipe: Recipe, settings: Settings, dataset: str = "", system: System | None = None) -> dict[str, Scalar]:
    """Option values: the recipe's, changed by the dataset, the system, the profile, then by hand.

    Args:
        dataset, system: a cell; "" and None for the values that no cell changes.
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
                "--set", f"{name}={text!r} is no {kind.__name__}", f"its default is {recipe.options[name]}"
            ) from error
    return values


def allowed(value: Scalar, default: Scalar) -> Scalar:
    """The value of an option; a whole number must be 1 or more, or 0 where the default is. ValueError otherwise."""
    if isinstance(value, int) and value < (0 if default == 0 else 1):
        raise ValueError(value)
    return value


def check_where(recipe: Recipe, where: Where) -> None:
    """Refuse filters that name nothing.

    Raises:
        ArgumentError: unknown key or value.
    """
    models, losses = {s.model for s in recipe.systems.values()}, {s.loss for s in recipe.systems.values()}
    known = {"dataset": set(recipe.datasets), "system": set(recipe.systems), "model": models, "loss": losses}
    for key, values in where.items():
        if key not in known:
            raise ArgumentError("--where", f"unknown key {key!r}", near_misses(key, known))
        for value in values:
            if value not in known[key]:
                raise ArgumentError("--where", f"unknown {key} {value!r}", near_misses(value, known[key]))


def systems(recipe: Recipe, where: Where) -> dict[str, System]:
    """The systems asked for, floors and added ones always among them, in the recipe's order.

    Raises:
        ArgumentError: unknown filter, or nothing left.
    """
    check_where(recipe, where)

    def is_wanted(name: str, system: System) -> bool:
        facts = {"system": name, "model": system.model, "loss": system.loss}
        return isinstance(system, AddedSystem) or all(facts[k] in v for k, v in where.items() if k in facts)

    asked = {name for name, system in recipe.systems.items() if is_wanted(name, system)}
    if not asked:
        raise ArgumentError("--where", "no system is left", "loosen the filter")
    return {name: system for name, system in recipe.systems.items() if name in asked or system.floor}
