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

from overlay.losses import chosen_tf, in_tf  # noqa: E402
from overlay.losses.named import LossError  # noqa: E402
from overlay.proof import in_tf as proof  # noqa: E402

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


def trained(loss: Callable[[Any], Any], spy: proof.Spy | None, given: dict[str, Any]) -> list[np.ndarray]:
    """Gradients to the hidden states in two steps of a training with this loss, with a spy or without."""
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


def proven(
    folder: Path, loss: Callable[[Any], Any], options: dict[str, Any], given: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """What a spy tells of a training with this loss, which it must not change by a bit."""
    given = batch() if given is None else given
    np.testing.assert_array_equal(trained(loss, proof.Spy("asked", options), given), trained(loss, None, given))
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def of(name: str, **options: Any) -> Callable[[Any], Any]:
    """A loss of the overlay with the batch's negatives."""

    def loss(given: Any) -> Any:
        drawn = {"negatives": given["negatives"]} if "negatives" in options else {}
        plain = {key: value for key, value in options.items() if key != "negatives"}
        parts = (given[part] for part in ("hidden", "table", "targets", "mask"))
        lean = {} if name == "bpr" else {"form": "naive"}
        return in_tf.LOSSES[name](*parts, excluded_rows=(ITEMS, ITEMS + 1), **lean, **drawn, **plain)

    return loss


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("bce", {"negatives": True, "weighting": "normalised"}, {"weighting": "normalised"}),
        ("gbce", {"negatives": True, "t": 0.9}, {"t": 0.9}),
        ("ssm", {"negatives": True}, {}),
        ("ce-all", {}, {}),
    ],
)
def test_a_loss_is_told_by_its_value_and_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], message: dict[str, Any]
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    (event,) = proven(tmp_path, of(name, **options), message)
    assert name in event["computed"]
    assert event["positions"] == 8


def test_a_loss_with_another_calibration_is_none_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    (event,) = proven(tmp_path, of("gbce", negatives=True, t=0.5), {"t": 0.9})
    assert event["computed"] == []


def one_negative() -> dict[str, Any]:
    """The batch with a negative a position, which at one counted position is the target."""
    given = batch()
    targets = given["targets"].numpy()
    drawn = (targets + 1) % ITEMS
    drawn[0, 2] = targets[0, 2]
    return {**given, "negatives": tf.constant(drawn[..., None], tf.int64)}


@pytest.mark.parametrize(("name", "positions"), [("ssm", 7), ("bpr", 7), ("bce", 8), ("gbce", 8)])
def test_where_the_one_negative_is_the_target_a_loss_may_pull_at_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, positions: int
) -> None:
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    options = {"at": "all"} if name == "bpr" else {}
    (event,) = proven(tmp_path, of(name, negatives=True, **options), {**options, "t": 0.75}, one_negative())
    assert name in event["computed"]
    assert event["positions"] == positions


@pytest.mark.parametrize(("name", "position"), [("ssm", 2), ("bce", 2), ("ssm", 1)])
def test_a_loss_that_lets_a_position_out_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, position: int
) -> None:
    """The same value, but nothing pulled at one position: right only for sampled softmax on the target itself."""
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    given = one_negative()

    def held(parts: Any) -> Any:
        still = tf.reshape(tf.range(10) == position, (2, 5, 1))
        hidden = tf.where(still, tf.stop_gradient(parts["hidden"]), parts["hidden"])
        return of(name, negatives=True)({**parts, "hidden": hidden})

    (event,) = proven(tmp_path, held, {}, given)
    assert event["computed"] == (["ssm"] if (name, position) == ("ssm", 2) else [])


def test_a_loss_is_chosen_with_its_options_or_refused() -> None:
    chosen = chosen_tf.choose("gbce", {"k": 16})
    assert (chosen.options["k"], chosen.options["t"], chosen.excluded((7,))) == (16, 0.75, (7,))
    assert chosen_tf.choose("ce-all", {"reserved": "in"}).excluded((7,)) == ()
    for loss, given in (("gcbe", {}), ("gbce", {"kk": 1}), ("gbce", {"reserved": "perhaps"})):
        with pytest.raises(LossError):
            chosen_tf.choose(loss, given)
