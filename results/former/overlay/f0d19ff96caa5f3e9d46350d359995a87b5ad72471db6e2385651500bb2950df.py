"""The proof of the loss for TensorFlow upstreams: which loss was it that the first batch was trained with?

A network hands its hidden states through `Spy.hidden`, which changes nothing and, in the backward pass, sees the very
gradient that training goes on with. On the first batch this gradient, the value, the item table, targets and negatives
go to NumPy, where every loss is computed once more in float64. The option on the command line plays no part. No random
number is drawn, and the operations added to the graph are the identity and one that is skipped after the first batch.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from . import probe, proof_losses

TOLERANCE = 2e-5  # relative; float32 sums over a batch agree with float64 to about 1e-6
OF_DIFFERENCES = ("ssm", "sampled-ce", "bpr", "bpr-max")  # of the scores: constant where negative and target are one


class Spy:
    """Looks at the first batch.

    Attributes:
        name, options: the loss that was asked for, for the record. chosen: what computes it, None for the code base.
        batch: what the graph that is being built holds, by name.
    """

    def __init__(self, name, options, chosen=None):
        self.name, self.options, self.chosen = name, options, chosen
        self.batch, self.told = {}, False

    def hidden(self, states):
        """The same states, watched where a graph for training is being built."""
        if tf.executing_eagerly() or "model" not in self.batch:
            return states

        @tf.custom_gradient
        def watched(states):
            def gradient(slope):
                self.ask(states, slope)
                return slope

            return tf.identity(states), gradient

        return watched(states)

    def begin(self, model):
        """A batch of this model follows."""
        self.batch = {} if tf.executing_eagerly() else {"model": model}

    def end(self, **facts):
        """What the batch held: value, table, bias or None, targets, mask, negatives or None, excluded rows."""
        self.batch.update(facts)

    def ask(self, states, slope):
        """Have the graph hand its tensors over while no step has been taken."""
        if "value" not in self.batch:
            return
        b = self.batch
        none = tf.zeros((0,), tf.int64)
        tensors = [
            states, slope, b["table"], none if b.get("bias") is None else b["bias"], b["targets"], b["mask"],
            none if b["negatives"] is None else b["negatives"], b["value"],
        ]  # fmt: skip
        excluded = b["excluded"]

        def tell():
            return tf.numpy_function(lambda *arrays: self.tell(arrays, excluded), tensors, tf.int64, stateful=True)

        tf.cond(tf.equal(b["model"].optimizer.iterations, 0), tell, lambda: tf.constant(0, tf.int64))

    def tell(self, arrays, excluded):
        """Report which losses the first batch agrees with; once."""
        if not self.told:
            self.told = True
            hidden, slope, table, bias, targets, mask, negatives, value = (np.asarray(a) for a in arrays)
            if bias.size:  # a bias is one more dimension in which every hidden state is 1
                hidden = np.concatenate([hidden, np.ones_like(hidden[..., :1])], -1)
                table = np.concatenate([table, bias[:, None].astype(table.dtype)], -1)
            drawn = negatives if negatives.size else None
            self.report(hidden, slope, table, targets, mask.astype(bool), drawn, float(value), tuple(excluded))
        return np.int64(0)

    def report(self, hidden, slope, table, targets, mask, negatives, value, excluded):
        """The event; shapes as in `proof_losses.references`, with `slope` (B, L, D)."""
        wide = hidden.astype(np.float64), table.astype(np.float64)
        values = proof_losses.references(*wide, targets, mask, negatives, excluded, self.options)
        pulled, idle = (slope != 0).any(-1), without_contrast(targets, negatives)
        computed = sorted(
            name for name, (known, at) in values.items()
            if close(known, value) and np.array_equal(pulled | (at & idle & (name in OF_DIFFERENCES)), at)
        )  # fmt: skip
        if self.chosen is not None and self.chosen.path:
            again = self.chosen.again(hidden, table, targets, mask)
            computed += [self.chosen.name] if close(again, value) else []
        rows = len(table) - len(excluded) if negatives is None else 1 + negatives.shape[-1]
        facts = {"name": self.name, "options": self.options, "value": value, "rows": rows, "computed": computed}
        by = "code base" if self.chosen is None else "overlay"
        probe.event("loss", **facts, positions=int(pulled.sum()), by=by, finite=bool(np.isfinite(value)))


def without_contrast(targets, negatives):
    """Where every negative is the target itself, (B, L) bool."""
    if negatives is None:
        return np.zeros(targets.shape, bool)
    drawn = negatives[:, None, :] if negatives.ndim == 2 else negatives
    return (drawn == targets[..., None]).all(-1)


def close(known, value):
    """Whether two values are one, but for rounding."""
    return bool(abs(known - value) <= TOLERANCE * abs(known))  # False for what is not a number
