"""From a recipe and settings to runs with content keys. Pure: it fetches, creates and runs nothing.

`runs.keys` defines the inputs of a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core.errors import ArgumentError, RecipeError, near_misses
from harness.recipes.checkpoints import Checkpoint
from harness.recipes.datasets import Dataset
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Settings, options, systems
from harness.recipes.systems import AddedSystem, Scalar, System, titled, written
from harness.runs.keys import Pinned, keyed


@dataclass(frozen=True)
class Run:
    """A cell with a seed.

    Attributes:
        key: content key.
        inputs: of the hash; the command in it has $DATA and $OUT for folders, $LOSS for a file with a loss, and
            older names of renamed modules.
        words: the command with current names; that of `inputs` by default.
        modules: SHA-256 by name of the overlay modules that it may load.
        epoch_cap: maximum number of epochs, None if it does not train.
        loss_options: options that its loss must have been computed with, as text.
        host: the system whose loss was replaced, "" for a system of the recipe.
        needs: the run that makes its initial weights, or None.
        gives: the file of weights that it makes for other runs, "" for a run with ranks.
        environment: its name, "" for the recipe's.
        protocol: of the recipe; its ranks must report the same split and ranking.
        also: other system names for the same run; its record may have one of them.
        protocols: of further views of its ranks, by view.
        options: values of the recipe's options in its command; none if its system has its own command.
        profile: name of the requested profile, "" for none.
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
    depends_on: Run | None = None
    produces: str = ""
    environment: str = ""
    protocol: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    protocols: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, Scalar] = field(default_factory=dict)
    profile: str = ""

    @property
    def label(self) -> str:
        """For messages: dataset, system and seed."""
        return f"{self.dataset} {self.system}" + ("" if self.seed is None else f" seed {self.seed}")

    @property
    def command(self) -> tuple[str, ...]:
        """The command with $DATA, $OUT and $LOSS."""
        return self.words or tuple(self.inputs["command"])


def plan_runs(recipe: Recipe, data: Mapping[str, Dataset], pinned: Pinned, settings: Settings) -> list[Run]:
    """All runs of the requested table: datasets × systems × seeds, in the recipe's order.

    Raises:
        ArgumentError: unknown filters, options, profile or device, or a pre-training that the recipe lacks.
        RecipeError: a system needs a checkpoint that a dataset lacks.
    """
    chosen = systems(recipe, settings.where)
    options(recipe, settings)  # their mistakes are reported before anything else
    if settings.device not in recipe.devices:
        raise ArgumentError(
            "--device", f"unknown device {settings.device!r}", near_misses(settings.device, recipe.devices)
        )
    check_pretraining(recipe, settings.pretrain)
    seeds = settings.seeds or recipe.seeds
    names = [n for n in data if n in settings.where.get("dataset", tuple(data))]
    runs = [
        plan_run(recipe, pinned, settings, name, data[name], key, chosen[key], seed)
        for name in names
        for key in chosen
        for seed in (seeds if chosen[key].seeded else (None,))
    ]
    check_seeds(recipe, runs)
    return runs


def check_seeds(recipe: Recipe, runs: Sequence[Run]) -> None:
    """Refuse seeds that make the same run, which would share one record.

    Raises:
        RecipeError: with the system and two of its seeds.
    """
    seen: dict[tuple[str, str, str], int | None] = {}
    for run in runs:
        other = seen.setdefault((run.dataset, run.system, run.key), run.seed)
        if other != run.seed:
            what = f"{run.system}: seeds {other} and {run.seed} make the same command, so the same run"
            raise RecipeError(recipe.artifact, what, "its command needs {seed}, with single braces")


def plan_run(
    recipe: Recipe, pinned: Pinned, settings: Settings, name: str, data: Dataset, key: str, system: System,
    seed: int | None,
) -> Run:  # fmt: skip
    """One cell with a seed."""
    values = options(recipe, settings, name, system)
    stage = pretraining(recipe, pinned, settings, name, data, seed) if system.checkpoint else None
    checkpoint = recipe.checkpoint(name, key, data.checkpoint)
    if stage is not None:
        checkpoint = Checkpoint(path="", name=stage.produces, epochs=settings.pretrain or 0, made_by=stage.key)
    if system.checkpoint and checkpoint is None:  # it would train from scratch under a pre-trained system's name
        fix = "create one with --pretrain EPOCHS" if recipe.pretraining else "give it one in recipes/data"
        what = f"{key} needs a checkpoint, dataset {name} has none"
        raise RecipeError(recipe.artifact, what, f"{fix}, or leave out this dataset or system by --where")
    words = system.command or (*recipe.command, *system.arguments, *recipe.devices[settings.device])
    variables = {
        **command_variables(data, seed), "model": system.model, "loss": system.loss_word,
        "loss_options": written(system.loss_options), "checkpoint": checkpoint.name if checkpoint else "",
        "checkpoint_epochs": checkpoint.epochs if checkpoint else 0, **values,
    }  # fmt: skip
    loaded = {checkpoint.name: checkpoint.content} if checkpoint else {}
    inputs = key_inputs(pinned, settings, data, [word.format(**variables) for word in words], loaded)
    inputs |= {"environment": dict(pinned.environments[system.environment])} if system.environment else {}
    file = system.file if isinstance(system, AddedSystem) else None
    inputs |= {"loss": {file.function: file.sha256}} if file else {}
    cap = values.get(recipe.epoch_cap) if not system.command else None
    return Run(
        **keyed(recipe.artifact, pinned, inputs, file.content.decode("utf-8-sig") if file else ""),
        artifact=recipe.artifact, upstream=recipe.upstream, dataset=name, system=key,
        model=system.model, loss=system.loss, proof=system.proven_loss, seed=seed, users=data.users,
        checkpoint=checkpoint.name if checkpoint else None, epoch_cap=int(cap) if cap is not None else None,
        loss_options={name: str(value) for name, value in system.loss_options.items()},
        host=system.host if isinstance(system, AddedSystem) else "", depends_on=stage, protocol=recipe.protocol,
        protocols=recipe.protocols, environment=system.environment, also=other_names(recipe, key, system),
        options={} if system.command else values, profile=settings.profile,
    )  # fmt: skip


def other_names(recipe: Recipe, key: str, system: System) -> tuple[str, ...]:
    """Other systems of the recipe that are executed like this one, and its name with --loss."""
    same = [other for other, one in recipe.systems.items() if other != key and one.carried_out == system.carried_out]
    return (*same, f"{system.model}/{titled(system.loss, system.loss_options)}")


def command_variables(data: Dataset, seed: int | None) -> dict[str, Scalar | None]:
    """The variables of every command."""
    return {"data": "$DATA", "out": "$OUT", "dataset": data.name, "sequences": data.sequences, "seed": seed}


def key_inputs(
    pinned: Pinned, settings: Settings, data: Dataset, command: list[str], checkpoint: Mapping[str, str]
) -> dict[str, Any]:
    """The inputs of a run's key, without the overlay and a custom loss."""
    return {
        "upstream": pinned.commit,
        **pinned.beside,
        "patches": dict(pinned.patches),
        "environment": dict(pinned.environment),
        "data": {f.name: f.content for f in data.files},
        "checkpoint": dict(checkpoint),
        "command": command,
        "device": settings.device,
        "threads": settings.threads,
    }


def check_pretraining(recipe: Recipe, epochs: int | None) -> None:
    """Refuse a pre-training that the recipe lacks, or one that would save no weights.

    Raises:
        ArgumentError: with the allowed values.
    """
    if epochs is None:
        return
    if recipe.pretraining is None:
        raise ArgumentError("--pretrain", f"{recipe.artifact} has no pre-training", "remove it")
    if epochs < 1 or epochs % recipe.pretraining.every:
        fix = f"give a multiple of {recipe.pretraining.every}: the code base saves weights only after these"
        raise ArgumentError("--pretrain", f"{epochs} epochs would save no weights", fix)


def pretraining(
    recipe: Recipe, pinned: Pinned, settings: Settings, name: str, data: Dataset, seed: int | None
) -> Run | None:
    """The run that makes the weights of this dataset and seed; None if the dataset's own are loaded."""
    stage, epochs = recipe.pretraining, settings.pretrain
    if stage is None or epochs is None:
        return None
    variables = {**command_variables(data, seed), "checkpoint_epochs": epochs}
    gives = stage.produces.format(**variables)
    words = [w.format(**variables, checkpoint=gives) for w in (*stage.command, *recipe.devices[settings.device])]
    inputs = key_inputs(pinned, settings, data, words, {})
    return Run(
        **keyed(recipe.artifact, pinned, inputs), artifact=recipe.artifact, upstream=recipe.upstream, dataset=name,
        system=f"{stage.model}/pretraining", model=stage.model, loss="none", proof="", seed=seed, users=data.users,
        checkpoint=None, epoch_cap=epochs, produces=gives,
    )  # fmt: skip
