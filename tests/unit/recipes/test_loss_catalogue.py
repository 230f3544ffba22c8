"""The catalogue of losses: it equals the overlay's, and invalid options are reported."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.config import load as load_config
from harness.core.errors import ConfigError, RecipeError
from harness.core.name_values import as_number
from harness.recipes import loss_catalogue
from harness.recipes.systems import written

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "bce", "gbce", "ce-last", "ce-all", "sampled-ce", "ssm", "mlm-ce", "bpr", "bpr-max", "top1", "top1-max",
)  # fmt: skip
GIVEN = {"hidden", "item_embeddings", "targets", "mask", "generator", "excluded_rows", "negatives", "seen"}
CATALOGUE = loss_catalogue.read(ROOT)


def test_it_has_every_loss_with_equation_and_source() -> None:
    assert tuple(CATALOGUE.losses) == NAMES
    for loss in CATALOGUE.losses.values():
        assert loss.title
        assert "\n" not in loss.equation
        assert "r⁺" in loss.equation
        assert any(char.isdigit() for char in loss.source)


def test_every_option_is_one_of_some_loss() -> None:
    assert set(CATALOGUE.options) == {name for loss in CATALOGUE.losses.values() for name in loss.options}


def check_signatures(functions: dict[str, Callable[..., Any]]) -> None:
    """Options and defaults are those of the functions, but for `reserved`, which each upstream turns into rows."""
    assert set(functions) == set(CATALOGUE.losses)
    for name, function in functions.items():
        parameters = inspect.signature(function).parameters.values()
        taken = {p.name: p.default for p in parameters if p.name not in GIVEN}
        promised = {key: value for key, value in CATALOGUE.losses[name].options.items() if key != "reserved"}
        assert promised == taken, name
        assert [type(promised[key]) for key in taken] == [type(value) for value in taken.values()], name


def test_options_are_those_of_pytorch() -> None:
    pytest.importorskip("torch")
    overlay = pytest.importorskip("overlay.losses.in_torch")
    check_signatures(overlay.LOSSES)


def test_options_are_those_of_tensorflow() -> None:
    pytest.importorskip("tensorflow")
    overlay = pytest.importorskip("overlay.losses.in_tf")
    check_signatures(overlay.LOSSES)


def test_reserved_rows_are_treated_as_the_overlay_treats_them() -> None:
    overlay = pytest.importorskip("overlay.losses.named")
    assert {name: loss.options["reserved"] for name, loss in CATALOGUE.losses.items()} == overlay.RESERVED


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gbce", {}, []),
        ("gbce", {"k": 1, "t": 1, "exclude": "target", "form": "naive", "reserved": "in"}, []),
        ("gbc", {"k": 1}, ["unknown loss 'gbc' (did you mean 'gbce' or 'bce'? known: bce, "]),
        ("gbce", {"kk": 1}, ["gbce has no option 'kk' (did you mean 'k'? known: average, exclude, form, k, "]),
        ("gbce", {"k": 0}, ["gbce: k: 0 is below 1"]),
        ("gbce", {"k": 2.5}, ["gbce: k: 2.5 is not a whole number"]),
        ("gbce", {"k": "many", "t": 7}, ["gbce: k: 'many' is not a whole number", "gbce: t: 7 is above 1"]),
        ("gbce", {"t": float("nan")}, ["gbce: t: nan is not finite"]),
        ("bpr-max", {"regularisation": "x"}, ["bpr-max: regularisation: 'x' is not a number"]),
        ("bce", {"weighting": "sumed"}, ["bce: weighting: unknown value 'sumed' (did you mean 'summed'? known: "]),
        ("ce-all", {"average": 3}, ["ce-all: average: unknown value '3' (known: positions, sequences)"]),
    ],
)
def test_what_a_loss_cannot_take_is_told(name: str, options: dict[str, Any], message: list[str]) -> None:
    found = list(CATALOGUE.faults(name, options))
    assert len(found) == len(message)
    for text, beginning in zip(found, message, strict=True):
        assert text.startswith(beginning)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("options: {k: 256, t: 0.75,", "options: {k: 0, t: 0.75,", "gbce: k: 0 is below 1"),
        ("weighting: summed,", "waiting: summed,", "bce: waiting: unknown (did you mean 'weighting'"),
        ("title: sampled softmax", "tittle: sampled softmax", "losses.ssm.tittle: unknown key (did you mean 'title'"),
        ("title: sampled softmax", "title: 7", "losses.ssm.title: "),
    ],
)
def test_mistakes_in_the_file_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (ROOT / loss_catalogue.PATH).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / loss_catalogue.PATH
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        loss_catalogue.read(tmp_path)
    assert message in caught.value.what


def test_the_committed_upstreams_offer_what_the_catalogue_has() -> None:
    config = load_config(ROOT, {})
    assert loss_catalogue.load_catalogue(config) == CATALOGUE
    assert config.upstream("s3rec").own_loss
    assert not config.upstream("demo").own_loss


def test_an_upstream_that_offers_what_nobody_has_is_refused() -> None:
    config = load_config(ROOT, {})
    demo = config.upstream("demo").model_copy(update={"losses": ("bce", "gbc")})
    file = config.file.model_copy(update={"upstreams": {"demo": demo}})
    with pytest.raises(ConfigError, match=r"harness.toml: upstreams.demo.losses: unknown loss 'gbc'"):
        loss_catalogue.load_catalogue(config.model_copy(update={"file": file}))


def test_options_as_written_and_read() -> None:
    assert written({"k": 256, "t": 0.75}) == "k=256,t=0.75"
    assert written({}) == ""
    assert [as_number(text) for text in ("3", "3.0", "1e-3", "x")] == [3, 3.0, 0.001, "x"]
