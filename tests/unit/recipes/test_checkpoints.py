"""Weights that authors released: pinned by content, one for each cell that loads one, all mistakes reported at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import made_overlay
import pytest
import recipe_texts
from recipe_texts import RECIPE, SHA, write

from harness.core.config import load as load_config
from harness.core.errors import ConfigError, RecipeError
from harness.recipes import recipe as recipes
from harness.recipes.checkpoints import Checkpoint, Pretraining
from harness.recipes.selection import Settings
from harness.runs.keys import Pinned
from harness.runs.plan import Run, plan_runs
from harness.runs.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
RELEASED = f"""
checkpoints:
  release: theirs
  files:
    small: {{deep/bce: {{path: out/Deep-small.pt, sha256: {SHA}}}}}
    large: {{deep/bce: {{path: out/Deep-large.pt, blob: {"b" * 40}}}}}
"""
TEXT = RECIPE.replace('"--ckp={checkpoint_epochs}"', '"--weights={out}/{checkpoint}"') + RELEASED
PINNED = Pinned("c" * 40, {}, made_overlay.imported(losses="o = 1"), {"lock": "l"})


def recipe(root: Path, text: str = TEXT) -> recipes.Recipe:
    return recipes.load_recipe(write(root, text), "paper/table", {})


def planned(root: Path, text: str = TEXT) -> dict[str, Run]:
    """Runs of `deep/bce` with seed 1, by dataset."""
    found = plan_runs(recipe(root, text), recipe_texts.data(), PINNED, Settings(seeds=(1,)))
    return {run.dataset: run for run in found if run.system == "deep/bce"}


def test_a_file_is_named_after_its_path_and_pinned() -> None:
    assert Checkpoint(path="a/b.pt", sha256=SHA).name == "b.pt"  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=re.escape("b.pt: give either sha256 or blob")):
        Checkpoint.model_validate({"path": "a/b.pt"})


def test_each_cell_loads_its_own_file_and_its_content_is_in_the_key(tmp_path: Path) -> None:
    found = planned(tmp_path)
    assert found["small"].inputs["checkpoint"] == {"Deep-small.pt": f"sha256:{SHA}"}
    assert found["large"].inputs["checkpoint"] == {"Deep-large.pt": f"blob:{'b' * 40}"}
    assert "--weights=$OUT/Deep-small.pt" in found["small"].command
    other = planned(tmp_path, TEXT.replace(f"Deep-small.pt, sha256: {SHA}", f"Deep-small.pt, sha256: {'9f' * 32}"))
    assert other["small"].key != found["small"].key
    assert other["large"].key == found["large"].key


def test_without_released_weights_the_dataset_s_own_are_loaded(tmp_path: Path) -> None:
    assert planned(tmp_path, RECIPE)["small"].checkpoint == "Small.pt"


def test_all_mistakes_in_the_files_are_told_at_once(tmp_path: Path) -> None:
    text = TEXT.replace("    large: {deep/bce", "    lrage: {net/bce: {path: x.pt, sha256: " + SHA + "}, depe/bce")
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, text)
    for message in (
        "checkpoints: unknown dataset 'lrage' (did you mean 'large'?",
        "unknown system 'depe/bce' (did you mean 'deep/bce'",
        "net/bce has a file but no `checkpoint: true`",
        "large: no file for deep/bce",
    ):
        assert message in str(caught.value)


@pytest.mark.parametrize("margin", [{}, {"relative": 0.1, "absolute": 0.1}, {"absolute": 0}, {"relative": 1.5}])
def test_a_margin_is_relative_or_absolute(margin: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="margin"):
        recipe_texts.recipe(margin=margin)
    assert recipe_texts.recipe(margin={"absolute": 0.1}).margin.absolute == 0.1


def workspace(root: Path, **changes: Any) -> Workspace:
    """A workspace for a recipe on a small project; nothing in it is made."""
    (root / "harness.toml").write_text(
        '[environments.numpy]\nkind = "inherit"\n[upstreams.toy]\nurl = "u"\n'
        f'commit = "{"1" * 40}"\ncode = ["/*"]\n'
        f'[releases.theirs]\nurl = "u"\ncommit = "{"2" * 40}"\n'
    )
    request: Any = None
    return Workspace(load_config(root, {}), recipe_texts.recipe(**changes), request, 1, 1.0)


def test_an_unknown_release_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    files = {dataset: {"deep/bce": {"path": "x", "sha256": SHA}} for dataset in ("small", "large")}
    unknown = {"release": "thiers", "files": files}
    with pytest.raises(ConfigError, match=r"unknown release 'thiers'.*\n?.*did you mean 'theirs'"):
        _ = workspace(tmp_path, checkpoints=unknown).pinned


@pytest.mark.parametrize("name", ["li2023/released", "li2023/fig1-released"])
def test_the_committed_recipes_name_no_file_twice(name: str) -> None:
    found = recipes.load_recipe(ROOT, name, {}).checkpoints
    assert found is not None
    pins = [file.content for files in found.files.values() for file in files.values()]
    assert len(set(pins)) == len(pins) == {"li2023/released": 40, "li2023/fig1-released": 11}[name]


def test_a_pre_training_that_does_not_depend_on_the_seed_is_refused() -> None:
    """One file of weights would be shared by all seeds."""
    with pytest.raises(ValueError, match=r"no word of its command has \{seed\}"):
        Pretraining(model="net", command=("python", "pretrain.py"), produces="{dataset}.pt")
    assert Pretraining(model="net", command=("python", "pretrain.py", "--seed={seed}"), produces="{dataset}.pt")
