"""From a recipe and settings to runs with content keys. Pure: nothing is fetched, made or run here.

`runs.keys` says what a key hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checkpoints import Checkpoint
from harness.datafiles import Dataset
from harness.errors import ArgumentError, RecipeError, near_misses
from harness.recipes import Recipe
from harness.runs.keys import Pinned, keyed
from harness.systems import AddedSystem, Scalar, System, written

FILTERS = ("dataset", "system", "model", "loss")
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


@dataclass(frozen=True)
class Run:
    """A cell with a seed.

    Attributes:
        key: content key.
        inputs: what was hashed; the command in it has $DATA and $OUT for folders, $LOSS for a file with a loss, and
            older names of what was renamed since.
        words: the command with the names of now; that of `inputs` by default.
        modules: SHA-256 by name of the overlay modules that it may load.
        epoch_cap: the most epochs it can train, None if it trains none.
        loss_options: options that its loss must have been computed with, as text.
        host: the system whose loss was replaced, "" for one of the recipe's own.
        needs: the run that makes the weights it starts from, None where nobody has to.
        gives: the file of weights that it makes for others, "" for a run that gives ranks.
    """

    key: str
    artifact: str
    upstream: str
    dataset: str
    system: str
    model: str
    loss: str
    proof: str
    seed: int | None
    users: int
    checkpoint: str | None
    epoch_cap: int | None
    inputs: Mapping[str, Any]
    words: tuple[str, ...] = ()
    modules: Mapping[str, str] = field(default_factory=dict)
    loss_options: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    needs: Run | None = None
    gives: str = ""

    @property
    def label(self) -> str:
        """For messages: dataset, system and seed."""
        return f"{self.dataset} {self.system}" + ("" if self.seed is None else f" seed {self.seed}")

    @property
    def command(self) -> tuple[str, ...]:
        """The command with $DATA, $OUT and $LOSS."""
        return self.words or tuple(self.inputs["command"])


def options(recipe: Recipe, settings: Settings) -> dict[str, Scalar]:
    """Option values: the recipe's, changed by the profile, then by hand.

    Raises:
        ArgumentError: unknown profile or option, or a value of another type.
    """
    if settings.profile and settings.profile not in recipe.profiles:
        raise ArgumentError(
            "--profile", f"unknown profile {settings.profile!r}", near_misses(settings.profile, recipe.profiles)
        )
    values = {**recipe.options, **recipe.profiles.get(settings.profile, {})}
    for name, text in settings.options.items():
        if name not in values:
            raise ArgumentError("--set", f"unknown option {name!r}", near_misses(name, values))
        kind = type(recipe.options[name])
        try:
            values[name] = at_least_one(kind(text))
        except ValueError as error:
            raise ArgumentError(
                "--set", f"{name}={text!r} is no {kind.__name__}", f"its default is {recipe.options[name]}"
            ) from error
    return values


def at_least_one(value: Scalar) -> Scalar:
    """The value of an option; a whole number must be 1 or more. ValueError otherwise."""
    if isinstance(value, int) and value < 1:
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


def runs(recipe: Recipe, data: Mapping[str, Dataset], pinned: Pinned, settings: Settings) -> list[Run]:
    """All runs of the table asked for: datasets × systems × seeds, in the recipe's order.

    Raises:
        ArgumentError: unknown filters, options, profile or device, a pre-training that the recipe does not have.
        RecipeError: a system starts from a checkpoint that a dataset does not have.
    """
    chosen = systems(recipe, settings.where)
    values = options(recipe, settings)
    if settings.device not in recipe.devices:
        raise ArgumentError(
            "--device", f"unknown device {settings.device!r}", near_misses(settings.device, recipe.devices)
        )
    check_pretraining(recipe, settings.pretrain)
    seeds = settings.seeds or recipe.seeds
    names = [n for n in data if n in settings.where.get("dataset", tuple(data))]
    return [
        one_run(recipe, pinned, settings, values, name, data[name], key, chosen[key], seed)
        for name in names
        for key in chosen
        for seed in (seeds if chosen[key].seeded else (None,))
    ]


def one_run(
    recipe: Recipe, pinned: Pinned, settings: Settings, values: Mapping[str, Scalar],
    name: str, data: Dataset, key: str, system: System, seed: int | None,
) -> Run:  # fmt: skip
    """One cell with a seed."""
    stage = pretraining(recipe, pinned, settings, name, data, seed) if system.checkpoint else None
    checkpoint = recipe.checkpoint(name, key, data.checkpoint)
    if stage is not None:
        checkpoint = Checkpoint(path="", name=stage.gives, epochs=settings.pretrain or 0, made_by=stage.key)
    if system.checkpoint and checkpoint is None:  # it would train from nothing under a pre-trained system's name
        fix = "make one with --pretrain EPOCHS" if recipe.pretraining else "give it one in recipes/data"
        what = f"{key} needs a checkpoint, dataset {name} has none"
        raise RecipeError(recipe.artifact, what, f"{fix}, or leave out this dataset")
    words = system.command or (*recipe.command, *system.arguments, *recipe.devices[settings.device])
    variables = {
        **facts(data, seed), "model": system.model, "loss": system.loss_word,
        "loss_options": written(system.loss_options), "checkpoint": checkpoint.name if checkpoint else "",
        "checkpoint_epochs": checkpoint.epochs if checkpoint else 0, **values,
    }  # fmt: skip
    loaded = {checkpoint.name: checkpoint.content} if checkpoint else {}
    inputs = inputs_of(pinned, settings, data, [word.format(**variables) for word in words], loaded)
    file = system.file if isinstance(system, AddedSystem) else None
    inputs |= {"loss": {file.function: file.sha256}} if file else {}
    cap = values.get(recipe.epoch_cap) if not system.command else None
    return Run(
        **keyed(recipe.artifact, pinned, inputs, file.content.decode("utf-8-sig") if file else ""),
        artifact=recipe.artifact, upstream=recipe.upstream, dataset=name, system=key,
        model=system.model, loss=system.loss, proof=system.proven_loss, seed=seed, users=data.users,
        checkpoint=checkpoint.name if checkpoint else None, epoch_cap=int(cap) if cap is not None else None,
        loss_options={name: str(value) for name, value in system.loss_options.items()},
        host=system.host if isinstance(system, AddedSystem) else "", needs=stage,
    )  # fmt: skip


def facts(data: Dataset, seed: int | None) -> dict[str, Scalar | None]:
    """The variables of every command."""
    return {"data": "$DATA", "out": "$OUT", "dataset": data.name, "sequences": data.sequences, "seed": seed}


def inputs_of(
    pinned: Pinned, settings: Settings, data: Dataset, command: list[str], checkpoint: Mapping[str, str]
) -> dict[str, Any]:
    """What a run's key hashes, but for the overlay and a custom loss."""
    return {
        "upstream": pinned.commit,
        "patches": dict(pinned.patches),
        "environment": dict(pinned.environment),
        "data": {f.name: f.content for f in data.files},
        "checkpoint": dict(checkpoint),
        "command": command,
        "device": settings.device,
        "threads": settings.threads,
    }


def check_pretraining(recipe: Recipe, epochs: int | None) -> None:
    """Refuse a pre-training that the recipe does not have, or one that would leave no weights.

    Raises:
        ArgumentError: with what would be possible.
    """
    if epochs is None:
        return
    if recipe.pretraining is None:
        raise ArgumentError("--pretrain", f"{recipe.artifact} has no pre-training", "leave it out")
    if epochs < 1 or epochs % recipe.pretraining.every:
        fix = f"give a multiple of {recipe.pretraining.every}: the code base saves its weights only then"
        raise ArgumentError("--pretrain", f"{epochs} epochs would leave no weights", fix)


def pretraining(
    recipe: Recipe, pinned: Pinned, settings: Settings, name: str, data: Dataset, seed: int | None
) -> Run | None:
    """The run that makes the weights of this dataset and seed; None where those that it comes with are loaded."""
    stage, epochs = recipe.pretraining, settings.pretrain
    if stage is None or epochs is None:
        return None
    variables = {**facts(data, seed), "checkpoint_epochs": epochs}
    gives = stage.gives.format(**variables)
    words = [w.format(**variables, checkpoint=gives) for w in (*stage.command, *recipe.devices[settings.device])]
    inputs = inputs_of(pinned, settings, data, words, {})
    return Run(
        **keyed(recipe.artifact, pinned, inputs), artifact=recipe.artifact, upstream=recipe.upstream, dataset=name,
        system=f"{stage.model}/pretraining", model=stage.model, loss="none", proof="", seed=seed, users=data.users,
        checkpoint=None, epoch_cap=epochs, gives=gives,
    )  # fmt: skip
