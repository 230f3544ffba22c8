"""The steps of `reproduce`, `plan` and `status`, in order; each step is a module of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import added, drawn, environments, losses, plan, printed, recipes, render, tables
from harness.config import Config
from harness.errors import ArgumentError, near_misses
from harness.execution import Execution, Observer
from harness.executors.local import LocalExecutor
from harness.files import sha256_bytes
from harness.gitcommand import run_git
from harness.machine import describe_machine
from harness.plan import Run, Settings
from harness.preparation import Workshop
from harness.recipes import Dataset, Recipe
from harness.records import Published, RunResult
from harness.store import Record, Store
from harness.tables import DatasetSpec, SystemSpec, Table, TableSpec
from harness.verdicts import judge

DEMONSTRATION = "demonstration"
FIGURES = "figures"
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


def reproduce(job: Job, observer: Observer) -> tuple[list[RunResult], Execution]:
    """Carry out what the store lacks and return every run of the table as it then stands.

    Raises:
        HarnessError: what stops all runs; finished ones are in the store.
    """
    tables.build(table_spec(job), [], job.published)  # a mistake in metrics or published numbers is told at once
    execution = job.execution(observer)
    execution.carry_out(job.runs)
    return job.results(execution), execution


def find_record(config: Config, key: str) -> Record:
    """The record whose key starts with `key`, also among those of demonstrations.

    Raises:
        StoreError: none, or several.
    """
    if not re.fullmatch("[0-9a-f]+", key):
        raise ArgumentError("KEY", f"{key!r} is no run's key", "`harness status ARTIFACT` lists keys")
    shown = Store(config.results / DEMONSTRATION, config.cache)
    if not any((config.results / "runs").glob(f"{key}*")) and any((shown.results / "runs").glob(f"{key}*")):
        return shown.find(key)
    return Store(config.results, config.cache).find(key)


def report(job: Job, results: Sequence[RunResult]) -> Table:
    """The judged table of these runs."""
    return judge(tables.build(table_spec(job), results, job.published))


def table_spec(job: Job) -> TableSpec:
    """What the table has to show: the part of the recipe that was asked for, and the signature of its numbers."""
    recipe, settings = job.recipe, job.settings
    chosen = plan.systems(recipe, settings.where)
    names = list(dict.fromkeys(run.dataset for run in job.runs))
    return TableSpec(
        artifact=recipe.artifact,
        title=recipe.title,
        metrics=recipe.metrics,
        datasets=tuple(DatasetSpec(name, job.data[name].label, job.data[name].users) for name in names),
        systems=tuple(
            SystemSpec(key, s.label, s.floor, s.published.text if s.published else "") for key, s in chosen.items()
        ),
        claims=(
            *(c for c in recipe.claim_list() if c.better in chosen and c.worse in chosen),
            *added.comparisons(chosen, recipe.metrics),
        ),
        footnotes=added.footnotes(recipe),
        margin_relative=recipe.margin.relative,
        margin_absolute=recipe.margin.absolute,
        published_in=recipe.published_in,
        beside=tuple(recipe.beside),
        correction=recipe.correction.method,
        by_dataset=recipe.correction.family == "dataset",
        n_family=recipe.n_tests,
        seeds=settings.seeds or recipe.seeds,
        signature=signature(job),
        changed=tuple(
            f"{name} {plan.options(recipe, settings)[name]} (recipe: {recipe.options[name]})"
            for name in sorted(settings.options)
        ),
        demonstration=recipe.demonstration,
    )


def signature(job: Job) -> dict[str, str]:
    """What every number of a table depends on, in the manner of sacreBLEU."""
    recipe, settings, values = job.recipe, job.settings, plan.options(job.recipe, job.settings)
    facts = {"upstream": f"{recipe.upstream}@{job.workshop.pinned.commit[:12]}", **recipe.protocol}
    facts["environment"] = (
        job.recipe.environment if not job.ways.environment else f"{recipe.environment} ({job.ways.environment})"
    )
    if recipe.checkpoints:
        release = job.config.release(recipe.checkpoints.release)
        facts["checkpoints"] = f"{recipe.checkpoints.release}@{release.commit[:12]}"
    facts |= {"device": settings.device, "threads": str(settings.threads)}
    facts |= {name: str(value) for name, value in values.items()}
    if put_in := added.names(recipe, digits=12, between=" "):
        facts["added"] = ", ".join(put_in)
    if settings.profile:
        facts["profile"] = settings.profile
    return facts | {"harness": version("seqrec-harness")}


def publish(
    job: Job, table: Table, formats: Sequence[str] = render.KEPT, results: Sequence[RunResult] = ()
) -> list[Path]:
    """Write the table in these formats; its files.

    Args:
        formats: those of `render.FORMATS`, and `figures`.
        results: that the table was built from, for its figures.
    Raises:
        ArgumentError: an unknown format. StoreError: the disk is full or not writable.
    """
    if unknown := [name for name in formats if name not in (*render.FORMATS, FIGURES)]:
        known = (*render.FORMATS, FIGURES)
        raise ArgumentError("--format", f"unknown format {unknown[0]!r}", near_misses(unknown[0], known))
    folder = job.store.table_folder(job.recipe.artifact, job.variant)
    texts = render.files(table, [name for name in formats if name != FIGURES])
    files: dict[str, bytes] = {f"table{ending}": text.encode() for ending, text in texts.items()}
    if FIGURES in formats:
        from harness import figures  # matplotlib takes longer to start than a finished table

        drawn_from = drawn.figure_data(table, results, job.store, job.published)
        files |= {f"{FIGURES}/{name}": content for name, content in figures.files(drawn_from).items()}
    job.store.write_table(folder, files)
    return [folder / name for name in files]


def reasons(job: Job, runs: Sequence[Run]) -> dict[str, str]:
    """Why each of these runs must run, in words: never run, failed before, or what changed since a similar record."""
    told = {}
    for run in runs:
        record = job.store.read(run.key)
        if record is not None:
            told[run.key] = f"failed before ({record.reason})"
            continue
        near = [
            plan.changes(r.content["inputs"], run.inputs)
            for r in job.store.relatives(run)
            if r.content["seed"] == run.seed
        ]
        closest = min(near, key=len, default=["never run"])
        told[run.key] = "; ".join(closest)
    return told
