"""Losses that the command line adds: which systems they become, what a filter leaves of them, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import recipe_texts

from harness.core.errors import ArgumentError
from harness.core.project_file import Upstream
from harness.core.results import Claim
from harness.recipes import extra_losses, loss_catalogue, selection
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Settings
from harness.recipes.systems import AddedSystem
from harness.runs import plan
from harness.runs.key_changes import key_changes
from harness.runs.keys import Pinned
from harness.runs.overlay import Overlay
from harness.runs.plan import Run

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = loss_catalogue.read(ROOT)
PINNED = Pinned("c" * 40, {}, Overlay({}), {})
TOY = Upstream(url="u", commit="c" * 40, code=(), framework="torch", losses=("bce", "gbce", "ssm"), own_loss=True)
MINE = "def focal(hidden, item_embeddings, targets, mask, *, generator=None, gamma=2.0): ...\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with mine.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def recipe(hosts: Sequence[str] = ("net/ce-all", "deep/bce")) -> Recipe:
    """The small recipe with hosts for custom losses."""
    command = [*recipe_texts.raw()["command"], "--loss_options={loss_options}"]
    return recipe_texts.recipe(own_loss=list(hosts), command=command)


def extended(*asked: str, upstream: Upstream = TOY, of: Recipe | None = None, **where: tuple[str, ...]) -> Recipe:
    return extra_losses.with_extra_losses(of or recipe(), upstream, CATALOGUE, asked, where)


def left(*asked: str, **where: tuple[str, ...]) -> list[str]:
    """Systems that the table then has, floor aside."""
    return [key for key in selection.systems(extended(*asked, **where), where) if key != "popularity"]


def runs(*asked: str, **where: tuple[str, ...]) -> list[Run]:
    """Its runs with seed 1 on the dataset `small`."""
    where = {"dataset": ("small",), **where}
    settings = Settings(where=where, seeds=(1,), losses=asked)
    return plan.plan_runs(extended(*asked, **where), recipe_texts.data(), PINNED, settings)


def refused(*asked: str, **more: Any) -> str:
    with pytest.raises(ArgumentError) as caught:
        extended(*asked, **more)
    assert caught.value.exit_code == 2
    assert caught.value.fix
    return str(caught.value)


def test_a_loss_becomes_a_system_behind_the_last_of_its_host_s_model() -> None:
    assert left("mine.py:focal", "gbce:k=5") == [
        "net/bce", "net/ce-all", "net/focal", "net/gbce:k=5", "deep/bce", "deep/focal", "deep/gbce:k=5",
    ]  # fmt: skip


def test_it_has_everything_of_its_host_but_the_loss() -> None:
    made = extended("mine.py:focal:gamma=3")
    host, system = made.systems["net/ce-all"], made.systems["net/focal:gamma=3"]
    assert isinstance(system, AddedSystem)
    assert (system.model, system.arguments, system.host) == (host.model, host.arguments, "net/ce-all")
    assert made.systems["deep/focal:gamma=3"].checkpoint
    assert (system.label, system.published, system.floor) == ("Net, focal (gamma=3)", None, False)
    assert system.file is not None
    assert system.proven_loss == f"focal@{system.file.sha256[:12]}"
    assert made.systems["net/ce-all"] == recipe().systems["net/ce-all"]


def test_runs_of_one_s_own_loss_have_its_hash_in_their_inputs_and_no_path() -> None:
    run = next(r for r in runs("mine.py:focal:gamma=3") if r.system == "net/focal:gamma=3")
    assert "--loss=$LOSS:focal" in run.command
    assert "--loss_options=gamma=3" in run.command
    assert list(run.inputs["loss"]) == ["focal"]
    assert run.proof == f"focal@{run.inputs['loss']['focal'][:12]}"
    assert (run.loss, run.host, run.loss_options) == ("focal", "net/ce-all", {"gamma": "3"})
    assert "mine.py" not in str(run.inputs)


def test_runs_of_a_loss_of_the_catalogue_name_it() -> None:
    run = next(r for r in runs("gbce:t=1,k=5") if r.system == "net/gbce:k=5+t=1.0")
    assert "--loss=gbce" in run.command
    assert "--loss_options=k=5,t=1.0" in run.command
    assert "loss" not in run.inputs
    assert (run.proof, run.loss_options) == ("gbce", {"k": "5", "t": "1.0"})


def test_the_recipe_s_own_runs_keep_their_keys() -> None:
    settings = Settings(where={"dataset": ("small",)}, seeds=(1,))
    bare = {r.key for r in plan.plan_runs(recipe(), recipe_texts.data(), PINNED, settings)}
    assert bare < {r.key for r in runs("mine.py:focal")}


def test_an_edited_file_is_another_run_and_says_why(folder: Path) -> None:
    before = next(r for r in runs("mine.py:focal") if r.system == "net/focal")
    (folder / "mine.py").write_text(MINE + "# a comment\n")
    after = next(r for r in runs("mine.py:focal") if r.system == "net/focal")
    assert after.key != before.key
    assert key_changes(before.inputs, after.inputs) == ["loss focal changed"]


@pytest.mark.parametrize(
    ("where", "systems"),
    [
        ({}, ["net/bce", "net/ce-all", "net/focal", "net/ssm", "deep/bce", "deep/focal", "deep/ssm"]),
        ({"model": ("net",)}, ["net/bce", "net/ce-all", "net/focal", "net/ssm"]),
        ({"loss": ("ce-all",)}, ["net/ce-all", "net/focal", "net/ssm", "deep/focal", "deep/ssm"]),
        ({"loss": ("focal",)}, ["net/focal", "deep/focal"]),
        ({"loss": ("bce", "ssm"), "model": ("net",)}, ["net/bce", "net/ssm"]),
        ({"system": ("net/bce",)}, ["net/bce", "net/focal", "net/ssm"]),
        ({"system": ("net/bce", "net/focal")}, ["net/bce", "net/focal"]),
        ({"system": ("deep/ssm",)}, ["deep/ssm"]),
    ],
)
def test_added_systems_stay_unless_the_filter_is_about_them(
    where: dict[str, tuple[str, ...]], systems: list[str]
) -> None:
    assert left("mine.py:focal", "ssm", **where) == systems


def test_added_systems_meet_every_other_of_their_model_once() -> None:
    chosen = selection.systems(extended("mine.py:focal", "ssm", model=("net",)), {"model": ("net",)})
    assert extra_losses.comparisons(chosen, ["HIT@10"]) == [
        Claim("net/focal", other, "HIT@10", own=True) for other in ("net/bce", "net/ce-all", "net/ssm")
    ] + [Claim("net/ssm", other, "HIT@10", own=True) for other in ("net/bce", "net/ce-all")]


def test_a_table_says_what_was_put_in() -> None:
    made = extended("mine.py:focal", "gbce:k=5,t=0.5")
    digest = made.systems["net/focal"].proven_loss.partition("@")[2]
    assert extra_losses.footnotes(made) == (
        f"focal: mine.py, SHA-256 {digest}; added in place of the loss of Net+, Deep",
        "gbce (k=5, t=0.5): generalised binary cross-entropy, petrov2023 eq. 8, 27; "
        "added in place of the loss of Net+, Deep",
    )
    assert extra_losses.names(made, digits=12, between=" ") == [f"focal@{digest}", "gbce:k=5 t=0.5"]
    assert extra_losses.names(recipe(), digits=12, between=" ") == []


NUMPY = TOY.model_copy(update={"framework": "numpy", "own_loss": False})
UNPATCHED = TOY.model_copy(update={"own_loss": False})


@pytest.mark.parametrize(
    ("asked", "more", "message"),
    [
        (["gbc"], {}, "'gbc' is neither a known loss nor a Python file\n  fix: write --loss mine.py:my_loss"),
        (["mine:focal"], {}, "'mine' is neither a known loss nor a Python file"),
        (["top1"], {}, "upstream toy does not support top1\n  fix: it supports bce, gbce, ssm"),
        (["gbce:k=0,tt=1"], {}, "gbce: k: 0 is below 1; gbce has no option 'tt'"),
        (["gbce:k"], {}, "gbce: 'k' is not name=value"),
        (["gbce:k=1,k=2"], {}, "gbce: k is a duplicate"),
        (["mine.py"], {}, "mine.py has no function name\n  fix: write mine.py:focal"),
        (["mine.py:focl"], {}, "mine.py has no function 'focl'"),
        (["mine.py:focal:gama=1"], {}, "mine.py:focal has no option 'gama'"),
        (["mine.py:focal"], {"upstream": NUMPY}, "supports no custom loss: it computes its losses in NumPy"),
        (["mine.py:focal"], {"upstream": UNPATCHED}, "supports no custom loss: it has no patch for it"),
        (["ssm"], {"of": recipe(())}, "paper/table has no system that accepts another loss"),
        (["bce"], {}, "net/bce, deep/bce: the recipe already has this system\n  fix: select it by --where"),
        (["mine.py:focal", "mine.py:focal:"], {}, "focal is a duplicate\n  fix: remove one"),
        (["gbce:k=5", "gbce:k=5"], {}, "gbce:k=5 is a duplicate"),
        (
            ["ssm"],
            {"model": ("popularity",)},
            "the filter selects no system that accepts a loss\n  fix: these do: net/",
        ),
        (["ssm"], {"system": ("net/sm",)}, "unknown system 'net/sm'\n  fix: did you mean 'net/ssm'"),
        (["ssm"], {"loss": ("focal",)}, "unknown loss 'focal'"),
    ],
)
def test_what_cannot_be_put_in_is_told(asked: list[str], more: dict[str, Any], message: str) -> None:
    assert message in refused(*asked, **more)


def test_functions_of_one_name_cannot_stand_side_by_side(folder: Path) -> None:
    (folder / "other.py").write_text(MINE + "# another\n")
    assert "focal is a duplicate\n  fix: rename the function" in refused("mine.py:focal", "other.py:focal")
    (folder / "bce.py").write_text(MINE.replace("focal", "bce"))
    assert "deep/bce: the recipe already has this system\n  fix: rename bce in bce.py" in refused("bce.py:bce")


def test_a_clash_is_one_only_in_the_models_that_the_filter_leaves() -> None:
    of = recipe(("net/ce-all",))
    assert "net/bce: the recipe already has this system" in refused("bce", of=of)
    both = recipe(("net/ce-all", "deep/bce"))
    assert "net/bce, deep/bce: the recipe already has" in refused("bce", of=both)
    assert "deep/bce: the recipe already has" in refused("bce", of=both, model=("deep",))


@pytest.mark.parametrize("path", ["my losses/mine.py", "a.b/mine.py", "./mine.py", "x:y/mine.py"])
def test_paths_of_all_kinds(folder: Path, path: str) -> None:
    file = folder / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(MINE)
    system = extended(f"{path}:focal:gamma=1").systems["net/focal:gamma=1"]
    assert isinstance(system, AddedSystem)
    assert system.file is not None
    assert system.file.path == path
