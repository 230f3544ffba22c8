"""What the command line asks of a recipe: seeds, and filters in any case."""

from __future__ import annotations

import pytest
from projects import ROOT

from harness.core.errors import ArgumentError
from harness.recipes.recipe import load_recipe
from harness.recipes.selection import parse_seeds, respelled


@pytest.mark.parametrize(
    ("text", "seeds"), [("42", (42,)), ("42-46", (42, 43, 44, 45, 46)), ("7, 42-43", (7, 42, 43)), ("0-0", (0,))]
)
def test_seeds_and_ranges_of_seeds(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["42,42", "42-44,43", "46-42", "0-9999999", "x", "-1", "42,", "4.5", "42--43"])
def test_what_are_no_seeds(text: str) -> None:
    with pytest.raises(ArgumentError, match="42-46"):
        parse_seeds(text)


def test_filters_take_the_recipe_s_spelling_and_keep_what_it_lacks() -> None:
    recipe = load_recipe(ROOT, "li2023/table2", {})
    where = {"dataset": ("LastFM", "TOYS", "Atlantis"), "model": ("SASRec",), "colour": ("Red",)}
    expected = {"dataset": ("lastfm", "toys", "Atlantis"), "model": ("sasrec",), "colour": ("Red",)}
    assert respelled(recipe, where) == expected
