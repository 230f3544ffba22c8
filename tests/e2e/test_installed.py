"""The package installed by pip, without its repository: a project in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import installed
import own_data
import pytest
from projects import ROOT

from harness.commands.table_request import TableRequest
from harness.core.config import load
from harness.core.files import sha256_file
from harness.recipes.selection import Settings
from harness.upstreams import embedded

PRINT_KEYS = """
import harness.commands.table_request as requests
from harness.core.config import load
from harness.recipes.selection import Settings
print(requests.__file__, *(run.key for run in requests.TableRequest(load(), "table2", Settings()).runs))
"""
MY_CODE = """
[upstreams.mycode]
url = "{url}"
commit = "{commit}"
code = ["/*"]
framework = "numpy"
losses = ["bce", "ce-all"]
own_data = {{layout = "users"}}
"""


@dataclass(frozen=True)
class Own:
    """A folder, and the installed program in it."""

    program: Path
    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """`harness` with these arguments."""
        return self.start([str(self.program), *arguments], timeout)

    def start(self, words: list[str], timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Any command in the folder."""
        return subprocess.run(words, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=timeout)

    @property
    def python(self) -> str:
        """The interpreter of the environment."""
        return str(self.program.parent / "python")

    @property
    def package(self) -> Path:
        """The installed package."""
        return next((self.program.parent.parent / "lib").glob("python3*/site-packages")) / "harness"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed.environment(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def own(program: Path, tmp_path: Path) -> Own:
    """A new project in an empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    made = Own(program, folder, installed.variables())
    done = made.run("init")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        ".gitignore", "README.md", "harness.toml", "patches", "recipes"
    ]  # fmt: skip
    return made


def shipped(own: Own) -> dict[str, str]:
    """Hashes of what the package came with."""
    folder = own.package / "shipped"
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}


def test_the_package_has_the_project_s_own_files_and_no_results(program: Path) -> None:
    found = shipped(Own(program, program.parent, {}))
    tracked = [path for part in ("recipes", "patches", "dockerfiles") for path in (ROOT / part).rglob("*")]
    expected = [p for p in (ROOT / "harness.toml", *tracked) if p.is_file() and "__pycache__" not in p.parts]
    assert found == {path.relative_to(ROOT).as_posix(): sha256_file(path) for path in expected}


def test_without_a_project_the_way_to_one_is_shown(program: Path, tmp_path: Path) -> None:
    done = Own(program, tmp_path, installed.variables()).run("list")
    assert done.returncode == 2
    assert "`harness init` starts a project here" in done.stderr


def test_keys_are_those_of_the_repository(own: Own) -> None:
    done = own.start([own.python, "-c", PRINT_KEYS])
    assert done.returncode == 0, done.stderr
    file, *keys = done.stdout.split()
    assert Path(file).is_relative_to(own.package)
    assert keys == [run.key for run in TableRequest(load(ROOT, {}), "table2", Settings()).runs]


def test_the_demonstration_runs_and_writes_nothing_into_the_package(own: Own) -> None:
    before = shipped(own)
    done = own.run("reproduce", "demo", "--profile", "quick", "--seeds", "42")
    assert done.returncode == 1, done.stderr
    assert "Written: results/demonstration/tables/demo/demo" in done.stdout
    assert shipped(own) == before
    (record, *_) = (own.folder / "results" / "demonstration" / "runs").glob("*/record.json")
    assert json.loads(record.read_text())["resolved"]["harness"]["commit"] is None


def test_code_patches_recipe_and_data_of_one_s_own(own: Own, tmp_path: Path) -> None:
    """The demonstration's code under another name stands for a custom code base."""
    commit = embedded.COMMIT
    with (own.folder / "harness.toml").open("a") as file:
        file.write(MY_CODE.format(url=embedded.repository(tmp_path / "mycode"), commit=commit))
    patches = own.folder / "patches" / "mycode"
    shutil.copytree(ROOT / "patches" / "demo", patches)
    for path in patches.glob("*.patch"):
        path.write_text(path.read_text().replace("Upstream: demo ", "Upstream: mycode "))
    recipe = (ROOT / "recipes" / "demo" / "demo.yaml").read_text()
    recipe = recipe.replace("artifact: demo/demo", "artifact: mine/table").replace("upstream: demo", "upstream: mycode")
    (own.folder / "recipes" / "mine" / "table.yaml").write_text(recipe.replace("[generated]", "[shop]"))
    ratings = own_data.write(tmp_path, "ratings.csv")
    added = own.run("dataset", "add", str(ratings), "--upstream", "mycode", "--name", "shop")
    assert added.returncode == 0, added.stderr
    assert "next: harness reproduce mine/table --where dataset=shop" in added.stdout
    where = ("--where", "loss=bce|ce-all", "--profile", "quick", "--seeds", "1")
    done = own.run("reproduce", "mine/table", *where)
    assert done.returncode == 1, done.stderr
    assert "shop (60 users)" in done.stdout
    assert f"upstream:mycode@{commit[:12]}" in done.stdout
    refused = own.run("patch", "new", "s3rec", "mine", "--tree", str(tmp_path), "--what", "x", "--why", "y")
    assert refused.returncode == 2
    assert "the patches of s3rec are the shipped project's" in refused.stderr


@pytest.mark.upstream
def test_own_data_in_the_paper_s_table_on_the_real_s3rec(own: Own, mirror: str, tmp_path: Path) -> None:
    cache = os.environ.get("HARNESS_CACHE", str(ROOT / ".cache"))
    project = Own(own.program, own.folder, {**own.env, "HARNESS_GIT_MIRROR": mirror, "HARNESS_CACHE": cache})
    ratings = own_data.write(tmp_path, "ratings.dat")
    assert project.run("dataset", "add", str(ratings), "--upstream", "s3rec", "--name", "mine").returncode == 0
    where = ("--where", "dataset=lastfm|mine,system=sasrec/bce", "--profile", "quick")
    done = project.run("reproduce", "table2", *where, timeout=900)
    assert done.returncode == 1, done.stderr
    paths = (own.folder / "results" / "runs").glob("*/record.json")
    found = [json.loads(path.read_text()) for path in paths]
    assert {(r["dataset"], r["system"], r["status"]) for r in found} == {
        (dataset, system, "finished") for dataset in ("lastfm", "mine") for system in ("popularity", "sasrec/bce")
    }
