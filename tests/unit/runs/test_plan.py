"""Plans: which runs a table has, and keys that change with all that can change a number and with nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import made_overlay
import pytest
import recipe_texts
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ArgumentError, RecipeError
from harness.recipes.selection import Settings, options, systems
from harness.runs import keys
from harness.runs.key_changes import key_changes
from harness.runs.keys import Pinned, content_key
from harness.runs.plan import Run, plan_runs
from harness.upstreams.patches.format import effect
from harness.upstreams.patches.format import parse as parse_patch

ROOT = Path(__file__).resolve().parents[3]
PINNED = Pinned(
    commit="c" * 40,
    patches={"0001-choose-the-model": "p1", "0002-choose-the-loss.patch": "p2"},
    overlay=made_overlay.imported(losses="o1 = 1"),
    environment={"lock": "l", "python": "3.11"},
)


def planned(pinned: Pinned = PINNED, data: dict[str, Any] | None = None, **settings: Any) -> list[Run]:
    """Runs of the small recipe on its dataset `small`."""
    where = {"dataset": ("small",), **settings.pop("where", {})}
    return plan_runs(recipe_texts.recipe(), data or recipe_texts.data(), pinned, Settings(where=where, **settings))


def one(system: str = "net/bce", **more: Any) -> Run:
    """The run of a system with seed 1."""
    found = [r for r in planned(**more) if r.system == system]
    assert found[0].seed in (None, 1)
    return found[0]


def test_runs_are_datasets_times_systems_times_seeds_in_the_recipe_s_order() -> None:
    with_checkpoint = {**recipe_texts.data(), "large": recipe_texts.data()["small"]}
    found = plan_runs(recipe_texts.recipe(), with_checkpoint, PINNED, Settings())
    cells = [(r.dataset, r.system, r.seed) for r in found]
    assert cells[:7] == [
        ("small", "popularity", None),
        ("small", "net/bce", 1),
        ("small", "net/bce", 2),
        ("small", "net/ce-all", 1),
        ("small", "net/ce-all", 2),
        ("small", "deep/bce", 1),
        ("small", "deep/bce", 2),
    ]
    assert [c[1:] for c in cells[7:]] == [c[1:] for c in cells[:7]]
    assert {c[0] for c in cells[7:]} == {"large"}


def test_seeds_that_make_one_run_are_refused() -> None:
    """The braces of `{{seed}}` are those of the command's own: one record stood for every seed."""
    recipe = recipe_texts.recipe()
    same = recipe.model_copy(update={"command": tuple(word.replace("{seed}", "{{seed}}") for word in recipe.command)})
    with pytest.raises(RecipeError, match="net/bce: seeds 1 and 2 make the same command"):
        plan_runs(same, recipe_texts.data(), PINNED, Settings(where={"dataset": ("small",)}))


def test_a_command_is_filled_in_but_for_the_folders_of_the_machine() -> None:
    assert one().command == (
        "python", "train.py", "--data=$DATA/Small.txt", "--out=$OUT", "--name=Small", "--model=net", "--loss=bce",
        "--seed=1", "--epochs=200", "--lr=0.001", "--ckp=0", "--no_cuda",
    )  # fmt: skip
    assert one("net/ce-all").command[-2:] == ("--all", "--no_cuda")
    assert one("net/ce-all", device="cuda").command[-1] == "--all"
    assert one("popularity").command == ("python", "count.py", "$DATA/Small.txt")
    assert "--ckp=7" in one("deep/bce").command


def test_facts_of_a_run() -> None:
    run = one("deep/bce")
    assert (run.proof, run.users, run.checkpoint, run.epoch_cap) == ("bce", 10, "Small.pt", 200)
    assert (run.label, one("popularity").label) == ("small deep/bce seed 1", "small popularity")
    floor = one("popularity")
    assert (floor.proof, floor.checkpoint, floor.epoch_cap, floor.seed) == ("", None, None, None)


def with_recipe(**changed: Any) -> Run:
    return next(
        r
        for r in plan_runs(
            recipe_texts.recipe(**changed), recipe_texts.data(), PINNED, Settings(where={"dataset": ("small",)})
        )
        if r.system == "net/bce"
    )


SYSTEMS = recipe_texts.raw()["systems"]
OTHER_FILE = [{"path": "data/Small.txt", "name": "Small.txt", "sha256": "cd" * 32}]
CHANGES: dict[str, tuple[Callable[[], Run], str]] = {
    "commit": (
        lambda: one(pinned=dataclasses.replace(PINNED, commit="d" * 40)),
        "upstream commit changed from cccccccc to dddddddd",
    ),
    "a patch": (
        lambda: one(pinned=dataclasses.replace(PINNED, patches={**PINNED.patches, "0002-choose-the-loss.patch": "x"})),
        "patch 0002-choose-the-loss changed",
    ),
    "one patch more": (
        lambda: one(pinned=dataclasses.replace(PINNED, patches={**PINNED.patches, "0003-probe.patch": "p3"})),
        "patch 0003-probe added",
    ),
    "one patch less": (
        lambda: one(pinned=dataclasses.replace(PINNED, patches={"0001-choose-the-model": "p1"})),
        "patch 0002-choose-the-loss removed",
    ),
    "overlay": (
        lambda: one(pinned=dataclasses.replace(PINNED, overlay=made_overlay.imported(losses="o2 = 2"))),
        "overlay losses.py changed",
    ),
    "lock": (
        lambda: one(pinned=dataclasses.replace(PINNED, environment={"lock": "m", "python": "3.11"})),
        "environment lock changed",
    ),
    "data": (lambda: one(data=recipe_texts.data(files=OTHER_FILE)), "data Small.txt changed"),
    "seed": (lambda: planned(seeds=(9,))[1], "command changed: --seed=1 became --seed=9"),
    "an option": (lambda: one(options={"lr": "0.01"}), "command changed: --lr=0.001 became --lr=0.01"),
    "profile": (lambda: one(profile="quick"), "command changed: --epochs=200 became --epochs=3"),
    "threads": (lambda: one(threads=2), "threads changed from 1 to 2"),
    "command": (
        lambda: with_recipe(command=[*recipe_texts.raw()["command"], "--more"]),
        "command changed: (nothing) became --more",
    ),
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_key_changes_with_each_of_its_inputs_and_says_so(part: str) -> None:
    make, message = CHANGES[part]
    changed = make()
    assert changed.system == "net/bce"
    assert changed.key != one().key
    assert key_changes(one().inputs, changed.inputs) == [message]


def test_the_device_changes_the_key() -> None:
    """Its arguments are another matter: a recipe may have none."""
    assert one(device="cuda").key != one().key
    assert "device changed from cpu to cuda" in key_changes(one().inputs, one(device="cuda").inputs)


def test_the_checkpoint_changes_the_key_of_those_that_start_from_it() -> None:
    other = recipe_texts.data(checkpoint={"path": "p", "name": "Small.pt", "epochs": 7, "blob": "a" * 40})
    assert one("deep/bce", data=other).key != one("deep/bce").key
    assert one("net/bce", data=other).key == one("net/bce").key
    assert key_changes(one("deep/bce").inputs, one("deep/bce", data=other).inputs) == ["checkpoint Small.pt changed"]


@pytest.mark.parametrize(
    "changed",
    [
        {"artifact": "paper/other", "title": "Another"},
        {"claims": [], "margin": {"relative": 0.1}, "published": ""},
        {"metrics": ["MRR"], "claims": []},
        {"seeds": [1, 2, 3]},
        {"profiles": {}},
        {"systems": {**SYSTEMS, "net/bce": {**SYSTEMS["net/bce"], "label": "Another", "about": "words"}}},
    ],
    ids=lambda changed: ",".join(changed),
)
def test_words_of_a_recipe_are_not_in_the_key(changed: dict[str, Any]) -> None:
    assert with_recipe(**changed).key == one().key


def test_words_of_a_dataset_are_not_in_the_key() -> None:
    other = recipe_texts.data(label="Another", users=11, items=21)
    assert one(data=other).key == one().key


def test_a_run_knows_what_else_its_table_calls_it() -> None:
    """A record made under one of these names is not damaged."""
    recipe = recipe_texts.recipe()
    twin = recipe.systems["net/bce"].model_copy(update={"label": "Again", "published": None})
    named = recipe.model_copy(update={"systems": {**recipe.systems, "net/again": twin}})
    found = {
        r.system: r for r in plan_runs(named, recipe_texts.data(), PINNED, Settings(where={"dataset": ("small",)}))
    }
    assert found["net/bce"].key == found["net/again"].key
    assert (found["net/bce"].also, found["net/again"].also) == (("net/again", "net/bce"), ("net/bce", "net/bce"))
    assert found["net/ce-all"].also == ("net/ce-all",)


def test_two_tables_that_need_the_same_run_share_it_under_any_name() -> None:
    renamed = {"renamed": SYSTEMS["net/bce"], **{k: v for k, v in SYSTEMS.items() if k != "net/bce"}}
    recipe = recipe_texts.recipe(systems=renamed, claims=[])
    found = plan_runs(recipe, recipe_texts.data(), PINNED, Settings(where={"dataset": ("small",)}))
    assert found[0].system == "renamed"
    assert found[0].key == one().key


def test_a_patch_s_header_is_not_in_the_key_and_its_effect_is() -> None:
    path = sorted((ROOT / "patches" / "demo").glob("*.patch"))[0]
    raw = path.read_bytes()
    patch = parse_patch(path, raw)
    assert effect(parse_patch(path, raw.replace(b"Why: ", b"Why: for another reason, ", 1))) == effect(patch)
    assert effect(parse_patch(path.with_name("0009-renamed.patch"), raw)) == effect(patch)
    assert effect(parse_patch(path, raw.replace(patch.files[0].post_blob.encode(), b"e" * 40))) != effect(patch)


def test_the_key_of_given_inputs_never_moves_unnoticed() -> None:
    """A changed key repeats all runs: if this fails on purpose, add it to the changelog."""
    assert content_key({"command": ["python", "a.py"], "threads": 1}) == "247c9c2e1a2d2ab6f7d2"
    assert set(one().inputs) == {
        "upstream", "patches", "overlay", "environment", "data", "checkpoint", "command", "device", "threads",
    }  # fmt: skip
    assert len(one().key) == keys.KEY_DIGITS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def reordered(value: Any) -> Any:
    """An equal value whose dictionaries were filled in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(part) for part in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_equal_inputs_have_equal_keys_in_any_order(inputs: dict[str, Any]) -> None:
    assert content_key(reordered(inputs)) == content_key(inputs)


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=5), st.data())
def test_any_changed_entry_changes_the_key(inputs: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(inputs)))
    assert content_key({**inputs, name: inputs[name] + "x"}) != content_key(inputs)


def test_equal_runs_have_no_changes() -> None:
    assert key_changes(one().inputs, one().inputs) == []


def test_several_changes_are_all_told() -> None:
    pinned = dataclasses.replace(PINNED, commit="d" * 40, overlay=made_overlay.imported(models="o1 = 1"))
    assert key_changes(one().inputs, one(pinned=pinned, threads=4).inputs) == [
        "upstream commit changed from cccccccc to dddddddd",
        "overlay losses.py removed",
        "overlay models.py added",
        "threads changed from 1 to 4",
    ]


def test_a_renamed_module_that_changed_is_told_once() -> None:
    """Its record has the oldest name, represented by the modules it was split into."""
    old = {"overlay": {"losses.py": "1", "probe.py": "1"}}
    new = {"overlay": {"losses/in_torch.py": "2", "losses/checks.py": "2", "probe.py": "1", "own.py": "1"}}
    names = {"losses/in_torch.py": {"losses.py"}, "losses/checks.py": {"losses.py"}}
    assert key_changes(old, new, names) == [
        "overlay losses/checks.py changed", "overlay losses/in_torch.py changed", "overlay own.py added",
    ]  # fmt: skip
    assert "overlay losses.py removed" in key_changes(old, new)


def test_words_of_a_command_in_another_order_are_told_as_such() -> None:
    """It used to say "(nothing) became (nothing)"."""
    message = key_changes({"command": ["a", "b"]}, {"command": ["b", "a"]})
    assert message == ["command changed: its words in another order or number"]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ({}, ["popularity", "net/bce", "net/ce-all", "deep/bce"]),
        ({"dataset": ("small",)}, ["popularity", "net/bce", "net/ce-all", "deep/bce"]),
        ({"model": ("net",)}, ["popularity", "net/bce", "net/ce-all"]),
        ({"loss": ("bce",)}, ["popularity", "net/bce", "deep/bce"]),
        ({"model": ("deep", "net"), "loss": ("bce",)}, ["popularity", "net/bce", "deep/bce"]),
        ({"system": ("net/ce-all", "deep/bce")}, ["popularity", "net/ce-all", "deep/bce"]),
        ({"system": ("popularity",)}, ["popularity"]),
    ],
)
def test_filters_keep_what_they_name_and_the_floor(where: dict[str, Sequence[str]], left: list[str]) -> None:
    assert list(systems(recipe_texts.recipe(), where)) == left


def test_a_filter_by_dataset_leaves_the_others_out() -> None:
    assert {r.dataset for r in planned()} == {"small"}


def test_seeds_of_the_command_line_replace_the_recipe_s() -> None:
    seeds = [r.seed for r in planned(seeds=(7, 8, 9)) if r.system == "net/bce"]
    assert seeds == [7, 8, 9]


def test_an_option_set_by_hand_wins_over_the_profile_and_keeps_its_type() -> None:
    recipe = recipe_texts.recipe()
    assert options(recipe, Settings()) == {"epochs": 200, "lr": 0.001, "mode": "full"}
    assert options(recipe, Settings(profile="quick")) == {"epochs": 3, "lr": 0.001, "mode": "full"}
    found = options(recipe, Settings(profile="quick", options={"epochs": "5", "lr": "1e-2", "mode": "7"}))
    assert found == {"epochs": 5, "lr": 0.01, "mode": "7"}
    assert [type(value) for value in found.values()] == [int, float, str]
    assert one(options={"epochs": "5"}).epoch_cap == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"where": {"datset": ("small",)}}, "--where: unknown key 'datset'\n  fix: did you mean 'dataset'"),
        ({"where": {"dataset": ("smal",)}}, "--where: unknown dataset 'smal'\n  fix: did you mean 'small'"),
        ({"where": {"system": ("net/bc",)}}, "--where: unknown system 'net/bc'\n  fix: did you mean 'net/bce'"),
        ({"where": {"model": ("nett",)}}, "--where: unknown model 'nett'\n  fix: did you mean 'net'"),
        ({"where": {"loss": ("ceall",)}}, "--where: unknown loss 'ceall'\n  fix: did you mean 'ce-all'"),
        ({"where": {"model": ("deep",), "loss": ("ce-all",)}}, "--where: no system matches\n  fix: relax the filter"),
        ({"profile": "quik"}, "--profile: unknown profile 'quik'\n  fix: did you mean 'quick'"),
        ({"options": {"epoch": "3"}}, "--set: unknown option 'epoch'\n  fix: did you mean 'epochs'"),
        ({"options": {"epochs": "many"}}, "--set: epochs='many' is not of type int\n  fix: its default is 200"),
        ({"device": "cudo"}, "--device: unknown device 'cudo'\n  fix: did you mean 'cuda'"),
    ],
)
def test_what_is_unknown_ends_with_code_2_and_a_near_miss(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        planned(**settings)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


def test_a_system_without_its_checkpoint_is_refused_instead_of_trained_from_nothing() -> None:
    with pytest.raises(RecipeError, match="deep/bce needs a checkpoint, dataset small has none"):
        planned(data=recipe_texts.data(checkpoint=None))
    assert planned(data=recipe_texts.data(checkpoint=None), where={"model": ("net",)})


def test_a_system_may_have_packages_of_its_own_and_its_key_names_them() -> None:
    known = {"lock": "l2", "python": "3.11"}
    pinned = dataclasses.replace(PINNED, environments={"other": known})
    recipe = recipe_texts.recipe()
    ours = recipe.systems["net/bce"].model_copy(update={"environment": "other"})
    changed = recipe.model_copy(update={"systems": {**recipe.systems, "net/bce": ours}})
    found = plan_runs(changed, recipe_texts.data(), pinned, Settings(where={"dataset": ("small",)}, seeds=(1,)))
    by_system = {r.system: r for r in found}
    assert (by_system["net/bce"].environment, by_system["net/bce"].inputs["environment"]) == ("other", known)
    assert (by_system["net/ce-all"].environment, by_system["net/ce-all"].key) == ("", one("net/ce-all").key)
    assert by_system["net/bce"].key != one("net/bce").key


def test_what_lies_beside_an_upstream_is_in_keys_and_nothing_is_where_nothing_does() -> None:
    beside = dataclasses.replace(PINNED, beside={"beside": {"tool": "d" * 40}})
    assert one().inputs.get("beside") is None
    assert one(pinned=beside).inputs["beside"] == {"tool": "d" * 40}
    assert one(pinned=beside).key != one().key


def test_protocols_of_further_views_go_with_a_run_and_change_no_key() -> None:
    recipe = recipe_texts.recipe().model_copy(update={"protocols": {"sampled": {"ranking": "sampled"}}})
    settings = Settings(where={"dataset": ("small",)}, seeds=(1,))
    found = plan_runs(recipe, recipe_texts.data(), PINNED, settings)
    assert all(r.protocols == {"sampled": {"ranking": "sampled"}} for r in found)
    assert found[1].key == one().key
