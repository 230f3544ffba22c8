"""The artifacts that can be reproduced, their finished runs, and the estimated cost of the missing ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.commands import count_datasets
from harness.commands.estimate import Estimates
from harness.commands.joined import JoinedRequest
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.project_folders import matches
from harness.recipes import datasets
from harness.recipes.datasets import Dataset
from harness.recipes.joined import SUFFIX as JOINED
from harness.recipes.recipe import artifacts
from harness.recipes.selection import Settings
from harness.runs.plan import Run


@dataclass(frozen=True)
class Cost:
    """The time of a table's missing runs on one core.

    Attributes:
        seconds: of the runs with a similar record.
        unknown: number of runs without a similar record.
    """

    seconds: float = 0.0
    unknown: int = 0


@dataclass(frozen=True)
class Listed:
    """One artifact.

    Attributes:
        upstreams: code bases that it runs, or whose files it counts.
        aliases: shorter names for it.
        runs: with the recipe's own settings; 0 for a table that only counts files.
        statuses: number of runs by status: finished, failed, missing.
    """

    artifact: str
    title: str
    upstreams: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    runs: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)


def list_artifacts(config: Config) -> list[Listed]:
    """Every artifact of the project, by name, with the recipe's own datasets, systems and seeds.

    Raises:
        HarnessError: a mistake in a recipe, or a damaged file that one uses.
    """
    found = [of_recipe(config, name) for name in artifacts(config.root)]
    found += [of_counts(config, name) for name in named(config, count_datasets.SUFFIX)]
    found += [of_joined(config, name) for name in named(config, JOINED)]
    return sorted(found, key=lambda listed: listed.artifact)


def named(config: Config, suffix: str) -> list[str]:
    """Artifacts whose recipes are of another kind, by file name."""
    paths = matches(config.root, f"recipes/*/*{suffix}.yaml")
    return [f"{path.parent.name}/{path.name.removesuffix(f'{suffix}.yaml')}" for path in paths]


def of_recipe(config: Config, artifact: str) -> Listed:
    """A table or figure of one recipe."""
    request = TableRequest(config, artifact, Settings())
    return of_runs(config, artifact, request.recipe.title, [(request, request.runs)])


def of_joined(config: Config, artifact: str) -> Listed:
    """A joined table: the runs of its parts that it shows, without the parts' floors."""
    asked = JoinedRequest(config, artifact, Settings())
    parts = asked.parts.values()
    shown = [(part, [run for run in part.runs if run.system in asked.recipe.systems]) for part in parts]
    return of_runs(config, artifact, asked.recipe.title, shown)


def of_runs(config: Config, artifact: str, title: str, parts: Iterable[tuple[TableRequest, Sequence[Run]]]) -> Listed:
    """An artifact that consists of runs of one or more requests."""
    statuses: Counter[str] = Counter()
    seconds, unknown = 0.0, 0
    upstreams: dict[str, None] = {}
    for request, runs in parts:
        upstreams[request.recipe.upstream] = None
        cost = Estimates.of(request)
        judged = request.store.look_up_all(request.runs).runs
        for run in runs:
            status = judged[run.key].status
            statuses[status] += 1
            if status == "missing":
                about = cost.seconds(run)
                seconds += about.seconds if about else 0.0
                unknown += about is None
    return Listed(
        artifact, title, tuple(upstreams), aliases(config, artifact),
        statuses.total(), dict(statuses), Cost(seconds, unknown),
    )  # fmt: skip


def of_counts(config: Config, artifact: str) -> Listed:
    """A table of dataset sizes, which has no runs."""
    recipe = count_datasets.load(config.root, artifact)
    return Listed(artifact, recipe.title, tuple(dict.fromkeys(recipe.files.values())), aliases(config, artifact))


def aliases(config: Config, artifact: str) -> tuple[str, ...]:
    """Shorter names that harness.toml gives an artifact."""
    return tuple(name for name, meant in config.file.aliases.items() if meant == artifact)


def list_datasets(config: Config) -> dict[str, dict[str, Dataset]]:
    """The datasets of every upstream, by upstream and key.

    Raises:
        RecipeError: a file in recipes/data has mistakes.
    """
    return {name: datasets.defined(config.root, name) for name in datasets.upstreams_with_data(config.root)}
