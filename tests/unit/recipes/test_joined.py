"""Joined tables as a person writes them, and the one of this project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.core.errors import RecipeError
from harness.recipes import joined
from harness.recipes import recipe as recipes

ROOT = Path(__file__).resolve().parents[3]
TEXT = """
artifact: cross/two
title: Two
dataset: small
view: items
metrics: [HIT@10, NDCG@10]
seeds: [1]
parts: {one: {recipe: paper/one, label: One}, other: {recipe: paper/other, label: Other}}
systems: {net/bce: bce, net/ce-all: all}
claims: [{better: net/ce-all, worse: net/bce}]
differs: {length: {one: "50", other: "200"}}
"""


def load(root: Path, **changes: Any) -> joined.Joined:
    """The joined table with other facts."""
    path = root / "recipes" / "cross" / "two.joined.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**yaml.safe_load(TEXT), **changes}))
    return joined.load_joined(root, "cross/two")


def test_every_claim_counts_in_every_part_and_on_every_metric(tmp_path: Path) -> None:
    assert load(tmp_path).n_tests == 1 * 2 * 2
    assert load(tmp_path, claims=[{"better": "net/bce", "worse": "net/ce-all", "metrics": ["HIT@10"]}]).n_tests == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claims": [{"better": "net/ce", "worse": "net/bce"}]}, "unknown system 'net/ce'"),
        ({"differs": {"length": {"one": "50"}}}, "length: says one, expected one, other"),
        ({"parts": {"one": {"recipe": "paper/one", "label": "One"}}}, "parts"),
        ({"artifact": "cross/three"}, "its path says 'cross/two'"),
        ({"upstream": "toy"}, "upstream"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=r"two\.joined\.yaml") as caught:
        load(tmp_path, **changes)
    assert message in str(caught.value)


def test_a_joined_table_is_no_recipe(tmp_path: Path) -> None:
    load(tmp_path)
    assert joined.is_joined(tmp_path, "cross/two")
    assert recipes.artifacts(tmp_path) == []
    with pytest.raises(RecipeError, match="joins the tables of other recipes"):
        recipes.load_recipe(tmp_path, "cross/two", {})


def test_four_losses_are_the_same_in_four_code_bases() -> None:
    """One definition of each loss; only the code base's own bce says how many negatives it draws, or does not."""
    found = joined.load_joined(ROOT, "cross/losses")
    parts = {name: recipes.load_recipe(ROOT, part.recipe, {}) for name, part in found.parts.items()}
    assert (
        list(parts) == ["s3rec", "gsasrec", "bert4rec_repro", "sasrec-bert4rec"] == [p.upstream for p in parts.values()]
    )
    assert all([s for s in part.systems if s != "popularity"] == list(found.systems) for part in parts.values())
    for key in list(found.systems)[1:]:
        assert len({str((p.systems[key].loss, p.systems[key].loss_options)) for p in parts.values()}) == 1
    assert {(p.options["epochs"], p.options["patience"]) for p in parts.values()} == {(100, 10)}
    data = {recipes.load_datasets(ROOT, part)[found.dataset].interactions_sha256 for part in parts.values()}
    assert len(data) == 1
    assert "" not in data
