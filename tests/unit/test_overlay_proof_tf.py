"""The proof of the loss in TensorFlow: it sees the gradient that training goes on with, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from overlay import chosen_tf, losses_tf, proof_tf  # noqa: E402
from overlay.own_loss import LossError  # noqa: E402

ITEMS, K = 12, 4


def batch() -> dict[str, Any]:
    """Two sequences of five positions; the first two of the second are padded."""
    random = np.random.default_rng(3)
    mask = np.ones((2, 5), dtype=bool)
    mask[1, :2] = False
    return {
        "hidden": tf.constant(random.normal(size=(2, 5, 6)), tf.float32),
        "table": tf.Variable(random.normal(size=(ITEMS + 2, 6)), dtype=tf.float32),
        "targets": tf.constant(random.integers(ITEMS, size=(2, 5)), tf.int64),
        "mask": tf.constant(mask),
        "negatives": tf.constant(random.integers(ITEMS, size=(2, 5, K)), tf.int64),
    }


def trained(loss: Callable[[Any], Any], spy: proof_tf.Spy | None) -> list[np.ndarray]:
    """Gradients to the hidden states in two steps of a training with this loss, with a spy or without."""
    given = batch()
    model = SimpleNamespace(optimizer=SimpleNamespace(iterations=tf.Variable(0, dtype=tf.int64)))

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(given["hidden"])
            if spy is None:
                return tape.gradient(loss(given), given["hidden"])
            spy.begin(model)
            value = loss({**given, "hidden": spy.hidden(given["hidden"])})
            facts = {name: given[name] for name in ("table", "targets", "mask", "negatives")}
            spy.end(value=value, bias=None, excluded=(ITEMS, ITEMS + 1), **facts)
        return tape.gradient(value, given["hidden"])

    found = []
    for _ in range(2):
        found.append(step().numpy())
        model.optimizer.iterations.assign_add(1)
    return found


def proven(folder: Path, loss: Callable[[Any], Any], options: dict[str, Any]) -> list[dict[str, Any]]:
    """What a spy tells of a training with this loss, which it must not change by a bit."""
    np.testing.assert_array_equal(trained(loss, proof_tf.Spy("asked", options)), trained(loss, None))
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def of(name: str, **options: Any) -> Callable[[Any], Any]:
    """A loss of the overlay with the batch's negatives."""

    def loss(given: Any) -> Any:
        drawn = {"negatives": given["negatives"]} if "negatives" in options else {}
        plain = {key: value for key, value in options.items() if key != "negatives"}
        parts = (given[part] for part in ("hidden", "table", "targets", "mask"))
        return losses_tf.LOSSES[name](*parts, form="naive", excluded_rows=(ITEMS, ITEMS + 1), **drawn, **plain)

    return loss


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("bce", {"negatives": True, "weighting": "normalised"}, {"weighting": "normalised"}),
        ("gbce", {"negatives": True, "t": 0.9}, {"t": 0.9}),
        ("ssm", {"negatives": True}, {}),
        ("ce-all", {}, {}),
    ],
)
def test_a_loss_is_told_by_its_value_and_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], told: dict[str, Any]
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    (event,) = proven(tmp_path, of(name, **options), told)
    assert name in event["computed"]
    assert event["positions"] == 8


def test_a_loss_with_another_calibration_is_none_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    (event,) = proven(tmp_path, of("gbce", negatives=True, t=0.5), {"t": 0.9})
    assert event["computed"] == []


def test_a_loss_is_chosen_with_its_options_or_refused() -> None:
    chosen = chosen_tf.choose("gbce", {"k": 16})
    assert (chosen.options["k"], chosen.options["t"], chosen.excluded((7,))) == (16, 0.75, (7,))
    assert chosen_tf.choose("ce-all", {"reserved": "in"}).excluded((7,)) == ()
    for loss, given in (("gcbe", {}), ("gbce", {"kk": 1}), ("gbce", {"reserved": "perhaps"})):
        with pytest.raises(LossError):
            chosen_tf.choose(loss, given)
