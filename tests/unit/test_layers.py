"""Who may import whom: downwards only, third-party libraries where they are named, and no hidden inputs.

Sources are parsed with ast; nothing is executed.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HARNESS = Path(__file__).resolve().parents[2] / "harness"
# The packages from the bottom to the top; a package imports only from levels below its own, and inside a package no two
# modules need each other. docs/architecture.md says what each is for.
LEVELS = (
    ("core",),
    ("environments", "recipes", "stats"),
    ("executors", "findings", "tables", "upstreams"),
    ("report", "runs"),
    ("checks",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
HEIGHT = {package: height for height, row in enumerate(LEVELS) for package in row}
FETCHING = ("upstreams.checkout", "upstreams.data_cache", "upstreams.data_fetch", "upstreams.patches.series")
# Beyond height: what a package or module must not know, directly or through others.
IGNORANT = {
    "core.results": ("core.config",),
    "core.process": ("core.config", "core.files"),
    "core.files": ("core.config", "core.process"),
    "environments": ("recipes",),
    "executors.base": ("core.config",),
    "executors.docker": ("core.config",),
    "executors.local": ("core.config",),
    "executors.sandbox": ("core.config",),
    "executors": ("recipes", "stats", "core.results"),
    "upstreams": ("environments", "stats"),
    "upstreams.checkout": ("core.config", "core.process", "recipes"),
    "upstreams.data_cache": ("core.config", "core.git", "core.process"),
    "upstreams.patches": ("core.config", "core.process", "recipes"),
    "recipes": ("core.git", "core.process"),
    "runs.plan": ("core.git", "core.process", "environments", "executors", *FETCHING),
    "runs.store": ("core.git", "core.process", "executors.local", *FETCHING),
    "stats": ("core.config", "core.files"),
    "tables": ("core.config", "core.files"),
    "findings": ("core.files", "core.git", "core.process"),
    "report": ("core.config", "core.files"),
    "commands.doctor": ("commands.reproduce", "commands.table_request", "runs"),
}
# Which packages or modules may use a library that is not part of Python.
THIRD_PARTY = {
    "docker": ("commands.doctor", "environments", "executors"),
    "filelock": ("core.files", "runs", "upstreams.data_cache"),
    "git": ("core.git", "upstreams.embedded"),
    "jinja2": ("report.formats.templating",),
    "matplotlib": ("report.figures",),
    "numpy": ("checks", "commands", "core.results", "report", "runs", "stats", "tables"),
    "pandas": ("commands.frames",),
    "packaging": ("checks.package_index", "environments"),
    "pydantic": (
        "commands.count_datasets",
        "commands.request_file",
        "core",
        "recipes",
        "runs.equivalence",
        "runs.record_model",
        "runs.under_way",
    ),
    "rich": ("cli", "report.formats.terminal"),
    "scipy": ("stats",),
    "typer": ("cli",),
    "yaml": ("core.yaml_files",),
}
ONLY_IN = {
    "subprocess": ("core.process",),
    "tomllib": ("core.config", "core.project_folders", "runs.equivalence"),
    "signal": ("cli", "core.process", "runs.validation"),
}
PURE = (
    "core.results", "findings.across_papers", "findings.number_rules", "findings.own_runs", "findings.percentages",
    "commands.estimate", "recipes.papers.dataset_sizes", "recipes.papers.rounding", "recipes.selection", "runs.plan",
    "stats", "tables",
)  # fmt: skip


def name_of(path: Path) -> str:
    """A module's name below harness, a package's for its __init__.py."""
    parts = path.relative_to(HARNESS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, ast.Module]:
    """The parsed modules; data of the embedded upstream and harness/__init__.py are none."""
    paths = [p for p in HARNESS.rglob("*.py") if "demo" not in p.relative_to(HARNESS).parts]
    return {name: ast.parse(p.read_text(encoding="utf-8")) for p in sorted(paths) if (name := name_of(p))}


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of everything a module imports, at any place, including those for type checkers only."""
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
    """All modules that are loaded with a module; the module itself only where others need it in turn."""
    found: set[str] = set()
    wanted = sorted(ours(module))
    while wanted:
        used = wanted.pop()
        if used not in found:
            found.add(used)
            wanted += sorted(ours(used))
    return frozenset(found)


MODULES = sorted(sources())


def package_of(module: str) -> str:
    """The package directly below harness that a module is in."""
    return module.partition(".")[0]


def test_the_table_names_every_package_once() -> None:
    assert sorted(package for row in LEVELS for package in row) == sorted({package_of(m) for m in MODULES})


def test_the_package_itself_has_nothing_but_the_python_interface() -> None:
    """The other tests leave it out. Every command imports it first, so it loads nothing of its own."""
    tree = ast.parse((HARNESS / "__init__.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == ["load"]
    code = "import sys, harness; print([n for n in sys.modules if n.startswith(('harness.', 'numpy', 'pandas'))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=HARNESS.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nearly_nothing_lies_directly_in_the_harness() -> None:
    packages = [path for path in HARNESS.iterdir() if (path / "__init__.py").is_file()]
    assert len(list(HARNESS.glob("*.py"))) <= 4
    assert 12 <= len(packages) <= 14


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for used in ours(module):
        if package_of(used) != package_of(module):
            assert HEIGHT[package_of(used)] < HEIGHT[package_of(module)], f"{module} may not import {used}"


@pytest.mark.parametrize("module", MODULES)
def test_no_two_modules_need_each_other(module: str) -> None:
    assert module not in reach(module), f"{module} needs itself through others"


@pytest.mark.parametrize("place", IGNORANT)
def test_what_a_module_may_not_know(place: str) -> None:
    for module in MODULES:
        if within(module, (place,)):
            known = {used for used in reach(module) if within(used, IGNORANT[place])}
            assert not known, f"{module} knows {sorted(known)}"


SHARED_BY_EXECUTORS = {"executors.base", "executors.run_folder", "executors.sandbox"}


def test_executors_do_not_know_each_other() -> None:
    for module in ("executors.docker", "executors.local", "executors.sandbox"):
        assert {u for u in ours(module) if u.startswith("executors.")} <= SHARED_BY_EXECUTORS


@pytest.mark.parametrize("module", MODULES)
def test_libraries_live_where_they_are_named(module: str) -> None:
    for name in {full.split(".")[0] for full in imported(sources()[module])} - {"harness", "__future__"}:
        if name in sys.stdlib_module_names:
            assert within(module, ONLY_IN.get(name, (module,))), f"{module} may not import {name}"
        else:
            assert name in THIRD_PARTY, f"{module} imports {name}, which the table does not have"
            assert within(module, THIRD_PARTY[name]), f"{module} may not import {name}"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_by_a_name_that_is_put_together(module: str) -> None:
    """The other tests read import statements."""
    names = set(imported(sources()[module]))
    assert "importlib" not in names
    places = ("builtins", "importlib.import_module", "importlib.util", "pkgutil", "runpy")
    assert not {name for name in names if within(name, places)}


@pytest.mark.parametrize("place", PURE)
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
        ({"pickle.load", "pickle.dump", "eval", "exec", "__import__"}, ()),
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
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 50, f"{module}.{node.name} has {lines} lines"
    assert ast.get_docstring(tree), f"{module} has no docstring"


NAMED = re.compile(r"\bharness\.((?:\w+\.)*\w+)`")


@pytest.mark.parametrize("module", MODULES)
def test_what_docstrings_name_exists(module: str) -> None:
    """A name such as `harness.stats.estimates.align` follows what it names when that is moved."""
    nodes = (n for n in ast.walk(sources()[module]) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
    for name in (name for node in nodes for name in NAMED.findall(ast.get_docstring(node) or "")):
        place, _, last = name.rpartition(".")
        assert name in sources() or (place in sources() and last in defined(place)), f"{module} names harness.{name}"


def defined(module: str) -> set[str]:
    """The names that a module defines at its top."""
    body = sources()[module].body
    found = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return found | {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
