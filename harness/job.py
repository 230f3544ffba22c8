"""One request for a table: configuration, recipe, settings, ways of carrying it out, and all that follows from them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

from harness import added, environments, losses, plan, printed, recipes
from harness.config import Config
from harness.datafiles import Dataset
from harness.execution import Execution, Observer
from harness.executors.local import LocalExecutor
from harness.files import sha256_bytes
from harness.gitcommand import run_git
from harness.machine import describe_machine
from harness.plan import Run, Settings
from harness.preparation import Workshop
from harness.recipes import Recipe
from harness.records import Published, RunResult
from harness.store import Store

DEMONSTRATION = "demonstration"
LONGEST_NAME = 100


@dataclass(frozen=True)
class Ways:
    """How runs are carried out; nothing here changes a table.

    Attributes:
        jobs: runs at a time.
        environment: `venv`, `inherit`, or "" for what harness.toml says.
        python: interpreter to inherit, or to make environments with.
        making: is told before something that takes minutes begins.
    """

    jobs: int = 1
    timeout_s: float = 172_800
    environment: str = ""
    python: str = sys.executable
    retry_failed: bool = False
    making: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Job:
    """One request for a table: configuration, recipe, settings, and all that follows from them."""

    config: Config
    name: str
    settings: Settings
    ways: Ways = field(default_factory=Ways)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe asked for, with the losses that the command line adds.

        Raises:
            HarnessError: a mistake in the recipe or in a loss; nothing was fetched or made yet.
        """
        recipe = recipes.load(self.config.root, self.name, self.config.file.aliases)
        if not self.settings.losses:
            return recipe
        upstream, catalogue = self.config.upstream(recipe.upstream), losses.load(self.config)
        return added.extended(recipe, upstream, catalogue, self.settings.losses, self.settings.where)

    @cached_property
    def data(self) -> dict[str, Dataset]:
        """The recipe's datasets."""
        return recipes.datasets(self.config.root, self.recipe)

    @cached_property
    def published(self) -> tuple[Published, ...]:
        """The paper's numbers."""
        return printed.published(self.config.root, self.recipe)

    @cached_property
    def workshop(self) -> Workshop:
        """Makes what runs need."""
        config, ways = self.config, self.ways
        request = environments.Request(
            name=self.recipe.environment,
            environment=config.environment(self.recipe.environment),
            device=self.settings.device,
            root=config.root,
            cache=config.cache,
            pip_args=config.pip_args,
            base_env=config.base_env,
            kind=ways.environment,
            python=ways.python,
        )
        return Workshop(config, self.recipe, request, self.settings.threads, ways.timeout_s, ways.making)

    @cached_property
    def runs(self) -> list[Run]:
        """The planned runs."""
        return plan.runs(self.recipe, self.data, self.workshop.pinned, self.settings)

    @cached_property
    def store(self) -> Store:
        """Where records lie; those of a demonstration by themselves, so that they never pass for results."""
        folder = self.config.results / DEMONSTRATION if self.recipe.demonstration else self.config.results
        return Store(folder, self.config.cache)

    def execution(self, observer: Observer) -> Execution:
        """What carries out the runs of this job."""
        seen: dict[str, Any] = {}

        def resolved() -> Mapping[str, Any]:
            if not seen:
                python, base_env = self.workshop.python, self.config.base_env
                seen.update(describe_machine(python, base_env, self.settings.device), harness=own_version(self.config))
            return seen

        return Execution(
            self.store,
            self.workshop,
            self.data,
            LocalExecutor(),
            self.ways.jobs,
            resolved,
            observer,
            self.ways.retry_failed,
        )

    def results(self, execution: Execution | None = None) -> list[RunResult]:
        """What the store holds of the planned runs; gaps of this execution are told as such."""
        known = execution.found if execution else {}
        found = [self.store.result(run, known.get(run.key)) for run in self.runs]
        gaps = execution.gaps if execution else {}
        return [
            r
            if r.key not in gaps
            else RunResult(r.key, r.dataset, r.system, r.seed, "missing", str(gaps[r.key]).splitlines()[0])
            for r in found
        ]

    @property
    def variant(self) -> str:
        """What tells this table's files apart from those of the same artifact with other settings."""
        settings = self.settings
        parts = [f"{key}={'+'.join(values)}" for key, values in sorted(settings.where.items())]
        parts += [f"loss={name}" for name in added.names(self.recipe, digits=8, between="+")]
        parts += [f"profile={settings.profile}"] if settings.profile else []
        parts += [f"{key}={value}" for key, value in sorted(settings.options.items())]
        asked = settings.seeds if settings.seeds != self.recipe.seeds else None
        parts += [f"seeds={'+'.join(map(str, asked))}"] if asked else []
        parts += [settings.device] if settings.device != "cpu" else []
        parts += [f"threads={settings.threads}"] if settings.threads != self.config.file.local.threads else []
        parts += [self.ways.environment] if self.ways.environment else []
        name = ",".join(parts).replace("/", "-") or "full"
        digits = sha256_bytes(name.encode())[:8]  # a folder's name has 255 bytes at most: many seeds are too long
        return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]},{digits}"


def own_version(config: Config) -> dict[str, Any]:
    """The harness's own version, commit and whether its work tree was changed."""
    commit = run_git(config.root, "rev-parse", "HEAD")
    code = ("harness", "patches", "recipes", "dockerfiles", "harness.toml")
    dirty = run_git(config.root, "status", "--porcelain", "--", *code)
    return {
        "version": version("seqrec-harness"),
        "commit": commit.text if commit.status == 0 else None,
        "dirty": bool(dirty.text) if dirty.status == 0 else None,
    }
