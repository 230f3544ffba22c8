"""The loss requested by a run, in TensorFlow: looked up or loaded once, then called in the graph of every batch.

An invalid loss ends the run before the first batch, or on the batch where it fails, with a message.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from . import in_tf, named, samplers_tf
from .named import DRAWS, LossError, NamedLoss

Rows = tuple[int, ...]
IN_GRAPH = "Graph execution error"  # prefix of the text of a graph's error
NOT_SAID = re.compile(rf"\s|{IN_GRAPH}|Detected at node|\d+ root error")  # prefixes of lines with only a place


def choose(loss: str, given: Mapping[str, Any], seed: int = 0) -> Chosen:
    """The loss `loss`, a name of `in_tf.LOSSES` or `path/to/file.py:function`.

    Args:
        given: its options, see `named.look_up`; reserved rows are excluded by default, for every loss.
        seed: of the generator that a custom loss draws from; losses of the harness draw from TensorFlow's own stream.

    Raises:
        LossError: no such loss, option, or value.
    """
    return Chosen(*named.look_up(loss, given, in_tf.LOSSES, dict.fromkeys(in_tf.LOSSES, "out")), seed)


class Chosen:
    """A loss with its options.

    Attributes:
        name: as the proof reports it.
        display_name: as messages name it.
        path: of the user's file, "" for a loss of the harness.
        options: every option with its value.
    """

    def __init__(self, loss: NamedLoss, options: dict[str, Any], seed: int) -> None:
        self.function, self.display_name, self.name, self.path = loss
        self.options, self.seed = options, seed
        self.generator = tf.random.Generator.from_seed(seed) if self.path else None

    def draw(
        self, sampler: Callable[[], Tensor], inputs: Tensor, targets: Tensor, mask: Tensor, n_rows: int, reserved: Rows
    ) -> Tensor | None:
        """The negatives of a batch; None for a loss without negatives, or one that draws them itself.

        Args:
            sampler: draws a position's own negatives from all items, (B, L, k): the code base's own.
            inputs: (B, L), which some losses do not draw.
            reserved: rows of the item table that are not items.
        """
        if self.path or self.name not in DRAWS:
            return None
        k, exclude = self.options["k"], self.options["exclude"]
        if DRAWS[self.name] == "sequence":
            return samplers_tf.draw_shared(None, k, targets, mask, n_rows, reserved, exclude, inputs)
        if exclude == "none" and self.options["reserved"] == "out":
            return sampler()
        return samplers_tf.draw(None, k, targets, mask, n_rows, reserved, exclude, inputs)

    def value(
        self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, negatives: Tensor | None, excluded: Rows
    ) -> Tensor:
        """The loss of a batch, shapes as in `in_tf`; `excluded` as `excluded` below returns it."""
        if self.path:
            generator = tf.random.Generator.from_seed(self.seed) if tf.executing_eagerly() else self.generator
            try:
                value = self.function(hidden, table, targets, mask, generator=generator, **self.options)
            except Exception as error:  # a custom loss may raise anything
                named.refuse(LossError(described(error, self.display_name, self.path)))
                raise
            return self.checked(value)
        options = {name: value for name, value in self.options.items() if name != "reserved"}
        drawn = {} if negatives is None else {"negatives": negatives}
        return self.function(hidden, table, targets, mask, excluded_rows=excluded, **drawn, **options)

    def excluded(self, reserved: Rows) -> Rows:
        """Rows of the item table that do not count as items."""
        return reserved if not self.path and self.options["reserved"] == "out" else ()

    def checked(self, value: Any) -> Tensor:
        """The value of a custom loss; ends the process if it is not a scalar or not finite.

        The result of a graph is known later: there a value that is not finite ends the training by an error.
        """
        fault = ""
        if not tf.is_tensor(value):
            fault = f"{self.display_name} returned {type(value).__name__}, expected a scalar tensor"
        elif value.shape.rank != 0:
            fault = f"{self.display_name} returned a tensor of shape {value.shape}, expected a scalar"
        elif tf.executing_eagerly() and not bool(tf.math.is_finite(value)):
            fault = f"{self.display_name} returned {float(value)}"
        if fault:
            named.refuse(LossError(fault))
        if tf.executing_eagerly():
            return value
        return tf.debugging.check_numerics(value, f"{self.display_name} returned a value that is not finite")

    def recompute(self, hidden: Any, table: Any, targets: Any, mask: Any) -> float:
        """The value of a custom loss on the first batch, computed again with the same random numbers."""
        tensors = [tf.constant(hidden), tf.constant(table), tf.constant(targets), tf.constant(mask)]
        generator = tf.random.Generator.from_seed(self.seed)
        return float(self.function(*tensors, generator=generator, **self.options))


def described(error: BaseException, display_name: str, path: str) -> str:
    """An error in one line; if it comes from the file of a custom loss, with that loss and the line of the file.

    The line is in the traceback, in what TensorFlow keeps of functions that it rewrote for a graph or, if that graph
    failed on a batch, in the text.

    Args:
        path: of the user's file, "" for a loss of the harness.
    """
    text = said(error)
    if text.startswith(display_name):
        return text
    rewritten = getattr(error, "ag_error_metadata", None)
    frames = [*traceback.extract_tb(error.__traceback__), *(reversed(rewritten.translated_stack) if rewritten else ())]
    lines = [frame.lineno for frame in frames if frame.filename == path]
    lines += [int(line) for line in re.findall(rf'File "{re.escape(path)}", line (\d+)', str(error))]
    raised = f"{type(error).__name__}: {text}"
    return f"{display_name} raised {raised}, line {lines[-1]}" if lines else raised


def said(error: BaseException) -> str:
    """The text of an error in one line; a graph's error first lists the calls that created an operation."""
    text = str(error)
    if not text.startswith(IN_GRAPH):
        return " ".join(text.split())[:500]
    return next((line for line in text.splitlines() if line and not NOT_SAID.match(line)), IN_GRAPH)
