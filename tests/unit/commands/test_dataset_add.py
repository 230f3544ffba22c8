"""`harness dataset add`: what it writes is what a run is then given, and a second dataset never replaces a first."""

from __future__ import annotations

from pathlib import Path

import own_data
import pytest
from projects import fresh

from harness.commands import dataset_add
from harness.commands.dataset_add import Added, Asked
from harness.commands.listing import list_datasets
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.config import Config, load
from harness.core.errors import ArgumentError, DatasetError, RecipeError, SourceError
from harness.recipes.datasets import defined
from harness.recipes.selection import Settings
from harness.upstreams import data_fetch
from harness.upstreams.own_data.filters import Choices


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(fresh(tmp_path / "project").folder, {})


def add(config: Config, tmp_path: Path, file: str = "ratings.dat", upstream: str = "demo", name: str = "mine") -> Added:
    return dataset_add.add(config, Asked(own_data.write(tmp_path, file), upstream, name))


def never() -> tuple[Path, data_fetch.checkout.Pin]:
    raise AssertionError("the upstream was asked for data of your own")


def materialised(config: Config, upstream: str, name: str) -> Path:
    """The folder that a run of this dataset is given."""
    dataset = defined(config.root, upstream)[name]
    files = {file.name: file for file in dataset.files}
    return data_fetch.materialise(config, dataset, lambda wanted: data_fetch.read(config, files[wanted], never))


@pytest.mark.parametrize(
    "upstream", ["s3rec", "gsasrec", "gsasrec-pytorch", "sasrec-bert4rec", "bert4rec_repro", "demo"]
)
def test_what_is_added_passes_every_check_of_a_run(config: Config, tmp_path: Path, upstream: str) -> None:
    added = add(config, tmp_path, upstream=upstream)
    assert defined(config.root, upstream)["mine"] == added.dataset
    folder = materialised(config, upstream, "mine")
    assert sorted(f.name for f in added.dataset.files) == sorted(p.name for p in folder.iterdir() if p.name[0] != ".")
    assert all(path.is_file() for path in added.paths)


def test_one_file_has_the_same_interactions_in_every_code_base_and_format(config: Config, tmp_path: Path) -> None:
    found = [add(config, tmp_path, "ratings.dat", "s3rec"), add(config, tmp_path, "ratings.csv", "gsasrec")]
    found += [add(config, tmp_path, "interactions.inter", "s3rec", "again")]
    assert len({added.dataset.interactions_sha256 for added in found}) == 1
    assert found[0].dataset.files[0].sha256 != found[1].dataset.files[0].sha256


def test_the_filter_is_recorded(config: Config, tmp_path: Path) -> None:
    path = own_data.write(tmp_path, "ratings.dat")
    path.write_text(path.read_text() + "900::1::5::1\n900::2::5::2\n")
    with pytest.raises(DatasetError, match="user 900 has 2 item"):
        dataset_add.add(config, Asked(path, "s3rec", "mine"))
    assert not (config.root / "recipes" / "data" / "s3rec").exists()
    assert not config.data.exists()
    dataset_add.add(config, Asked(path, "s3rec", "mine", choices=Choices(core=2, min_length=7)))
    origin = list_datasets(config)["s3rec"]["mine"].origin
    assert origin is not None
    assert (origin.file, origin.core, origin.min_length, origin.order) == ("ratings.dat", 2, 7, "time")
    short = sum(len(own) < 7 for own in own_data.sequences())
    assert origin.left_out.users == 1 + short > 1


@pytest.mark.parametrize("name", ["", "1m", "a/b", "a,b", "a" * 41, "lastfm", "LastFM", "Beauty"])
def test_names_that_cannot_be_are_refused(config: Config, tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match="--name"):
        add(config, tmp_path, upstream="s3rec", name=name)
    assert not config.data.exists()


def test_a_dataset_is_replaced_on_request_only(config: Config, tmp_path: Path) -> None:
    first = add(config, tmp_path).dataset
    path = own_data.write(tmp_path, "pairs.txt")
    with pytest.raises(ArgumentError, match="--replace"):
        dataset_add.add(config, Asked(path, "demo", "mine"))
    assert defined(config.root, "demo")["mine"] == first
    dataset_add.add(config, Asked(path, "demo", "mine", replace=True))
    assert defined(config.root, "demo")["mine"].origin != first.origin


def test_data_that_was_moved_or_changed_is_named(config: Config, tmp_path: Path) -> None:
    added = add(config, tmp_path)
    place = config.data / "demo" / "mine.txt"
    text = place.read_text()
    place.write_text(text.replace("1 ", "1 1 ", 1))
    with pytest.raises(DatasetError, match=added.dataset.files[0].content):
        materialised(config, "demo", "mine")
    place.unlink()
    with pytest.raises(SourceError, match=r"demo/mine\.txt: does not exist"):
        materialised(config, "demo", "mine")


def test_an_upstream_that_takes_no_data_says_who_does(config: Config, tmp_path: Path) -> None:
    file = config.root / "harness.toml"
    file.write_text(file.read_text().replace('own_data = {layout = "users"}\n', ""))
    with pytest.raises(ArgumentError, match="these do: s3rec, gsasrec"):
        add(load(config.root, {}), tmp_path)


def test_a_table_takes_a_dataset_that_its_recipe_does_not_have(config: Config, tmp_path: Path) -> None:
    """Claims stay those of the recipe, so nothing that was fixed before the runs changes."""
    add(config, tmp_path, upstream="s3rec")
    asked = TableRequest(config, "table2", Settings(where={"dataset": ("mine", "lastfm"), "model": ("sasrec",)}))
    assert asked.added_datasets == ("mine",)
    assert {run.dataset for run in asked.runs} == {"lastfm", "mine"}
    assert asked.recipe.criteria.sha256 == asked.written.criteria.sha256
    claims = table_spec(asked).claims
    assert {(c.better, c.own) for c in claims if c.is_about("mine")} == {("sasrec/ce-all", True)}
    assert {(c.better, c.own) for c in claims if c.is_about("lastfm")} == {("sasrec/ce-all", False)}


def test_runs_on_a_recipe_s_own_datasets_keep_their_keys(config: Config, tmp_path: Path) -> None:
    before = [run.key for run in TableRequest(config, "table2", Settings()).runs]
    add(config, tmp_path, upstream="s3rec")
    assert [run.key for run in TableRequest(config, "table2", Settings()).runs] == before


def test_an_unknown_dataset_is_still_refused(config: Config, tmp_path: Path) -> None:
    add(config, tmp_path)
    with pytest.raises(ArgumentError, match=r"unknown dataset 'mein'\s+fix: did you mean 'mine'"):
        _ = TableRequest(config, "demo", Settings(where={"dataset": ("mein",)})).runs


def test_weights_that_were_released_for_one_dataset_are_used_on_no_other(config: Config, tmp_path: Path) -> None:
    add(config, tmp_path, upstream="s3rec")
    with pytest.raises(ArgumentError, match="unknown dataset 'mine'"):
        _ = TableRequest(config, "li2023/released", Settings(where={"dataset": ("mine",)})).runs
    with pytest.raises(RecipeError, match="s3rec/bce needs a checkpoint, dataset mine has none"):
        _ = TableRequest(config, "table2", Settings(where={"dataset": ("mine",)})).runs


def test_two_files_that_define_one_dataset_are_refused(config: Config, tmp_path: Path) -> None:
    add(config, tmp_path)
    folder = config.root / "recipes" / "data" / "demo"
    (folder / "other.yaml").write_text((folder / "mine.yaml").read_text())
    with pytest.raises(RecipeError, match="mine is defined in another file too"):
        defined(config.root, "demo")
