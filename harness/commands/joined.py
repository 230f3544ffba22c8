"""Makes a joined table: runs, tables and files of its parts, one part after the other.

A part whose code or environment is unavailable becomes gaps; the others continue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from harness.commands.reproduce import load_results, with_reason
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.config import Config
from harness.core.errors import HarnessError, Interrupted, MetricsError, RecipeError, near_misses
from harness.core.results import Claim, RunResult
from harness.executors.options import ExecutionOptions
from harness.executors.run_folder import RunFolder
from harness.recipes import joined as recipes
from harness.recipes.joined import Joined
from harness.recipes.selection import Settings
from harness.report import joined as rendering
from harness.runs.probe_output import read_ranks
from harness.runs.runner import Execution, Observer
from harness.tables.build import Table, build_table
from harness.tables.joined import JoinedPart, JoinedTable, of_equal_candidates
from harness.tables.verdicts import judge_table


@dataclass(frozen=True)
class JoinedRequest:
    """A requested joined table; settings and options apply to every part."""

    config: Config
    artifact: str
    settings: Settings
    execution_options: ExecutionOptions = field(default_factory=ExecutionOptions)

    @cached_property
    def recipe(self) -> Joined:
        """The recipe of the joined table."""
        return recipes.load_joined(self.config.root, self.artifact)

    @cached_property
    def parts(self) -> dict[str, TableRequest]:
        """The request for each part's table, by part.

        Raises:
            RecipeError: a part lacks a system or the dataset, or its interactions differ from the other parts'.
        """
        recipe, settings = self.recipe, self.settings
        where = {"dataset": (recipe.dataset,), "system": tuple(recipe.systems)}
        own = replace(settings, where=where, seeds=settings.seeds or recipe.seeds)
        found = {
            name: TableRequest(self.config, part.recipe, own, self.execution_options)
            for name, part in recipe.parts.items()
        }
        for name, request in found.items():
            self.check(name, request)
        hashes = {name: request.data[recipe.dataset].interactions_sha256 for name, request in found.items()}
        if len(set(hashes.values())) != 1 or "" in hashes.values():
            by_part = ", ".join(f"{name} {digest[:12] or 'none'}" for name, digest in hashes.items())
            what = f"parts have other interactions in {recipe.dataset}: {by_part}"
            raise RecipeError(str(recipes.path_of(self.config.root, self.artifact)), what, "give interactions_sha256")
        return found

    def check(self, name: str, request: TableRequest) -> None:
        """Refuse a part that lacks a joined system or dataset."""
        where = f"{recipes.path_of(self.config.root, self.artifact)}: parts.{name}"
        for kind, asked, known in (
            ("dataset", [self.recipe.dataset], request.data),
            ("system", list(self.recipe.systems), request.recipe.systems),
        ):
            if lacking := [key for key in asked if key not in known]:
                what = f"{request.name} has no {kind} {lacking[0]!r}"
                raise RecipeError(where, what, near_misses(lacking[0], known))

    @property
    def variant(self) -> str:
        """The suffix that separates this table's files from those made with other settings."""
        part = next(iter(self.parts.values()))
        return replace(part, settings=replace(part.settings, where={})).variant


def requests_of(request: TableRequest) -> list[TableRequest]:
    """The requests for the recipes that an artifact consists of: one, or those of a joined table."""
    if not request.is_joined:
        return [request]
    joined = JoinedRequest(request.config, request.artifact, request.settings, request.execution_options)
    return list(joined.parts.values())


@dataclass(frozen=True)
class Made:
    """The result of making a joined table.

    Attributes:
        gaps: why parts or runs could not start, by run key.
    """

    table: JoinedTable
    results: Mapping[str, Sequence[RunResult]]
    gaps: Mapping[str, HarnessError]
    files: list[Path]


def reproduce(request: JoinedRequest, observed: Callable[[TableRequest], AbstractContextManager[Observer]]) -> Made:
    """Execute missing runs of the parts, then join their tables.

    Args:
        observed: the observer of a part's runs.
    Raises:
        RecipeError: a mistake in the recipe of the table or of a part.
    """
    gaps: dict[str, HarnessError] = {}
    executions = {}
    for name, part in request.parts.items():
        with observed(part) as observer:
            executions[name] = execution = part.execution(observer)
            missing = execution.find_missing([run for run in part.runs if run.system in request.recipe.systems])
            try:
                execution.execute(execution.prepare_workspace(missing))
            except Interrupted:
                raise
            except HarnessError as error:
                gaps |= {run.key: error for run in missing if not execution.is_stored(run)}
        gaps |= execution.gaps
    return join(request, gaps, executions)


def report(request: JoinedRequest) -> Made:
    """Join the parts' tables from existing records; executes no run."""
    return join(request, {}, {})


def join(request: JoinedRequest, gaps: Mapping[str, HarnessError], executions: Mapping[str, Execution]) -> Made:
    """Load every part's results, build and judge its table, write the joined one."""
    recipe = request.recipe
    loaded = {
        name: [
            with_reason(run, str(gaps[run.key]).splitlines()[0]) if run.key in gaps and run.status == "missing" else run
            for run in in_view(part, load_results(part, executions.get(name)), recipe.view)
            if run.system in recipe.systems  # not the floors of the parts
        ]
        for name, part in request.parts.items()
    }
    results = of_equal_candidates(loaded)
    parts = tuple(
        JoinedPart(name, recipe.parts[name].label, part_table(request, part, results[name]))
        for name, part in request.parts.items()
    )
    label = next(iter(request.parts.values())).data[recipe.dataset].label
    differs = tuple((fact, tuple(by_part[name] for name in recipe.parts)) for fact, by_part in recipe.differs.items())
    table = JoinedTable(
        recipe.artifact, recipe.title, label, recipe.view, recipe.metrics, recipe.systems, parts, differs
    )
    return Made(table, results, gaps, keep(request, table))


def in_view(part: TableRequest, results: Sequence[RunResult], view: str) -> list[RunResult]:
    """Results with the ranks of a view; a run that lacks it failed.

    Printed metrics belong to other ranks, so they are left out; their agreement was judged before.
    """
    found = []
    for run in results:
        if run.status == "finished":
            first = part.data[run.dataset].first_user or 0
            try:
                ranks = read_ranks(RunFolder(part.store.folder(run.key)).ranks("test"), view)
                run = replace(run, ranks=replace(ranks, users=ranks.users + first), printed={})
            except MetricsError:
                run = replace(run, status="failed", reason=f"its record has no ranks of the view {view}", ranks=None)
        found.append(run)
    return found


def part_table(request: JoinedRequest, part: TableRequest, results: Sequence[RunResult]) -> Table:
    """The judged table of one part, corrected for the tests of all parts."""
    recipe = request.recipe
    spec = table_spec(part)
    spec = replace(
        spec,
        metrics=recipe.metrics,
        systems=tuple(replace(spec.system(key), label=label) for key, label in recipe.systems.items()),
        claims=tuple(Claim(c.better, c.worse, m) for c in recipe.claims for m in c.metrics or recipe.metrics),
        correction="bonferroni",
        by_dataset=False,
        n_family=recipe.n_tests,
        said={},
    )
    return judge_table(build_table(spec, results))


def keep(request: JoinedRequest, table: JoinedTable) -> list[Path]:
    """Write the table; return its files."""
    store = next(iter(request.parts.values())).store
    folder = store.table_folder(request.recipe.artifact, request.variant)
    files = {f"table{ending}": text.encode() for ending, text in rendering.files(table).items()}
    store.write_table(folder, files)
    return [folder / name for name in files]
