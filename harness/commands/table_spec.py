"""The specification of a table: the selected part of a recipe, with the signature of its numbers."""

from __future__ import annotations

from importlib.metadata import version

from harness.commands.table_request import TableRequest
from harness.recipes import extra_datasets, extra_losses, selection
from harness.recipes.recipe import Recipe
from harness.recipes.systems import AddedSystem, System
from harness.tables.build import DatasetSpec, SystemSpec, TableSpec


def table_spec(request: TableRequest, changed: Recipe | None = None) -> TableSpec:
    """The specification of the table: the selected part of the recipe, and the signature of its numbers.

    Args:
        changed: the recipe with other claims, margin or correction.
    """
    recipe, settings = changed or request.recipe, request.settings
    chosen = selection.systems(recipe, settings.where)
    metrics = settings.metrics or recipe.metrics
    names = list(dict.fromkeys(run.dataset for run in request.runs))
    return TableSpec(
        artifact=recipe.artifact,
        title=recipe.title,
        metrics=metrics,
        datasets=tuple(DatasetSpec(name, request.data[name].label, request.data[name].users) for name in names),
        systems=tuple(system_spec(key, system) for key, system in chosen.items()),
        claims=tuple(
            claim
            for claim in (
                *(c for c in recipe.claim_list() if c.better in chosen and c.worse in chosen),
                *extra_datasets.comparisons(recipe, request.added_datasets, chosen),
                *extra_losses.comparisons(chosen, metrics),
            )
            if claim.metric in metrics
        ),
        footnotes=extra_losses.footnotes(recipe),
        margin_relative=recipe.margin.relative,
        margin_absolute=recipe.margin.absolute,
        published_in=recipe.published_in,
        beside=tuple(recipe.beside),
        correction=recipe.correction.method,
        by_dataset=recipe.correction.family == "dataset",
        n_family=recipe.n_tests,
        n_by_dataset={name: recipe.n_tests_on(name) for name in names if name not in request.added_datasets},
        seeds=settings.seeds or recipe.seeds,
        signature=signature(request),
        changed=tuple(
            f"{name} {selection.options(recipe, settings)[name]} (recipe: {recipe.options[name]})"
            for name in sorted(settings.options)
        ),
        demonstration=recipe.demonstration,
        training=recipe.training,
        said=request.paper_significance,
    )


def system_spec(key: str, system: System) -> SystemSpec:
    """A system of a table; the options of a loss that the command line added do not identify it."""
    set_options = {} if isinstance(system, AddedSystem) else system.loss_options
    options = {name: float(value) for name, value in set_options.items() if not isinstance(value, str)}
    published = system.published.text if system.published else ""
    given = system.checkpoint and not system.seeded
    return SystemSpec(key, system.label, system.floor, published, system.model, system.loss, options, given)


def signature(request: TableRequest) -> dict[str, str]:
    """The signature of a table: what every number depends on, as in sacreBLEU."""
    recipe, settings, values = request.recipe, request.settings, selection.options(request.recipe, request.settings)
    facts = {"upstream": f"{recipe.upstream}@{request.workspace.pinned.commit[:12]}", **recipe.protocol}
    facts |= {f"{view}-{name}": word for view, words in recipe.protocols.items() for name, word in words.items()}
    way = request.execution_options.environment or ("" if request.executor == "local" else request.executor)
    names = [recipe.environment, *(run.environment for run in request.runs if run.environment)]
    environments = " and ".join(dict.fromkeys(names))
    facts["environment"] = f"{environments} ({way})" if way else environments
    if recipe.checkpoints:
        release = request.config.release(recipe.checkpoints.release)
        facts["checkpoints"] = f"{recipe.checkpoints.release}@{release.commit[:12]}"
    if settings.pretrain is not None:
        facts["checkpoints"] = f"pre-trained here for {settings.pretrain} epochs, by seed"
    facts |= {"device": settings.device, "threads": str(settings.threads)}
    facts |= {name: str(value) for name, value in values.items()}
    if put_in := extra_losses.names(recipe, digits=12, between=" "):
        facts["added"] = ", ".join(put_in)
    if settings.profile:
        facts["profile"] = settings.profile
    return facts | {"harness": version("seqrec-harness")}
