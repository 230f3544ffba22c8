"""One request for a table: configuration, recipe, settings and execution options, and values derived from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core.config import Config
from harness.core.files import sha256_bytes
from harness.core.results import Published
from harness.environments import venv
from harness.environments.machine import describe_machine, own_version
from harness.environments.machine_class import class_facts, machine_class
from harness.executors.backends import Backend, DockerBackend, LocalBackend
from harness.executors.options import ExecutionOptions
from harness.recipes import extra_datasets, extra_losses, loss_catalogue
from harness.recipes.datasets import Dataset, defined
from harness.recipes.joined import is_joined
from harness.recipes.papers import significance
from harness.recipes.papers.published import published_numbers, unprinted_metrics
from harness.recipes.recipe import Recipe, load_datasets, load_recipe, only_counts
from harness.recipes.selection import Settings, respelled
from harness.runs import plan
from harness.runs.plan import Run
from harness.runs.runner import Execution, Observer
from harness.runs.store import DEMONSTRATION, Store
from harness.runs.workspace import Workspace

LONGEST_NAME = 100


@dataclass(frozen=True)
class TableRequest:
    """One request for a table; every part is read or planned once, when it is first needed."""

    config: Config
    name: str
    settings: Settings
    execution_options: ExecutionOptions = field(default_factory=ExecutionOptions)

    @property
    def artifact(self) -> str:
        """The artifact of the name or alias."""
        return self.config.file.aliases.get(self.name, self.name)

    @property
    def is_joined(self) -> bool:
        """Whether the artifact joins the tables of several recipes."""
        return is_joined(self.config.root, self.artifact)

    @property
    def only_counts(self) -> bool:
        """Whether the artifact is a table of dataset sizes, which has no runs."""
        return only_counts(self.config.root, self.artifact)

    @cached_property
    def written(self) -> Recipe:
        """The requested recipe without additions.

        Raises:
            RecipeError: unknown, or with mistakes.
        """
        return load_recipe(self.config.root, self.name, self.config.file.aliases)

    @property
    def added_datasets(self) -> tuple[str, ...]:
        """Datasets that the command line adds to the recipe's own."""
        return self.recipe.datasets[len(self.written.datasets) :]

    @cached_property
    def recipe(self) -> Recipe:
        """The requested recipe, with the datasets and losses that the command line adds.

        Raises:
            HarnessError: a mistake in the recipe or in a loss; nothing was fetched or created yet.
        """
        recipe = extra_datasets.with_extra_datasets(
            self.written, self.settings.where, lambda: defined(self.config.root, self.written.upstream)
        )
        if not self.settings.losses:
            return recipe
        upstream, catalogue = self.config.upstream(recipe.upstream), loss_catalogue.load_catalogue(self.config)
        return extra_losses.with_extra_losses(recipe, upstream, catalogue, self.settings.losses, self.settings.where)

    def with_known_spelling(self) -> TableRequest:
        """The same request, its filters in the spelling of the recipe: `dataset=LastFM` means lastfm.

        A request that does not name its artifact yet stays as it is.

        Raises:
            RecipeError: no such artifact, or a recipe with mistakes.
        """
        if not self.name or not self.settings.where or self.is_joined or self.only_counts:
            return self
        recipe = load_recipe(self.config.root, self.name, self.config.file.aliases)
        where = respelled(recipe, self.settings.where)
        return self if where == self.settings.where else replace(self, settings=replace(self.settings, where=where))

    @cached_property
    def data(self) -> dict[str, Dataset]:
        """The recipe's datasets."""
        return load_datasets(self.config.root, self.recipe)

    @cached_property
    def published(self) -> tuple[Published, ...]:
        """The paper's numbers."""
        return published_numbers(self.config.root, self.recipe)

    @property
    def unprinted_metrics(self) -> tuple[str, ...]:
        """Metrics of the recipe without a number in the paper."""
        return () if self.settings.metrics else unprinted_metrics(self.recipe, self.published)

    @cached_property
    def paper_significance(self) -> significance.PaperSignificance:
        """The significance marks of the paper."""
        return significance.paper_significance(self.config.root, self.recipe)

    @property
    def executor(self) -> str:
        """`local` or `docker`."""
        return self.execution_options.executor or self.config.executor

    def backend(self, name: str) -> Backend:
        """The packages of an environment, and the executor of its runs.

        Raises:
            ConfigError: an environment that harness.toml lacks.
        """
        config, options, device = self.config, self.execution_options, self.settings.device
        if self.executor == "docker":
            gpus = options.gpus or ("all" if device == "cuda" else "none")
            return DockerBackend(config, name, device, gpus, self.settings.threads, options.making)
        request = venv.Request(
            name=name,
            environment=config.environment(name),
            device=device,
            root=config.root,
            cache=config.cache,
            pip_args=config.pip_args,
            base_env=config.base_env,
            kind=options.environment,
            python=options.python or sys.executable,
            versions=options.versions,
        )
        return LocalBackend(request, options.making)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that prepares what runs need."""
        recipe, threads, timeout_s = self.recipe, self.settings.threads, self.execution_options.timeout_s
        names = {system.environment for system in recipe.systems.values() if system.environment}
        others = {name: self.backend(name) for name in sorted(names)}
        return Workspace(self.config, recipe, self.backend(recipe.environment), threads, timeout_s, others)

    @cached_property
    def runs(self) -> list[Run]:
        """The planned runs with their content keys; nothing is fetched."""
        return plan.plan_runs(self.recipe, self.data, self.workspace.pinned, self.settings)

    @property
    def folder(self) -> Path:
        """The folder of the table's files."""
        return self.store.table_folder(self.recipe.artifact, self.variant)

    @property
    def stages(self) -> list[Run]:
        """The runs that other runs need first, each once."""
        return list({run.depends_on.key: run.depends_on for run in self.runs if run.depends_on}.values())

    @cached_property
    def store(self) -> Store:
        """The store of records; demonstrations have a separate one, so that they are not mistaken for results."""
        folder = self.config.results / DEMONSTRATION if self.recipe.demonstration else self.config.results
        return Store(folder, self.config.cache)

    def class_facts(self, run: Run) -> dict[str, str]:
        """The facts of a run's machine class; builds an image if needed."""
        image = None if self.executor == "local" else self.workspace.backend_of(run).facts.get("image")
        digest = str(image["id"]) if isinstance(image, dict) else ""
        return class_facts(self.config.base_env, self.settings.device, self.executor, digest)

    def execution(self, observer: Observer, allowed: Callable[[Run], float] = lambda _: math.inf) -> Execution:
        """The execution of this request's runs.

        Args:
            allowed: seconds that a run may take if it starts now, 0 if it must not start.
        """
        seen: dict[str, dict[str, Any]] = {}

        def resolved(run: Run) -> Mapping[str, Any]:
            if run.environment not in seen:
                machine = describe_machine(self.config.base_env, self.settings.device)
                facts = {**self.workspace.backend_of(run).facts, **machine, "harness": own_version(self.config)}
                seen[run.environment] = {**facts, "class": machine_class(self.class_facts(run))}
            return seen[run.environment]

        return Execution(
            self.store,
            self.workspace,
            self.data,
            self.execution_options.jobs,
            resolved,
            observer,
            self.execution_options.retry_failed,
            allowed,
        )

    @property
    def variant(self) -> str:
        """The suffix that separates this table's files from those of the artifact with other settings."""
        settings = self.settings
        parts = [f"{key}={'+'.join(values)}" for key, values in sorted(settings.where.items())]
        parts += [f"loss={name}" for name in extra_losses.names(self.recipe, digits=8, between="+")]
        parts += [f"profile={settings.profile}"] if settings.profile else []
        parts += [f"pretrain={settings.pretrain}"] if settings.pretrain is not None else []
        parts += [f"{key}={value}" for key, value in sorted(settings.options.items())]
        asked = settings.seeds if settings.seeds != self.recipe.seeds else None
        parts += [f"seeds={'+'.join(map(str, asked))}"] if asked else []
        parts += [f"metrics={'+'.join(settings.metrics)}"] if settings.metrics else []
        parts += [settings.device] if settings.device != "cpu" else []
        parts += [f"threads={settings.threads}"] if settings.threads != self.config.file.local.threads else []
        parts += [self.execution_options.environment] if self.execution_options.environment else []
        parts += [self.executor] if self.executor != "local" else []
        name = ",".join(parts).replace("/", "-") or "full"
        digits = sha256_bytes(name.encode())[:8]  # a folder's name has 255 bytes at most: many seeds are too long
        return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]},{digits}"
