"""The steps of `reproduce`, `plan` and `status`, in order; each step is a module of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from harness import added, drawn, plan, render, tables
from harness.changes import changes
from harness.config import Config
from harness.errors import ArgumentError, near_misses
from harness.execution import Execution, Observer
from harness.job import DEMONSTRATION, Job
from harness.plan import Run
from harness.records import RunResult
from harness.store import Record, Store
from harness.systems import AddedSystem, System
from harness.tables import DatasetSpec, SystemSpec, Table, TableSpec
from harness.verdicts import judge

FIGURES = "figures"


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
    store, shown = (Store(folder, config.cache) for folder in (config.results, config.results / DEMONSTRATION))
    return (shown if shown.matching(key) and not store.matching(key) else store).find(key)


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
        systems=tuple(system_spec(key, system) for key, system in chosen.items()),
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
        timed=recipe.timed,
        said=job.said,
    )


def system_spec(key: str, system: System) -> SystemSpec:
    """A system as a table has it; the options of a loss that the command line put in tell it from no other system."""
    told = {} if isinstance(system, AddedSystem) else system.loss_options
    options = {name: float(value) for name, value in told.items() if not isinstance(value, str)}
    published = system.published.text if system.published else ""
    return SystemSpec(key, system.label, system.floor, published, system.model, system.loss, options)


def signature(job: Job) -> dict[str, str]:
    """What every number of a table depends on, in the manner of sacreBLEU."""
    recipe, settings, values = job.recipe, job.settings, plan.options(job.recipe, job.settings)
    facts = {"upstream": f"{recipe.upstream}@{job.workshop.pinned.commit[:12]}", **recipe.protocol}
    way = job.ways.environment or ("" if job.executor == "local" else job.executor)
    facts["environment"] = f"{recipe.environment} ({way})" if way else recipe.environment
    if recipe.checkpoints:
        release = job.config.release(recipe.checkpoints.release)
        facts["checkpoints"] = f"{recipe.checkpoints.release}@{release.commit[:12]}"
    if settings.pretrain is not None:
        facts["checkpoints"] = f"pre-trained here for {settings.pretrain} epochs, by seed"
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
    known = (*render.FORMATS, FIGURES)
    if unknown := [name for name in formats if name not in known]:
        raise ArgumentError("--format", f"unknown format {unknown[0]!r}", near_misses(unknown[0], known))
    texts = render.files(table, [name for name in formats if name != FIGURES])
    files: dict[str, bytes] = {f"table{ending}": text.encode() for ending, text in texts.items()}
    if FIGURES in formats:
        from harness import figures  # matplotlib takes longer to start than a finished table

        drawn_from = drawn.figure_data(table, results, job.store, job.published)
        files |= {f"{FIGURES}/{name}": content for name, content in figures.files(drawn_from).items()}
    return job.keep(files)


def reasons(job: Job, runs: Sequence[Run]) -> dict[str, str]:
    """Why each of these runs must run, in words: never run, failed before, or what changed since a similar record."""
    told = {}
    for run in runs:
        record = job.store.read(run.key)
        if record is not None:
            told[run.key] = f"failed before ({record.reason})"
            continue
        near = [
            changes(r.content["inputs"], run.inputs) for r in job.store.relatives(run) if r.content["seed"] == run.seed
        ]
        closest = min(near, key=len, default=["never run"])
        told[run.key] = "; ".join(closest)
    return told
