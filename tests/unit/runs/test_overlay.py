"""Import closures: every way in which one module can name another, and what the real commands can load."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from made_overlay import made

from harness.core.errors import PatchError, RecipeError
from harness.recipes.recipe import artifacts, load_recipe
from harness.runs import overlay
from harness.runs.overlay import Overlay, inserted_imports
from harness.upstreams.patches import format as patchfiles
from harness.upstreams.patches import series as patches

ROOT = Path(__file__).resolve().parents[3]
OURS = ["python", "-m", "harness_overlay.run"]
WAYS = {
    "from . import x": "from . import x",
    "from . import x as y": "from . import x as y",
    "from .x import f": "from .x import f",
    "from the package": "from harness_overlay import x",
    "from the module": "from harness_overlay.x import f",
    "import": "import harness_overlay.x",
    "import as": "import harness_overlay.x as y",
    "inside a function": "def f():\n    from . import x",
    "inside a condition": "try:\n    from .x import f\nexcept ImportError:\n    f = None",
    "everything": "from harness_overlay import *",
    "a string": 'import runpy\nrunpy.run_module("harness_overlay.x")',
    "a path in a string": 'SPEC = "harness_overlay/x.py:f"',
    "the beginning of a string": 'NAME = "x"\nMODULE = f"harness_overlay.{NAME}"',
    "the package in a string": 'PACKAGE = "harness_overlay"',
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_every_way_to_name_a_module_counts_as_an_import(text: str) -> None:
    found = made({"run.py": text, "x.py": "from . import deep", "deep.py": "", "__init__.py": ""})
    assert found.closure(OURS, "recipe") == ["__init__.py", "deep.py", "run.py", "x.py"]


@pytest.mark.parametrize(
    "text",
    [
        '"""python -m harness_overlay.x"""',
        "# from . import x",
        "import x",
        "from other.x import f",
        '"a harness_overlay"',
    ],
)
def test_what_names_no_module_of_ours_counts_as_none(text: str) -> None:
    assert made({"run.py": text, "x.py": ""}).closure(OURS, "recipe") == ["run.py"]


def test_packages_bring_the_files_on_the_way_and_what_these_import() -> None:
    found = made(
        {
            "run.py": "from .losses.sampled import f",
            "losses/__init__.py": "from . import common",
            "losses/sampled.py": "from ..proof import check\nfrom .options import read",
            "losses/common.py": "",
            "losses/options.py": "",
            "losses/unused.py": "",
            "proof/__init__.py": '"""Nothing."""',
            "proof/check.py": "",
            "proof/unused.py": "",
        }
    )
    assert found.closure(OURS, "recipe") == [
        "losses/__init__.py", "losses/common.py", "losses/options.py", "losses/sampled.py", "proof/__init__.py",
        "proof/check.py", "run.py",
    ]  # fmt: skip
    assert "proof/__init__.py" not in found.forms(["proof/__init__.py", "losses/__init__.py"])  # an empty form
    assert "losses/__init__.py" in found.forms(["proof/__init__.py", "losses/__init__.py"])


def test_a_package_named_in_a_string_brings_all_of_it() -> None:
    """The string may be the beginning of a longer name."""
    modules = {
        "run.py": 'NAME = "harness_overlay.losses" + ".b"',
        "losses/__init__.py": "",
        "losses/b.py": "",
        "c.py": "",
    }
    assert made(modules).closure(OURS, "recipe") == ["losses/__init__.py", "losses/b.py", "run.py"]


@pytest.mark.parametrize(
    ("word", "loaded"),
    [
        ("harness_overlay.a.run", ["a/__init__.py", "a/run.py"]),
        ("harness_overlay.a", ["a/__init__.py", "a/__main__.py"]),
        ("--loss=harness_overlay/a/run.py:f", ["a/__init__.py", "a/run.py"]),
        ("--more=k=1,loss=harness_overlay/b.py:f,t=2", ["b.py"]),
        ("--both=harness_overlay.b,harness_overlay/a/run.py:f", ["a/__init__.py", "a/run.py", "b.py"]),
    ],
)
def test_words_of_a_command_are_entries_wherever_they_name_a_module(word: str, loaded: list[str]) -> None:
    modules = dict.fromkeys(["a/__init__.py", "a/__main__.py", "a/run.py", "b.py"], "")
    assert made(modules).closure(["python", "train.py", word], "recipe") == loaded


def test_a_word_that_names_no_module_is_refused_with_near_misses() -> None:
    with pytest.raises(RecipeError) as caught:
        made({"popularity.py": ""}).closure(["python", "-m", "harness_overlay.popularty"], "recipes/a.yaml: command")
    assert str(caught.value).startswith("recipes/a.yaml: command: 'harness_overlay.popularty' names popularty.py")
    assert "did you mean 'popularity.py'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "runs_upstream"),
    [
        ("import json\nimport numpy as np\nfrom collections import abc", False),
        ("from trainers import Trainer", True),
        ("import runpy", True),
        ("import importlib.util", True),
        ("import subprocess", True),
        ("import torch", True),
        ("eval('1')", True),
        ("from . import other", True),
    ],
)
def test_the_series_imports_count_where_upstream_code_may_run(text: str, runs_upstream: bool) -> None:
    found = made({"run.py": text, "other.py": "import trainers", "inserted.py": ""}, "inserted")
    assert ("inserted.py" in found.closure(OURS, "recipe")) is runs_upstream
    assert found.closure(["python", "train.py"], "recipe") == ["inserted.py"]


def test_a_custom_loss_brings_what_it_imports() -> None:
    found = made({"losses.py": "", "inserted.py": ""}, "inserted")
    assert found.closure(["python", "train.py"], "r", "from harness_overlay import losses") == [
        "inserted.py",
        "losses.py",
    ]


def test_a_module_that_cannot_be_parsed_is_refused_with_its_path() -> None:
    with pytest.raises(PatchError, match=r"patches/overlay/run.py: line 2: "):
        made({"run.py": "x = 1\ny = = 2"}).closure(OURS, "recipe")


def test_line_ends_of_a_clone_with_conversion_change_nothing(tmp_path: Path) -> None:
    for folder, ends in (("unix", b"\n"), ("windows", b"\r\n")):
        (tmp_path / folder / "a").mkdir(parents=True)
        (tmp_path / folder / "a" / "b.py").write_bytes(ends.join([b"x = 1", b"y = 2", b""]))
    assert overlay.read(tmp_path / "unix") == overlay.read(tmp_path / "windows")
    assert list(overlay.read(tmp_path / "unix").modules) == ["a/b.py"]


def patch(*lines: str) -> patchfiles.Patch:
    """A patch that inserts these lines."""
    hunk = patchfiles.Hunk(0, 1, lines)
    return patchfiles.Patch("p", Path("p"), {}, "", (patchfiles.FilePatch("a.py", "", "", (hunk,), len(lines)),))


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["import os", "from harness_overlay import probe as harness_probe"], {("probe",), ()}),
        (["def f():", "    from harness_overlay.losses import a, b"], {("losses",), ("losses", "a"), ("losses", "b")}),
        (["from harness_overlay import (", "    probe,", "    losses as other,", ")"], {(), ("probe",), ("losses",)}),
        (["import harness_overlay.probe", "harness_overlay.losses.f()"], {("probe",), ("losses", "f")}),
        (['parser.add_argument("--loss", help="a loss of harness_overlay")'], set()),
    ],
)
def test_imports_that_a_patch_inserts_are_found(lines: list[str], names: set[tuple[str, ...]]) -> None:
    assert set(inserted_imports([patch(*lines)])) == names


@cache
def real(upstream: str) -> Overlay:
    """The project's own overlay for an upstream."""
    series = patches.load(ROOT / "patches" / upstream)
    return overlay.read(ROOT / overlay.FOLDER, inserted_imports(series.patches))


def test_each_command_of_each_recipe_has_a_closure_that_holds_the_probe() -> None:
    sizes = set()
    for artifact in artifacts(ROOT):
        recipe = load_recipe(ROOT, artifact, {})
        for system in recipe.systems.values():
            words = system.command or (*recipe.command, *system.arguments)
            loaded = real(recipe.upstream).closure(words, artifact)
            assert any(name.endswith("probe.py") for name in loaded), f"{artifact}: {words}"
            sizes.add(len(loaded))
    assert len(sizes) > 3


def test_popularity_loads_itself_and_the_probe() -> None:
    loaded = real("s3rec").closure(["python", "-m", "harness_overlay.popularity"], "recipe")
    assert loaded == ["__init__.py", "popularity.py", "probe.py"]
    assert list(real("s3rec").forms(loaded)) == ["popularity.py", "probe.py"]


def test_a_script_of_the_upstream_and_one_that_runs_it_load_what_the_series_inserts() -> None:
    found = real("s3rec")
    script = set(found.closure(["python", "run_finetune_full.py"], "recipe"))
    assert {"probe.py", "references.py"} <= {name.rpartition("/")[2] for name in script}
    for entry in (name for name in found.modules if "rescored" in name or "unvalidated" in name):
        word = f"harness_overlay.{entry.removesuffix('.py').replace('/', '.')}"
        assert set(found.closure(["python", "-m", word], "recipe")) > script
