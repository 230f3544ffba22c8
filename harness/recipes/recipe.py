"""Recipes and datasets: YAML files as typed values; all mistakes in a file are reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo, field_validator

from harness.core.errors import RecipeError, near_misses
from harness.core.project_folders import find, matches
from harness.core.results import Claim, TrainingFact
from harness.core.schema import Strict
from harness.core.yaml_files import parse
from harness.recipes import loss_catalogue, protocol
from harness.recipes.checkpoints import Checkpoint, Pretraining, Released
from harness.recipes.criteria import ClaimText, Correction, Criteria, Margin, opposites
from harness.recipes.datasets import Dataset, defined
from harness.recipes.systems import VARIABLES, AddedSystem, Scalar, System, faulty_variables, lacking, words_of


class Recipe(Strict):
    """The cells of an artifact and how each is run.

    Attributes:
        protocol: how its systems are ranked, see `recipes.protocol`.
        protocols: of further views of the ranks, by the prefix of their metrics.
        options: variables of the command that `--set` may change, with their defaults.
        dataset_options: defaults that differ on a dataset; those of a system have priority.
        profiles: named changes of options.
        devices: further arguments by device.
        checkpoints: weights that authors released, for systems that load one; by default the datasets' own.
        pretraining: how to train such weights instead, on request.
        own_loss: systems whose loss the command line may replace.
        published: `paper#artifact` in recipes/papers, "" for none; verdicts on values compare with these.
        published_in: the table's name for the source of those numbers.
        beside: further published numbers for reference, by the table's name for their source.
        training: facts of trainings that the table shows with the paper's: `minutes` until the best epoch, `seconds` of
            the whole training, both as the upstream reports them, `best epoch`.
        prefix: whether a shorter training equals the beginning of a longer one: no schedule depends on the length.
        demonstration: it shows how the harness works and is not about a paper.
    """

    artifact: str
    title: str
    upstream: str
    environment: str
    protocol: dict[str, str]
    protocols: dict[str, dict[str, str]] = {}
    metrics: tuple[str, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    options: dict[str, Scalar] = {}
    profiles: dict[str, dict[str, Scalar]] = {}
    dataset_options: dict[str, dict[str, Scalar]] = {}
    systems: dict[str, System]
    command: tuple[str, ...]
    devices: dict[str, tuple[str, ...]] = {"cpu": (), "cuda": ()}
    checkpoints: Released | None = None
    pretraining: Pretraining | None = None
    epoch_cap: str = "epochs"
    prefix: bool = True
    claims: tuple[ClaimText, ...] = ()
    own_loss: tuple[str, ...] = ()
    margin: Margin = Margin(relative=0.05)
    correction: Correction = Correction()
    published: str = ""
    published_in: str = "paper"
    beside: dict[str, str] = {}
    training: tuple[TrainingFact, ...] = ()
    demonstration: bool = False

    @field_validator("metrics", "seeds", "datasets", "systems", "command", "training")
    @classmethod
    def nonempty_unique(cls, values: Sized, info: ValidationInfo) -> Sized:
        """Refuse empty lists and duplicates, which would count twice in a mean."""
        if not values:
            raise ValueError("is empty")
        rows = values if isinstance(values, tuple) and info.field_name != "command" else ()
        if twice := sorted({str(v) for v in rows if rows.count(v) > 1}):
            raise ValueError(f"{', '.join(twice)} is a duplicate")
        return values

    @field_validator("protocol")
    @classmethod
    def protocol_is_known(cls, stated: dict[str, str]) -> dict[str, str]:
        """Refuse values that cannot be compared with the protocol that ranks report."""
        raise_all(protocol.faults(stated))
        return stated

    @field_validator("protocols")
    @classmethod
    def protocols_are_known(cls, stated: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        """The same of every further view."""
        raise_all(f"{view}: {fault}" for view, words in stated.items() for fault in protocol.faults(words))
        return stated

    @field_validator("metrics")
    @classmethod
    def views_have_protocols(cls, metrics: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse a metric of another view of the ranks, such as sampled-HIT@10, without a stated protocol."""
        raise_all(protocol.metric_faults(metrics, info.data.get("protocol", {}), info.data.get("protocols", {})))
        return metrics

    @field_validator("options")
    @classmethod
    def options_are_new_names(cls, options: dict[str, Scalar]) -> dict[str, Scalar]:
        """Refuse options that would hide a variable, such as the seed of a record."""
        raise_all(f"{name!r} is filled in by the harness" for name in options if name in VARIABLES)
        return options

    @field_validator("profiles", "dataset_options", "systems")
    @classmethod
    def set_options_exist(cls, groups: dict[str, Any], info: ValidationInfo) -> Any:
        """Refuse profiles, datasets and systems that set an unknown option."""
        options = info.data.get("options", {})
        raise_all(
            f"{group}: unknown option {name!r} ({near_misses(name, options)})"
            for group, values in groups.items()
            for name in (values.options if isinstance(values, System) else values)
            if name not in options
        )
        return groups

    @field_validator("dataset_options")
    @classmethod
    def datasets_with_options_exist(cls, groups: dict[str, Any], info: ValidationInfo) -> Any:
        """Refuse options for datasets that the recipe does not have."""
        datasets = info.data.get("datasets", ())
        raise_all(
            f"unknown dataset {name!r} ({near_misses(name, datasets)})" for name in groups if name not in datasets
        )
        return groups

    @field_validator("systems", "command", "devices")
    @classmethod
    def variables_exist(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse unknown variables in commands, and options of losses that no command passes on."""
        variables = {*VARIABLES, *info.data.get("options", {})}
        faults = [text for word in words_of(value) for text in faulty_variables(word, variables)]
        faults += option_faults(value, info.context) if info.field_name == "systems" else ()
        systems = info.data.get("systems", {}) if info.field_name == "command" else {}
        faults += [
            f"{key} has loss_options, and no word of its command has {{loss_options}}"
            for key, system in systems.items()
            if system.loss_options and lacking(system, value, ["loss_options"])
        ]
        faults += [  # else all seeds would share one key and one record
            f"{key} is seeded, and no word of its command has {{seed}}; if it is deterministic, write `seeded: false`"
            for key, system in systems.items()
            if system.seeded and lacking(system, value, ["seed"])
        ]
        raise_all(faults)
        return value

    @field_validator("claims")
    @classmethod
    def claims_are_about_systems(cls, claims: tuple[ClaimText, ...], info: ValidationInfo) -> tuple[ClaimText, ...]:
        """Refuse claims about unknown systems, metrics or datasets; checked after systems and metrics are valid."""
        systems, metrics = info.data.get("systems"), info.data.get("metrics")
        names = [n for c in claims for n in (c.better, c.worse)] if systems is not None else []
        faults = [f"unknown system {n!r} ({near_misses(n, systems or ())})" for n in names if n not in (systems or ())]
        used = [m for c in claims for m in c.metrics] if metrics is not None else []
        faults += [f"unknown metric {m!r} ({near_misses(m, metrics or ())})" for m in used if m not in (metrics or ())]
        known = info.data.get("datasets")
        about = [d for c in claims for d in c.datasets] if known is not None else []
        faults += [f"unknown dataset {d!r} ({near_misses(d, known or ())})" for d in about if d not in (known or ())]
        raise_all((*faults, *opposites(claims, metrics or (), known or ())))
        return claims

    @field_validator("checkpoints")
    @classmethod
    def checkpoints_fit_cells(cls, checkpoints: Released | None, info: ValidationInfo) -> Released | None:
        """Refuse weights for cells that the recipe does not have, and cells without the weights that they load."""
        if checkpoints and "systems" in info.data and "datasets" in info.data:
            raise_all(checkpoints.faults(info.data["datasets"], info.data["systems"]))
        return checkpoints

    @field_validator("own_loss")
    @classmethod
    def own_losses_have_a_place(cls, hosts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse hosts that are unknown, do not train or have no loss in their command, and two hosts of one model."""
        systems, command = info.data.get("systems"), info.data.get("command")
        if systems is None or command is None:
            return hosts
        known = [key for key in hosts if key in systems]
        faults = [f"unknown system {key!r} ({near_misses(key, systems)})" for key in hosts if key not in systems]
        faults += [f"{key} does not train" for key in known if not systems[key].proven_loss]
        for key in known:
            lacks = lacking(systems[key], command, ("loss", "loss_options"))
            faults += [f"{key}: no word of its command has {' and '.join(lacks)}"] if lacks else []
        models = [systems[key].model for key in known]
        faults += [f"{model} is a duplicate" for model in models if models.count(model) > 1]
        raise_all(faults)
        return hosts

    @property
    def criteria(self) -> Criteria:
        """The criteria of verdicts."""
        return Criteria.model_validate({name: getattr(self, name) for name in Criteria.model_fields})

    def claim_list(self) -> tuple[Claim, ...]:
        """The claims, one for each metric."""
        return tuple(
            Claim(c.better, c.worse, m, datasets=c.datasets) for c in self.claims for m in c.metrics or self.metrics
        )

    def checkpoint(self, dataset: str, key: str, own: Checkpoint | None) -> Checkpoint | None:
        """The weights that a system loads on a dataset, or None; `own` are the dataset's own."""
        system = self.systems[key]
        if not system.checkpoint:
            return None
        cell = system.host if isinstance(system, AddedSystem) else key
        return self.checkpoints.files[dataset][cell] if self.checkpoints else own

    @property
    def n_tests(self) -> int:
        """Number of tests of the declared family; if each dataset is a family, of the largest."""
        counts = [self.n_tests_on(dataset) for dataset in self.datasets]
        return sum(counts) if self.correction.family == "artifact" else max(counts)

    def n_tests_on(self, dataset: str) -> int:
        """Number of claims on a dataset, each metric counted."""
        return sum(claim.is_about(dataset) for claim in self.claim_list())


def raise_all(faults: Iterable[str]) -> None:
    """Raise all faults of a value, each once."""
    if found := "; ".join(dict.fromkeys(faults)):
        raise ValueError(found)


def option_faults(systems: Mapping[str, System], context: Any) -> Iterator[str]:
    """The faults of the options of systems' losses.

    Args:
        context: function that reads the catalogue, such as `losses`; None to skip.
    """
    if context and any(system.loss_options for system in systems.values()):
        catalogue = context["losses"]()
        for key, system in systems.items():
            if system.loss_options:
                yield from (f"{key}: {fault}" for fault in catalogue.faults(system.loss, system.loss_options))


def artifacts(root: Path) -> list[str]:
    """Names of all artifacts that have a recipe; without tables that only count files."""
    paths = [p for p in matches(root, "recipes/*/*.yaml") if "." not in p.stem]
    return sorted(f"{p.parent.name}/{p.stem}" for p in paths if p.parent.name not in ("papers", "data"))


def only_counts(root: Path, artifact: str) -> bool:
    """Whether this artifact is a table of dataset sizes: it counts files and has no runs."""
    return find(root, f"recipes/{artifact}.counts.yaml").is_file()


def load_recipe(root: Path, name: str, aliases: Mapping[str, str]) -> Recipe:
    """The recipe of an artifact or of an alias for one.

    Raises:
        RecipeError: unknown, or with mistakes.
    """
    artifact = aliases.get(name, name)
    path = find(root, f"recipes/{artifact}.yaml")
    if only_counts(root, artifact):
        raise RecipeError(
            name, "this table counts data files and has no runs", f"`harness reproduce {name}` counts them"
        )
    if find(root, f"recipes/{artifact}.joined.yaml").is_file():
        what = "joins the tables of other recipes and has no own runs"
        raise RecipeError(name, what, f"`harness reproduce {name}` runs its parts")
    if artifact not in artifacts(root):
        raise RecipeError(name, "unknown artifact", near_misses(name, [*artifacts(root), *aliases]))
    recipe = parse(path, Recipe, {"losses": lambda: loss_catalogue.read(root)})
    if recipe.artifact != artifact:
        raise RecipeError(str(path), f"artifact: is {recipe.artifact!r}, its path says {artifact!r}", "make them equal")
    return recipe


def load_datasets(root: Path, recipe: Recipe) -> dict[str, Dataset]:
    """The datasets of a recipe, in its order.

    Raises:
        RecipeError: one that is not defined, or a file with mistakes.
    """
    known = defined(root, recipe.upstream)
    if unknown := [name for name in recipe.datasets if name not in known]:
        where = f"recipes/{recipe.artifact}.yaml: datasets"
        what = f"unknown dataset {', '.join(map(repr, unknown))}"
        raise RecipeError(where, what, near_misses(unknown[0], known))
    return {name: known[name] for name in recipe.datasets}
