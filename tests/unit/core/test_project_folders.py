"""A project that extends the shipped one: both are there, and its own files replace nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import ROOT

from harness.commands import project_init
from harness.commands.check.tables import check_findings
from harness.commands.listing import list_datasets
from harness.commands.table_request import TableRequest
from harness.core import project_folders
from harness.core.config import Config, load
from harness.core.errors import ArgumentError, ConfigError, RecipeError
from harness.recipes.recipe import artifacts, load_recipe
from harness.recipes.selection import Settings
from harness.runs import equivalence, overlay

UPSTREAM = """
[upstreams.{name}]
url = "https://example.org/code"
commit = "0123456789012345678901234567890123456789"
code = ["/*"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A new project that extends the shipped one."""
    project_init.init(tmp_path / "own")
    return tmp_path / "own"


def config_of(root: Path) -> Config:
    return load(root, {})


def append(root: Path, text: str) -> None:
    with (root / "harness.toml").open("a") as file:
        file.write(text)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_new_project_has_all_that_is_shipped_and_its_own_folders(root: Path) -> None:
    own, shipped = config_of(root), load(ROOT, {})
    assert own.file.upstreams == shipped.file.upstreams
    assert own.file.environments == shipped.file.environments
    assert own.file.aliases == shipped.file.aliases
    assert (own.results, own.cache, own.data) == (root / "results", root / ".cache", root / "data")
    assert own.file.check.prose == ()
    assert artifacts(root) == sorted([*artifacts(ROOT), "mine/example"])
    assert list_datasets(own) == list_datasets(shipped)
    assert project_folders.base_of(ROOT) is None


def test_run_keys_are_those_of_the_shipped_project(root: Path) -> None:
    for name in ("table2", "petrov2023/fig1", "klenitskiy2023/table2"):
        own, shipped = (TableRequest(config, name, Settings()).runs for config in (config_of(root), load(ROOT, {})))
        assert [run.key for run in own] == [run.key for run in shipped]


def test_the_example_shares_runs_with_the_paper_s_table(root: Path) -> None:
    """So it is a recipe that can be used as it is."""
    config = config_of(root)
    own = {run.system: run.key for run in TableRequest(config, "mine/example", Settings(seeds=(42,))).runs}
    where = {"dataset": ("lastfm",), "model": ("sasrec",)}
    assert own == {run.system: run.key for run in TableRequest(config, "table2", Settings(where=where)).runs}


def test_settings_are_one_s_own_key_by_key(root: Path) -> None:
    append(root, '\n[local]\njobs = 3\n[check]\nprose = ["README.md"]\n')
    own, shipped = config_of(root).file, load(ROOT, {}).file
    assert own.local == shipped.local.model_copy(update={"jobs": 3})
    assert own.check.prose == ("README.md",)


def test_upstreams_of_one_s_own_stand_beside_the_shipped_ones(root: Path) -> None:
    append(root, UPSTREAM.format(name="mycode") + '[aliases]\nmine = "mine/example"\n')
    file = config_of(root).file
    assert file.upstreams["mycode"].url == "https://example.org/code"
    assert "s3rec" in file.upstreams
    assert (file.aliases["mine"], file.aliases["table2"]) == ("mine/example", "li2023/table2")


@pytest.mark.parametrize("text", [UPSTREAM.format(name="s3rec"), '[aliases]\ntable2 = "mine/example"\n'])
def test_an_entry_that_is_shipped_too_is_refused(root: Path, text: str) -> None:
    append(root, "\n" + text)
    with pytest.raises(ConfigError, match="the shipped project has an entry of this name too"):
        config_of(root)


@pytest.mark.parametrize(
    "name",
    ["recipes/li2023/table2.yaml", "recipes/papers/li2023.yaml", "patches/s3rec/series", "patches/losses.yaml",
     "patches/overlay/probe.py", "dockerfiles/torch.in"],
)  # fmt: skip
def test_a_file_that_is_shipped_too_is_refused_unless_it_is_the_same(root: Path, name: str) -> None:
    text = (ROOT / name).read_text()
    write(root / name, text)
    config_of(root)
    write(root / name, text + "# changed\n")
    with pytest.raises(ConfigError, match=f"{name}: the shipped project has this file too"):
        config_of(root)


def test_a_mistake_is_named_by_one_s_own_file(root: Path) -> None:
    append(root, "\n[local]\njbos = 3\n")
    with pytest.raises(ConfigError, match=r"own/harness\.toml: 1 problem.*\n.*local\.jbos: unknown key"):
        config_of(root)
    (root / "harness.toml").write_text('extends = "another"\n')
    with pytest.raises(ConfigError, match="extends: Input should be"):
        config_of(root)


@pytest.mark.parametrize("text", ["upstreams = 3\n", "local = 3\n", 'aliases = ["a"]\n'])
def test_values_of_another_kind_are_reported(root: Path, text: str) -> None:
    (root / "harness.toml").write_text('extends = "shipped"\n' + text)
    with pytest.raises(ConfigError, match="Input should be a valid dictionary"):
        config_of(root)


def test_datasets_of_both_are_merged_and_unique(root: Path) -> None:
    entry = (ROOT / "recipes/data/demo.yaml").read_text()
    write(root / "recipes/data/demo.yaml", entry.replace("  generated:", "  other:"))
    assert list(list_datasets(config_of(root))["demo"]) == ["generated", "other"]
    write(root / "recipes/data/demo.yaml", entry)
    with pytest.raises(RecipeError, match="generated is defined in another file too"):
        list_datasets(config_of(root))


def test_overlay_modules_and_equivalence_of_both_count(root: Path) -> None:
    write(root / "patches/overlay/mine/model.py", "import numpy\n")
    own, shipped = overlay.of_project(root).modules, overlay.of_project(ROOT).modules
    assert set(own) - set(shipped) == {"mine/model.py"}
    assert set(shipped) <= set(own)
    digest = "ab" * 32
    entry = f'[[equivalent]]\npart = "overlay"\nnow = {{"mine/model.py" = "{digest}"}}\nwas = {{}}\nevidence = "none"\n'
    write(root / "patches/overlay/equivalent.toml", entry)
    assert len(equivalence.read(root).entries) == 1 + len(equivalence.read(ROOT).entries)
    config_of(root)


def test_a_recipe_of_one_s_own_is_read_with_the_shipped_losses(root: Path) -> None:
    path = root / "recipes/mine/example.yaml"
    path.write_text(
        path.read_text().replace("    label: SASRec ce-all\n", "    label: x\n    loss_options: {form: lean}\n")
    )
    assert load_recipe(root, "mine/example", {}).systems["sasrec/ce-all"].loss_options == {"form": "lean"}
    path.write_text(path.read_text().replace("form: lean", "fourm: lean"))
    with pytest.raises(RecipeError, match="fourm"):
        load_recipe(root, "mine/example", {})


def test_init_writes_nothing_over_anything(root: Path, tmp_path: Path) -> None:
    for folder in (root, root / "recipes"):
        with pytest.raises(ArgumentError, match="is a project"):
            project_init.init(folder)
    write(tmp_path / "full" / "README.md", "mine\n")
    with pytest.raises(ArgumentError, match=r"has README\.md already"):
        project_init.init(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["README.md"]


def test_the_shipped_project_s_findings_are_not_asked_of_one_that_extends_it(root: Path) -> None:
    assert list(check_findings(config_of(root))) == []
    write(root / "docs/findings.md", "other\n")
    assert [item.name for item in check_findings(config_of(root))] == ["docs/findings.md"]
