"""The numbers of papers, for every system that names them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import recipe_texts
from recipe_texts import PRINTED, write

from harness.core.errors import RecipeError
from harness.core.results import Published
from harness.recipes import recipe as recipes
from harness.recipes.papers.published import PrintedValue, names, published_numbers, unprinted_metrics
from harness.recipes.systems import PublishedAs

ROOT = Path(__file__).resolve().parents[3]


def test_numbers_are_found_by_the_paper_s_names_with_their_printed_digits(tmp_path: Path) -> None:
    write(tmp_path)
    assert published_numbers(tmp_path, recipe_texts.recipe()) == (
        Published("small", "net/bce", "HIT@10", 0.5, 2),
        Published("small", "net/ce-all", "HIT@10", 0.6, 4, "*"),
    )


def test_a_fraction_says_its_decimals_and_a_whole_number_need_not() -> None:
    row = {"dataset": "d", "metric": "m"}
    assert PrintedValue.model_validate({**row, "value": 1}).decimals == 0
    with pytest.raises(ValueError, match="decimals"):
        PrintedValue.model_validate({**row, "value": 0.5})


@pytest.mark.parametrize("artifact", recipes.artifacts(ROOT))
def test_the_published_numbers_of_every_recipe_can_be_read(artifact: str) -> None:
    recipe = recipes.load_recipe(ROOT, artifact, {})
    named = [system for system in recipe.systems.values() if system.published]
    assert bool(published_numbers(ROOT, recipe)) == bool(named)


def test_table_2_has_its_eighty_numbers() -> None:
    recipe = recipes.load_recipe(ROOT, "li2023/table2", {})
    found = [p for p in published_numbers(ROOT, recipe) if not p.beside]
    names = {key: s.published for key, s in recipe.systems.items() if s.published}
    printed = {(p.dataset, names[p.system], p.metric): p.value for p in found}
    assert len(printed) == 80 == 8 * 5 * 2
    assert len(set(names.values())) == 8
    assert {p.dataset for p in found} == set(recipe.datasets)
    assert {p.metric for p in found} == set(recipe.metrics)
    assert {p.decimals for p in found} == {4}
    assert Published("yelp", "sasrec/ce-all", "HIT@10", 0.0379, 4) in found


def test_systems_as_released_and_as_published_both_get_the_paper_s_number() -> None:
    """The one that stood last in the recipe used to take the numbers of the other."""
    found = [p for p in published_numbers(ROOT, recipes.load_recipe(ROOT, "li2023/table2", {})) if not p.beside]
    assert set(Counter(p.system for p in found).values()) == {10}
    for loss in ("ce-last", "ce-all"):
        released, as_published = (
            {(p.dataset, p.metric, p.value) for p in found if p.system == f"srgnn-as-{how}/{loss}"}
            for how in ("released", "published")
        )
        assert released == as_published


def test_a_recipe_without_a_paper_has_no_numbers(tmp_path: Path) -> None:
    assert published_numbers(write(tmp_path), recipe_texts.recipe(published="")) == ()


@pytest.mark.parametrize(
    ("name", "message"), [("paper#tabel", "did you mean 'table'"), ("other#table", "No such file")]
)
def test_a_missing_artifact_or_paper_is_told(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        published_numbers(write(tmp_path), recipe_texts.recipe(published=name))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("value: 0.50", "value: much", r"values\[0\].value: .*got 'much'"),
        ("value: 0.6, decimals: 4", "value: 0.6", r"values\[1\].decimals: is missing"),
        (PRINTED, "", "no artifact 'table'"),
    ],
)
def test_faulty_numbers_are_told_with_their_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    write(tmp_path, printed=PRINTED.replace(old, new))
    with pytest.raises(RecipeError, match=message):
        published_numbers(tmp_path, recipe_texts.recipe())


def test_table_3_of_petrov_2023_is_told_apart_by_negatives_and_recall_is_hit() -> None:
    """gSASRec has one row in print and other settings by dataset; Recall@10 is HIT@10 here; minutes are no metric."""
    recipe = recipes.load_recipe(ROOT, "petrov2023/table3", {})
    found = [p for p in published_numbers(ROOT, recipe) if p.metric in recipe.metrics]
    assert Counter(p.dataset for p in found) == {"ml-1m": 18, "steam": 18, "gowalla": 12}
    assert {p.dataset for p in found if p.system == "gsasrec/gbce-256-0.75"} == {"ml-1m"}
    assert {p.dataset for p in found if p.system == "gsasrec/gbce-128-0.9"} == {"steam", "gowalla"}
    assert Published("ml-1m", "popularity", "HIT@10", 0.036, 3) in found


def test_points_of_a_grid_are_told_apart_by_calibration() -> None:
    found = published_numbers(ROOT, recipes.load_recipe(ROOT, "petrov2023/fig3", {}))
    expected = {"sasrec/bce": 0.126, "gsasrec/gbce-1-0.0": 0.126, "gsasrec/gbce-1-1.0": 0.158}
    assert {p.system: p.value for p in found} == expected


def test_a_row_with_another_calibration_is_another_row() -> None:
    message = PublishedAs(model="gSASRec", loss="gbce", negatives=1, t=1.0)
    row = {"dataset": "small", "model": "gSASRec", "loss": "gbce", "negatives": 1, "metric": "NDCG@10"}
    assert names(message, PrintedValue(**row, t=1, value=0.158, decimals=3))
    assert not names(message, PrintedValue(**row, t=0, value=0.126, decimals=3))


@pytest.mark.parametrize("artifact", ["port", "port-released"])
def test_the_port_is_held_against_its_readme_and_the_paper_stands_beside(artifact: str) -> None:
    found = published_numbers(ROOT, recipes.load_recipe(ROOT, f"petrov2023/{artifact}", {}))
    ml1m = {
        (p.system.partition("/")[0], p.beside): p.value for p in found if (p.dataset, p.metric) == ("ml-1m", "NDCG@10")
    }
    assert ml1m == {
        ("sasrec", ""): 0.1259,
        ("gsasrec", ""): 0.1726,
        ("popularity", "paper"): 0.017,
        ("sasrec", "paper"): 0.131,
        ("gsasrec", "paper"): 0.176,
    }


def test_hr_is_hit_and_numbers_quoted_of_earlier_papers_are_not_the_paper_s(tmp_path: Path) -> None:
    printed = PRINTED.replace("HIT@10", "HR@10")
    quoted = (
        "\n      - {dataset: small, model: Net, loss: bce, metric: HR@10, value: 0.9, decimals: 1, source: earlier}"
    )
    write(tmp_path, printed=printed.rstrip() + quoted)
    found = published_numbers(tmp_path, recipe_texts.recipe())
    assert [(p.system, p.metric, p.value) for p in found] == [("net/bce", "HIT@10", 0.5), ("net/ce-all", "HIT@10", 0.6)]


def test_a_metric_that_the_paper_does_not_print_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    own = recipe_texts.recipe()
    assert unprinted_metrics(own, published_numbers(tmp_path, own)) == ("NDCG@10",)
    misread = PRINTED.replace("HIT@10", "Accuracy@10")
    write(tmp_path, printed=misread)
    assert unprinted_metrics(own, published_numbers(tmp_path, own)) == own.metrics
    assert unprinted_metrics(recipes.load_recipe(ROOT, "demo/demo", {}), ()) == ()
    for table in ("table2", "table3", "fig1", "fig2"):
        real = recipes.load_recipe(ROOT, f"klenitskiy2023/{table}", {})
        assert unprinted_metrics(real, published_numbers(ROOT, real)) == ()


def test_klenitskiy_s_table_2_has_its_120_metrics_and_60_costs() -> None:
    recipe = recipes.load_recipe(ROOT, "klenitskiy2023/table2", {})
    found = published_numbers(ROOT, recipe)
    assert Counter(p.metric for p in found) == dict.fromkeys((*recipe.metrics, "training_time", "best_epoch"), 30)
    assert Published("beauty-b4r", "sasrec/ce-all", "HIT@10", 0.0533, 4) in [
        Published(p.dataset, p.system, p.metric, p.value, p.decimals) for p in found
    ]
    own = published_numbers(ROOT, recipes.load_recipe(ROOT, "klenitskiy2023/table3", {}))
    assert [p.value for p in own] == [0.1341, 0.1537, 0.1857]


def test_a_claim_that_the_paper_s_own_numbers_contradict_is_refused(tmp_path: Path) -> None:
    """Table 3 claimed gSASRec > BERT4Rec on Steam, where the paper prints 0.0735 against 0.0746."""
    write(tmp_path)
    recipe = recipe_texts.recipe()
    turned = recipe.claims[0].model_copy(update={"better": "net/bce", "worse": "net/ce-all", "metrics": ("HIT@10",)})
    with pytest.raises(
        RecipeError, match=r"net/bce > net/ce-all \(HIT@10 on small\), but the paper prints 0.5 against 0.6"
    ):
        published_numbers(tmp_path, recipe.model_copy(update={"claims": (turned,)}))


def test_quoted_numbers_stand_beside_the_paper_s_own_under_the_name_of_their_source() -> None:
    """Li et al. quote two earlier works in their Table 3; Sun et al. trained another BERT4Rec than theirs."""
    found = published_numbers(ROOT, recipes.load_recipe(ROOT, "li2023/table3", {}))
    own = [p for p in found if not p.beside]
    assert len({(p.dataset, p.metric) for p in own}) == 12
    assert Published("beauty-s3", "sasrec/ce-all", "sampled-NDCG@10", 0.2364, 4) in own
    assert Published("beauty-s3", "bert4rec-vae/mlm-ce", "HIT@10", 0.0612, 4) in own
    quoted = {(p.dataset, p.system, p.metric, p.beside): p.value for p in found if p.beside}
    assert quoted["ml-20m", "bert4rec-vae/mlm-ce", "NDCG@10", "Petrov 2022"] == 0.1732
    assert quoted["beauty-s3", "bert4rec-hf-as-released/mlm-ce", "sampled-HIT@10", "Sun 2019"] == 0.3025
    assert not any(system.startswith("sasrec") for _, system, _, _ in quoted)
    assert {beside for *_, beside in quoted} == {"Petrov 2022", "Sun 2019"}
