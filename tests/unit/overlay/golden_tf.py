"""Golden digits of what the overlay computes with TensorFlow."""

from __future__ import annotations

from typing import Any
from unittest import mock

import golden_batch as golden
import numpy as np
import tensorflow as tf
from overlay.gsasrec import watch
from overlay.losses import chosen_tf, in_tf, lean_tf, samplers_tf


def tensor(value: Any) -> Any:
    return tf.constant(value) if isinstance(value, np.ndarray) else value


def compute(loss: Any, dtype: str, graph: bool = False, **options: Any) -> dict[str, str]:
    """A loss on the fixed batch, eagerly or in a graph."""
    batch = golden.batch()
    leaves = [tf.constant(batch[name], dtype) for name in ("hidden", "table")]
    if "negatives" in options:
        options["negatives"] = tensor(batch[options["negatives"]])
    if options.get("exclude") == "sequence":
        options["seen"] = tensor(batch["seen"])
    generator = tf.random.Generator.from_seed(7)

    def step() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(leaves)
            value = loss(*leaves, tensor(batch["targets"]), tensor(batch["mask"]), generator=generator, **options)
        return value, *map(tf.convert_to_tensor, tape.gradient(value, leaves))

    return golden.result(*((tf.function(step) if graph else step)()))


def losses() -> dict[str, Any]:
    """Value and gradients of every loss in every option form."""
    found: dict[str, Any] = {}
    for name, loss in in_tf.LOSSES.items():
        found[name] = {golden.label("float32", o): compute(loss, "float32", **o) for o in golden.option_forms(name)}
        first = next(golden.option_forms(name))
        found[name][golden.label("float64", first)] = compute(loss, "float64", **first)
        found[name][golden.label("float32", first, "graph")] = compute(loss, "float32", graph=True, **first)
        with mock.patch.object(lean_tf, "ELEMENTS", 1):
            found[name][golden.label("float32", first, "chunks")] = compute(loss, "float32", **first)
    return found


def chosen() -> dict[str, Any]:
    """Losses as the command line names them: their options, reserved rows and first batch."""
    found = {}
    batch = golden.batch()
    targets, mask, seen = (tensor(batch[name]) for name in ("targets", "mask", "seen"))
    for name in in_tf.LOSSES:
        tf.random.set_seed(4)
        loss = chosen_tf.choose(name, {"k": 3} if name not in golden.CATALOGUE else {}, seed=4)
        excluded = loss.excluded(golden.RESERVED)
        negatives = loss.draw(lambda: tensor(batch["own"]), seen, targets, mask, golden.N_ROWS, golden.RESERVED)
        hidden, table = (tf.constant(batch[part], tf.float32) for part in ("hidden", "table"))
        value = loss.value(hidden, table, targets, mask, negatives, excluded)
        found[name] = {
            "options": dict(sorted(loss.options.items())), "excluded": list(excluded),
            "float32 value": golden.digits(value), "drawn": None if negatives is None else golden.digest(negatives),
        }  # fmt: skip
    return found


def draws() -> dict[str, Any]:
    """10,000 draws of each sampler."""
    found = {}
    for name, (sampler, arguments) in golden.DRAWS.items():
        given = tuple(map(tensor, arguments))
        draw = getattr(samplers_tf, sampler)
        found[name] = golden.digest(draw(tf.random.Generator.from_seed(7), *given))
        tf.random.set_seed(3)
        found[f"{name}, default generator"] = golden.digest(draw(None, *given))
    return found


def places() -> dict[str, Any]:
    """Ranks in lists that end early, and predicted probabilities."""
    scores = np.random.default_rng(8).normal(size=7)
    triples = [(above, tied, 9) for above in range(6) for tied in (1, 3)]
    return {
        "place": [watch.place(np.round(scores), own, scores < 1) for own in (*range(7), None)],
        "listed": [watch.listed(one, (1, 2, 5), 5) for one in triples],
        **{f"float64 {loss}": golden.digits(watch.probabilities(scores, loss)) for loss in ("gbce", "ce-all")},
    }
