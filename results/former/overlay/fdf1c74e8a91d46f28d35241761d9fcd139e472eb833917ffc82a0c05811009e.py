"""The loss that a run was asked for, in TensorFlow: looked up or loaded once, then called in the graph of every batch.

What cannot be used ends the run with a line that says why, before the first batch.
"""

from __future__ import annotations

import inspect

import tensorflow as tf

from . import losses_tf, own_loss, samplers_tf
from .own_loss import DRAWS, LossError, Own

NOT_OPTIONS = (*own_loss.EXPECTED, "generator", "negatives", "seen", "excluded_rows")


def choose(loss, given, seed=0):
    """The loss `loss`, a name of `losses_tf.LOSSES` or `path/to/file.py:function`.

    Args:
        given: its options; for a loss of ours also `reserved`, `in` or `out`: whether reserved rows of the item table
            enter the softmax or can be drawn.
        seed: of the generator that a loss of one's own draws from; ours draw from TensorFlow's stream.
    Raises:
        LossError: no such loss, option, or value.
    """
    if own_loss.is_file(loss):
        own = own_loss.load(loss)
        return Chosen(own, resolved(own.function, given, own.told), seed)
    if loss not in losses_tf.LOSSES:
        raise LossError(f"unknown loss {loss!r}; known: {', '.join(losses_tf.LOSSES)}, or file.py:function")
    given = dict(given)
    reserved = given.pop("reserved", "out")
    if reserved not in ("in", "out"):
        raise LossError(f"{loss}: reserved: unknown value {reserved!r}; expected 'in' or 'out'")
    function = losses_tf.LOSSES[loss]
    return Chosen(Own(function, loss, loss, ""), {**resolved(function, given, loss), "reserved": reserved}, seed)


def resolved(function, given, told):
    """The options of a loss: its defaults, changed by those that were given."""
    known = {
        name: parameter.default
        for name, parameter in list(inspect.signature(function).parameters.items())[4:]
        if name not in NOT_OPTIONS and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    for name in given:
        if name not in known:
            raise LossError(f"{told} has no option {name!r}; it has: {', '.join(known) or 'none'}")
    values = {**known, **given}
    for name, value in values.items():
        if value is inspect.Parameter.empty:
            raise LossError(f"{told} needs a value for {name!r}: give it as an option")
    return values


class Chosen:
    """A loss with its options.

    Attributes:
        name: as the proof reports it. told: as messages name it. path: of the user's file, "" for a loss of ours.
    """

    def __init__(self, loss, options, seed):
        self.function, self.told, self.name, self.path = loss
        self.options, self.seed = options, seed
        self.generator = tf.random.Generator.from_seed(seed) if self.path else None

    @property
    def at_last(self):
        """Whether only the last position counts."""
        return self.name == "ce-last" or self.options.get("at") == "last"

    def draw(self, sampler, inputs, targets, mask, n_rows, reserved):
        """The negatives of a batch; None for a loss that draws none, or draws by itself.

        Args:
            sampler: draws a position's own negatives from all items, (B, L, k): the code base's own.
        """
        if self.path or self.name not in DRAWS:
            return None
        k, exclude = self.options["k"], self.options["exclude"]
        if DRAWS[self.name] == "sequence":
            return samplers_tf.draw_shared(None, k, targets, mask, n_rows, reserved, exclude, inputs)
        if exclude == "none" and self.options["reserved"] == "out":
            return sampler()
        return samplers_tf.draw(None, k, targets, mask, n_rows, reserved, exclude, inputs)

    def value(self, hidden, table, targets, mask, negatives, reserved):
        """The loss of a batch, shapes as in `losses_tf`."""
        if self.path:
            generator = tf.random.Generator.from_seed(self.seed) if tf.executing_eagerly() else self.generator
            return self.checked(self.function(hidden, table, targets, mask, generator=generator, **self.options))
        options = {name: value for name, value in self.options.items() if name != "reserved"}
        drawn = {} if negatives is None else {"negatives": negatives}
        return self.function(hidden, table, targets, mask, excluded_rows=reserved, **drawn, **options)

    def excluded(self, reserved):
        """Rows of the item table that do not count as items."""
        return reserved if not self.path and self.options["reserved"] == "out" else ()

    def checked(self, value):
        """The value of a loss of one's own, refused where it is no scalar or, where that can be seen, not finite."""
        fault = ""
        if not tf.is_tensor(value):
            fault = f"{self.told} returned {type(value).__name__}, expected a scalar tensor"
        elif value.shape.rank != 0:
            fault = f"{self.told} returned a tensor of shape {value.shape}, expected a scalar"
        elif tf.executing_eagerly() and not bool(tf.math.is_finite(value)):
            fault = f"{self.told} returned {float(value)} on the first batch"
        if fault:
            own_loss.refuse(LossError(fault))
        return value

    def again(self, hidden, table, targets, mask):
        """The value of a loss of one's own on the first batch, computed once more with the same draws."""
        tensors = [tf.constant(hidden), tf.constant(table), tf.constant(targets), tf.constant(mask)]
        generator = tf.random.Generator.from_seed(self.seed)
        return float(self.function(*tensors, generator=generator, **self.options))
