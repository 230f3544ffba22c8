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
        "errors",
        "leavings",
        "records",
        "executors",
        "images.reasons",
        "render.numbers",
        "render.parts",
        "render.plots",
        "findings.finding",
        "runs",
    ),
    ("files", "process", "gitcommand", "engine", "findings.intervals", "render.calibration", "render.timesteps"),
    ("projectfile",),
    ("config", "locks", "sizes", "stats", "corrections", "metrics", "patchfiles", "datasets", "sources"),
    ("embedded", "executors.contract", "trees", "runs.equivalence", "runs.normal_form"),
    ("runs.overlay",),
    ("runs.keys",),
    ("containment", "paired", "power", "reported"),
    ("classical", "resampling"),
    ("comparing",),
    (
        "yamlfiles",
        "environments",
        "patches",
        "systems",
        "executors.docker",
        "executors.local",
        "tables.gains",
        "findings.numbers",
    ),
    ("tables.cells",),
    (
        "checkpoints",
        "images.request",
        "losses",
        "terms",
        "ownloss",
        "machine",
        "patchedit",
        "tables.sample",
        "findings.facts",
        "findings.runs",
    ),
    ("datafiles",),
    (
        "images.building",
        "recipes",
        "tables.claims",
        "tables.notes",
        "tables.seeds",
        "tables.values",
        "findings.library",
    ),
    ("changes", "images", "plan", "printed", "gathering"),
    ("images.inventory",),
    ("findings.counts", "findings.percentages", "findings.plausibility", "findings.rules", "findings.statements"),
    ("findings.values", "papermarks"),
    ("surroundings",),
    ("generation", "stages"),
    ("added", "evidence", "preparation", "tables", "findings.across", "findings.quoted", "findings.released"),
    ("store", "recording", "verdicts", "render.words", "findings", "figures.data", "figures.look"),
    ("counting", "execution", "drawn", "render.marks", "render.jinja", "figures.sheet"),
    ("render.csv", "render.view"),
    ("render.latex", "render.markdown", "render.html", "render.terminal"),
    ("figures.agreement", "figures.cost", "figures.curves"),
    ("figures.differences", "figures.options"),
    ("figures",),
    ("render", "render.counts", "render.findings"),
    ("doctor.lines", "job"),
    ("doctor.containers", "doctor.gpu", "doctor.here", "workflow"),
    ("doctor.reach",),
    ("doctor",),
    ("estimates", "contrast", "timesteps", "calibration"),
    ("observed",),
    ("cli.consoles", "cli.asked"),
    ("cli.progress", "cli.patch", "cli.images", "cli.doctor", "cli.losses", "cli.comparing", "cli.findings"),
    ("cli.reporting",),
    ("cli.counting",),
    ("cli.app",),
    ("cli",),
    ("__main__",),
)
HEIGHT = {module: height for height, row in enumerate(ROWS) for module in row}
# Beyond height: what a module or package must not know, directly or through others.
IGNORANT = {
    "process": ("files", "config", "recipes"),
    "files": ("process", "config", "recipes"),
    "executors": ("config", "recipes", "plan", "metrics", "records", "store"),
    "doctor": ("plan", "job", "workflow", "store"),
    "environments": ("recipes", "plan", "executors"),
    "images": ("recipes", "plan", "executors"),
    "sources": ("config", "recipes", "process"),
    "patches": ("config", "recipes", "process"),
    "datasets": ("config", "recipes", "process", "gitcommand"),
    "recipes": ("process", "gitcommand", "files"),
    "losses": ("process", "gitcommand", "files", "recipes"),
    "systems": ("process", "gitcommand", "files", "recipes"),
    "ownloss": ("process", "gitcommand", "recipes", "losses"),
    "added": ("process", "gitcommand", "sources", "environments", "executors"),
    "plan": ("process", "gitcommand", "sources", "environments", "executors"),
    "stats": ("files", "config"),
    "metrics": ("files", "config"),
    "comparing": ("files", "config", "metrics"),
    "corrections": ("files", "config", "stats"),
    "store": ("executors.local", "gitcommand", "sources", "process"),
    "tables": ("files", "config", "store", "render"),
    "verdicts": ("files", "config", "store", "render"),
    "render": ("files", "config", "store", "evidence"),
    "findings": ("process", "gitcommand", "files", "store", "render", "recipes"),
    "figures": ("files", "config", "store", "evidence", "drawn"),
    "drawn": ("figures.look", "figures.sheet"),
}
THIRD_PARTY = {
    "docker": ("engine", "containment", "images", "doctor", "executors.docker", "surroundings"),
    "filelock": ("files", "store", "execution", "datasets"),
    "git": ("gitcommand", "embedded"),
    "jinja2": ("render.jinja",),
    "matplotlib": ("figures", "render.plots", "render.timesteps", "render.calibration"),
    "numpy": (
        "records",
        "metrics",
        "stats",
        "paired",
        "classical",
        "resampling",
        "evidence",
        "reported",
        "tables",
        "drawn",
        "figures",
    ),
    "pydantic": (
        "checkpoints",
        "config",
        "counting",
        "datafiles",
        "projectfile",
        "findings.facts",
        "findings.numbers",
        "losses",
        "printed",
        "recipes",
        "runs.equivalence",
        "systems",
        "terms",
        "yamlfiles",
    ),
    "packaging": ("images.inventory", "locks"),
    "rich": ("cli", "render.terminal"),
    "scipy": ("stats", "metrics", "classical", "resampling", "power", "observed"),
    "statsmodels": ("stats",),
    "typer": ("cli",),
    "yaml": ("yamlfiles",),
}
PURE_FINDINGS = tuple(f"findings.{name}" for name in ("intervals", "percentages", "rules", "across", "runs"))
ONLY_IN = {
    "subprocess": ("process",),
    "tomllib": ("config", "runs.equivalence"),
    "signal": ("process", "evidence", "cli"),
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
    for module in MODULES:
        if module.startswith("executors."):
            assert {u for u in ours(module) if u.startswith("executors.")} <= {"executors.contract"}


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
        "records",
        "stats",
        "comparing",
        "corrections",
        "metrics",
        "plan",
        "sizes",
        "tables",
        "verdicts",
        "estimates",
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
        ({"os.environ", "os.getenv", "os.environb"}, ("config",)),
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
