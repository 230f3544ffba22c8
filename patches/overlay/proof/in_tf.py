"""Verification of the loss for TensorFlow upstreams: the loss that the first batch was trained with.

A network passes its hidden states through `Spy.hidden`, which changes nothing and, in the backward pass, receives the
gradient used in training. On the first batch this gradient, the value, the item table, targets and negatives
go to NumPy, where every loss is recomputed in float64. The option of the command line is not used. No random
number is drawn, and the operations added to the graph are the identity and one that is skipped after the first batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from .. import probe
from ..losses.chosen_tf import Chosen
from .comparison import close, recognised
from .references import Array, references


class Spy:
    """Observes the first batch.

    Attributes:
        name, options: the requested loss, for the record.
        chosen: the loss, None for the code base's.
        batch: tensors of the graph under construction, by name.
        reported: whether the event has been written.
    """

    def __init__(self, name: str, options: Mapping[str, Any], chosen: Chosen | None = None) -> None:
        self.name, self.options, self.chosen = name, options, chosen
        self.batch: dict[str, Any] = {}
        self.reported = False

    def hidden(self, states: Tensor) -> Tensor:
        """The same states, observed if a graph for training is under construction."""
        if tf.executing_eagerly() or "model" not in self.batch:
            return states

        def watched(states: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            def gradient(slope: Tensor) -> Tensor:
                self.ask(states, slope)
                return slope

            return tf.identity(states), gradient

        return tf.custom_gradient(watched)(states)

    def begin(self, model: Any) -> None:
        """A batch of this model follows."""
        self.batch = {} if tf.executing_eagerly() else {"model": model}

    def end(self, **facts: Any) -> None:
        """The parts of the batch: value, table, bias or None, targets, mask, negatives or None, excluded rows."""
        self.batch.update(facts)

    def ask(self, states: Tensor, slope: Tensor) -> None:
        """Add an operation to the graph that passes the batch's tensors to `receive` before the first step."""
        if "value" not in self.batch:
            return
        b = self.batch
        none = tf.zeros((0,), tf.int64)
        tensors = [
            states, slope, b["table"], none if b.get("bias") is None else b["bias"], b["targets"], b["mask"],
            none if b["negatives"] is None else b["negatives"], b["value"],
        ]  # fmt: skip
        excluded = b["excluded"]

        def hand_over() -> Tensor:
            return tf.numpy_function(lambda *arrays: self.receive(arrays, excluded), tensors, tf.int64, stateful=True)

        tf.cond(tf.equal(b["model"].optimizer.iterations, 0), hand_over, lambda: tf.constant(0, tf.int64))

    def receive(self, arrays: Sequence[Any], excluded: Sequence[int]) -> np.int64:
        """Report which losses the first batch agrees with, once; the returned 0 is for the graph alone.

        Args:
            arrays: hidden states, their gradient, table, bias, targets, mask, negatives and value; bias and negatives
                are empty if there are none.
        """
        if not self.reported:
            self.reported = True
            hidden, slope, table, bias, targets, mask, negatives, value = (np.asarray(a) for a in arrays)
            if bias.size:  # a bias is a further dimension in which every hidden state is 1
                hidden = np.concatenate([hidden, np.ones_like(hidden[..., :1])], -1)
                table = np.concatenate([table, bias[:, None].astype(table.dtype)], -1)
            drawn = negatives if negatives.size else None
            self.report(hidden, slope, table, targets, mask.astype(bool), drawn, float(value), tuple(excluded))
        return np.int64(0)

    def report(
        self, hidden: Array, slope: Array, table: Array, targets: Array, mask: Array, negatives: Array | None,
        value: float, excluded: tuple[int, ...],
    ) -> None:  # fmt: skip
        """Write the event; shapes as in `references.references`, with `slope` (B, L, D)."""
        wide = hidden.astype(np.float64), table.astype(np.float64)
        known = references(*wide, targets, mask, negatives, excluded, self.options)
        pulled = (slope != 0).any(-1)
        computed = recognised(known, value, pulled, targets, negatives)
        if self.chosen is not None and self.chosen.path:
            recomputed = self.chosen.recompute(hidden, table, targets, mask)
            computed += [self.chosen.name] if close(recomputed, value) else []
        rows = len(table) - len(excluded) if negatives is None else 1 + negatives.shape[-1]
        facts = {"name": self.name, "options": self.options, "value": value, "rows": rows, "computed": computed}
        by = "code base" if self.chosen is None else "overlay"
        probe.event("loss", **facts, positions=int(pulled.sum()), by=by, finite=bool(np.isfinite(value)))
