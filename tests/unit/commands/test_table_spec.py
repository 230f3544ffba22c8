"""The systems of a recipe in a table's specification."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.commands.table_spec import system_spec
from harness.recipes import recipe as recipes

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("artifact", "system", "once"),
    [
        ("li2023/released", "sasrec/ce-all-released", True),
        ("li2023/released", "popularity", False),
        ("li2023/table2", "s3rec/ce-all", False),  # starts from released weights, and is trained for each seed
    ],
)
def test_released_weights_are_one_training_unless_they_are_trained_on(artifact: str, system: str, once: bool) -> None:
    recipe = recipes.load_recipe(ROOT, artifact, {})
    assert system_spec(system, recipe.systems[system]).trained_once == once
