"""Which value of an option a run gets: of the recipe, a dataset, a system, a profile, or the command line."""

from __future__ import annotations

from typing import Any

import made_overlay
import pytest
import recipe_texts

from harness.core.errors import ArgumentError
from harness.recipes.selection import Settings, options
from harness.runs.keys import Pinned
from harness.runs.plan import plan_runs

PINNED = Pinned(commit="1" * 40, patches={}, overlay=made_overlay.imported(), environment={"python": "3.11"})
SYSTEMS = recipe_texts.raw()["systems"]


def test_a_dataset_s_options_then_a_system_s_then_the_profile_s_then_those_set_by_hand_hold() -> None:
    systems = {**SYSTEMS, "net/ce-all": {**SYSTEMS["net/ce-all"], "options": {"epochs": 60}}}
    recipe = recipe_texts.recipe(systems=systems, dataset_options={"small": {"epochs": 50, "lr": 0.5}})

    def epochs(system: str, dataset: str = "small", **settings: Any) -> tuple[int | None, str]:
        where = {"dataset": (dataset,), "system": (system,)}
        found = plan_runs(recipe, recipe_texts.data(), PINNED, Settings(where=where, seeds=(1,), **settings))
        (run,) = [r for r in found if r.system == system]
        return run.epoch_cap, next(word for word in run.command if word.startswith("--lr"))

    assert epochs("net/bce", "large") == (200, "--lr=0.001")
    assert epochs("net/bce") == (50, "--lr=0.5")
    assert epochs("net/ce-all") == (60, "--lr=0.5")
    assert epochs("net/ce-all", profile="quick") == (3, "--lr=0.5")
    assert epochs("net/ce-all", profile="quick", options={"epochs": "4"}) == (4, "--lr=0.5")


def test_an_option_may_be_0_only_where_its_default_is() -> None:
    recipe = recipe_texts.recipe(options={"epochs": 200, "lr": 0.001, "mode": "full", "workers": 0})
    assert options(recipe, Settings(options={"workers": "0"}))["workers"] == 0
    for name, text in (("epochs", "0"), ("workers", "-1")):
        with pytest.raises(ArgumentError, match=f"{name}='{text}' is not of type int"):
            options(recipe, Settings(options={name: text}))
