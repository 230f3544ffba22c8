"""Who may import whom: downwards only, third-party libraries where they are named, and no hidden inputs.

Sources are parsed with ast; nothing is executed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[2] / "harness"
# From the bottom to the top; a module imports only from rows below its own.
ROWS = (
    (
        "commands",
        "report",
        "tables",
        "runs",
        "findings",
        "upstreams",
        "upstreams.patches",
        "recipes",
        "recipes.papers",
        "environments",
        "environments.images",
        "stats",
        "core",
        "core.errors",
        "core.untrusted_files",
        "core.results",
        "executors",
        "environments.images.build_errors",
        "report.rounding",
        "report.view_model",
        "report.figures.plain_plot",
        "findings.finding",
    ),
    (
        "core.files",
        "core.process",
        "core.git",
        "environments.container_engine",
        "recipes.papers.rounding",
        "report.figures.calibration",
        "report.figures.timesteps",
    ),
    ("core.project_file",),
    (
        "core.config",
        "recipes.papers.dataset_sizes",
        "stats.estimates",
        "stats.corrections",
        "stats.metrics",
        "upstreams.patches.format",
        "upstreams.data_cache",
        "upstreams.checkout",
    ),
    ("upstreams.embedded", "executors.base", "upstreams.tree_hashes"),
    ("executors.sandbox", "stats.paired_counts", "stats.power", "runs.probe_output"),
    ("stats.parametric", "stats.resampling"),
    ("stats.comparison",),
    (
        "core.yaml_files",
        "environments.venv",
        "upstreams.patches.series",
        "recipes.systems",
        "executors.docker",
        "executors.local",
        "tables.claim_model",
        "recipes.papers.numbers",
    ),
    ("tables.model",),
    (
        "recipes.checkpoints",
        "environments.images.request",
        "recipes.loss_catalogue",
        "recipes.criteria",
        "recipes.loss_file",
        "environments.machine",
        "upstreams.patches.authoring",
        "tables.comparable_runs",
        "recipes.papers.schema",
        "findings.own_runs",
    ),
    ("recipes.datasets",),
    (
        "environments.images.build",
        "recipes.recipe",
        "tables.claims",
        "tables.notes",
        "tables.seeds",
        "tables.values",
        "recipes.papers.library",
    ),
    ("runs.key_changes", "environments.images.image", "runs.plan", "recipes.papers.published", "upstreams.data_fetch"),
    ("environments.images.inventory",),
    (
        "findings.dataset_counts",
        "findings.percentages",
        "findings.plausibility",
        "findings.number_rules",
        "findings.statements",
    ),
    ("findings.repeated_values", "recipes.papers.significance"),
    ("executors.backends",),
    ("runs.data_generation", "runs.weights"),
    (
        "recipes.extra_losses",
        "runs.validation",
        "runs.workspace",
        "tables.build",
        "findings.across_papers",
        "findings.quotations",
        "findings.released_logs",
    ),
    (
        "runs.store",
        "runs.record",
        "tables.verdicts",
        "report.sentences",
        "findings.collect",
        "report.figures.data",
        "report.figures.style",
    ),
    (
        "commands.count_datasets",
        "runs.runner",
        "commands.figure_data",
        "report.paper_marks",
        "report.formats.templating",
        "report.figures.page",
    ),
    ("report.formats.csv", "report.view"),
    ("report.formats.latex", "report.formats.markdown", "report.formats.html", "report.formats.terminal"),
    ("report.figures.agreement", "report.figures.cost", "report.figures.learning_curves"),
    ("report.figures.user_differences", "report.figures.loss_options"),
    ("report.figures",),
    ("report.formats", "report.dataset_sizes", "report.findings"),
    ("commands.doctor.check", "commands.table_request"),
    ("commands.doctor.containers", "commands.doctor.gpu", "commands.doctor.machine", "commands.reproduce"),
    ("commands.doctor.network",),
    ("commands.doctor",),
    ("commands.estimate", "commands.compare", "commands.timesteps", "commands.calibration"),
    ("commands.record_findings",),
    ("cli.console", "cli.options"),
    ("cli.progress", "cli.patch", "cli.images", "cli.doctor", "cli.losses", "cli.compare", "cli.findings"),
    ("cli.reproduce",),
    ("cli.count_datasets",),
    ("cli.app",),
    ("cli",),
    ("__main__",),
)
HEIGHT = {module: height for height, row in enumerate(ROWS) for module in row}
# Beyond height: what a module or package must not know, directly or through others.
IGNORANT = {
    "core.process": ("core.files", "core.config", "recipes.recipe"),
    "core.files": ("core.process", "core.config", "recipes.recipe"),
    "executors.base": ("core.config",),
    "executors.docker": ("core.config",),
    "executors.local": ("core.config",),
    "executors": ("recipes", "runs.plan", "stats.metrics", "core.results", "runs.store"),
    "commands.doctor": ("runs.plan", "commands.table_request", "commands.reproduce", "runs.store"),
    "environments.venv": ("recipes.recipe", "runs.plan", "executors"),
    "environments.images": ("recipes.recipe", "runs.plan", "executors"),
    "upstreams.checkout": ("core.config", "recipes.recipe", "core.process"),
    "upstreams.patches.series": ("core.config", "recipes.recipe", "core.process"),
    "upstreams.data_cache": ("core.config", "recipes.recipe", "core.process", "core.git"),
    "recipes.recipe": ("core.process", "core.git", "core.files"),
    "recipes.loss_catalogue": ("core.process", "core.git", "core.files", "recipes.recipe"),
    "recipes.systems": ("core.process", "core.git", "core.files", "recipes.recipe"),
    "recipes.loss_file": ("core.process", "core.git", "recipes.recipe", "recipes.loss_catalogue"),
    "recipes.extra_losses": ("core.process", "core.git", "upstreams.checkout", "environments.venv", "executors"),
    "runs.plan": ("core.process", "core.git", "upstreams.checkout", "environments.venv", "executors"),
    "stats.estimates": ("core.files", "core.config"),
    "stats.metrics": ("core.files", "core.config"),
    "stats.comparison": ("core.files", "core.config", "stats.metrics"),
    "stats.corrections": ("core.files", "core.config", "stats.estimates"),
    "runs.store": ("executors.local", "core.git", "upstreams.checkout", "core.process"),
    "tables": ("core.files", "core.config", "runs.store", "report.formats"),
    "tables.verdicts": ("core.files", "core.config", "runs.store", "report.formats"),
    "report.formats": ("core.files", "core.config", "runs.store", "runs.validation"),
    "findings": ("core.process", "core.git", "core.files", "runs.store", "report.formats", "recipes.recipe"),
    "report.figures": ("core.files", "core.config", "runs.store", "runs.validation", "commands.figure_data"),
    "commands.figure_data": ("report.figures.style", "report.figures.page"),
}
THIRD_PARTY = {
    "docker": (
        "environments.container_engine",
        "executors.sandbox",
        "environments.images",
        "commands.doctor",
        "executors.docker",
        "executors.backends",
    ),
    "filelock": ("core.files", "runs.store", "runs.runner", "upstreams.data_cache"),
    "git": ("core.git", "upstreams.embedded"),
    "jinja2": ("report.formats.templating",),
    "matplotlib": (
        "report.figures",
        "report.figures.plain_plot",
        "report.figures.timesteps",
        "report.figures.calibration",
    ),
    "numpy": (
        "core.results",
        "stats.metrics",
        "stats.estimates",
        "stats.paired_counts",
        "stats.parametric",
        "stats.resampling",
        "runs.validation",
        "runs.probe_output",
        "tables",
        "commands.figure_data",
        "report.figures",
    ),
    "pydantic": (
        "recipes.checkpoints",
        "core.config",
        "commands.count_datasets",
        "recipes.datasets",
        "core.project_file",
        "recipes.papers.schema",
        "recipes.papers.numbers",
        "recipes.loss_catalogue",
        "recipes.papers.published",
        "recipes.recipe",
        "recipes.systems",
        "recipes.criteria",
        "core.yaml_files",
    ),
    "packaging": ("environments.images.inventory",),
    "rich": ("cli", "report.formats.terminal"),
    "scipy": (
        "stats.estimates",
        "stats.metrics",
        "stats.parametric",
        "stats.resampling",
        "stats.power",
        "commands.record_findings",
    ),
    "statsmodels": ("stats.estimates",),
    "typer": ("cli",),
    "yaml": ("core.yaml_files",),
}
PURE_FINDINGS = tuple(f"findings.{name}" for name in ("intervals", "percentages", "rules", "across", "runs"))
ONLY_IN = {
    "subprocess": ("core.process",),
    "tomllib": ("core.config",),
    "signal": ("core.process", "runs.validation", "cli"),
}


def name_of(path: Path) -> str:
    """A module's name below harness, a package's for its __init__.py."""
    parts = path.relative_to(HARNESS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, ast.Module]:
    """The parsed modules; data of the embedded upstream and the empty harness/__init__.py are none."""
    paths = [p for p in HARNESS.rglob("*.py") if "demo" not in p.relative_to(HARNESS).parts]
    return {name: ast.parse(p.read_text(encoding="utf-8")) for p in sorted(paths) if (name := name_of(p))}


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of everything a module imports, wherever the import stands, also those for type checkers only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> set[str]:
    """The modules of the harness that a module imports."""
    found = set()
    for name in imported(sources()[module]):
        if name.split(".")[0] == "harness":
            words = name.split(".")[1:]
            known = [".".join(words[:n]) for n in range(len(words), 0, -1) if ".".join(words[:n]) in sources()]
            assert known, f"{module} imports {name}, which is no module"
            found.add(known[0])
    return found


def within(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is one of these places or lies below one."""
    return any(module == place or module.startswith(f"{place}.") for place in places)


@cache
def reach(module: str) -> frozenset[str]:
    """All modules that are loaded with a module."""
    return frozenset(ours(module)).union(*(reach(used) for used in ours(module)))


MODULES = sorted(sources())


def test_the_table_names_every_module_once() -> None:
    assert sorted(module for row in ROWS for module in row) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for used in ours(module):
        assert HEIGHT[used] < HEIGHT[module], f"{module} may not import {used}"


@pytest.mark.parametrize("place", IGNORANT)
def test_what_a_module_may_not_know(place: str) -> None:
    for module in MODULES:
        if within(module, (place,)):
            known = {used for used in reach(module) if within(used, IGNORANT[place])}
            assert not known, f"{module} knows {sorted(known)}"


def test_executors_do_not_know_each_other() -> None:
    for module in ("executors.docker", "executors.local", "executors.sandbox"):
        assert {u for u in ours(module) if u.startswith("executors.")} <= {"executors.base", "executors.sandbox"}


@pytest.mark.parametrize("module", MODULES)
def test_libraries_live_where_they_are_named(module: str) -> None:
    for name in {full.split(".")[0] for full in imported(sources()[module])} - {"harness", "__future__"}:
        if name in sys.stdlib_module_names:
            assert within(module, ONLY_IN.get(name, (module,))), f"{module} may not import {name}"
        else:
            assert name in THIRD_PARTY, f"{module} imports {name}, which the table does not have"
            assert within(module, THIRD_PARTY[name]), f"{module} may not import {name}"


@pytest.mark.parametrize(
    "place",
    [
        "core.results",
        "stats.estimates",
        "stats.comparison",
        "stats.corrections",
        "stats.metrics",
        "runs.plan",
        "recipes.papers.dataset_sizes",
        "tables",
        "tables.verdicts",
        "commands.estimate",
        *PURE_FINDINGS,
    ],
)
def test_pure_modules_know_no_paths(place: str) -> None:
    for module in (m for m in MODULES if within(m, (place,))):
        names = {full.split(".")[0] for full in imported(sources()[module])}
        assert not names & {"os", "pathlib", "shutil", "tempfile", "glob"}, module


def calls(module: str) -> set[str]:
    """Dotted names that a module uses, such as os.environ or print."""
    found = set()
    for node in ast.walk(sources()[module]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ({"os.environ", "os.getenv", "os.environb"}, ("core.config",)),
        ({"sys.argv", "sys.exit", "print", "input"}, ("cli",)),
        ({"os.system", "os.popen", "os.fork", "os.chdir", "os.putenv"}, ()),
        ({"np.random", "random.seed"}, ()),
        ({"pickle.load", "pickle.dump", "eval", "exec"}, ()),
    ],
    ids=lambda value: sorted(value)[0] if isinstance(value, set) else "",
)
def test_no_hidden_inputs(names: set[str], places: tuple[str, ...]) -> None:
    for module in MODULES:
        if not within(module, places):
            assert not names & calls(module), f"{module} may not use {sorted(names & calls(module))}"


@pytest.mark.parametrize("module", MODULES)
def test_modules_stay_small_and_say_why_they_exist(module: str) -> None:
    tree = sources()[module]
    path = HARNESS.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert ast.get_docstring(tree), f"{module} has no docstring"
