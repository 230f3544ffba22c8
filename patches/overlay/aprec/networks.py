"""Shared parts of the networks of both code bases: another loss instead of their own, and a spy that they report to.

Each network is a subclass: without a chosen loss it behaves like the code base, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow import Tensor

from ..losses.chosen_tf import Chosen
from ..proof.in_tf import Spy

IGNORED = -100  # both code bases' label of a position that does not count


class Recorded:
    """A sampler that keeps what it drew last."""

    def __init__(self, sampler: Any) -> None:
        self.sampler, self.drawn = sampler, None

    def __call__(self, inputs: Tensor, labels: Tensor) -> Tensor:
        self.drawn = self.sampler(inputs, labels)
        return self.drawn

    def fit(self, users: Any) -> None:
        """As the code base calls it."""
        self.sampler.fit(users)


class WatchedNetwork:
    """A network whose `call` is the loss of a batch, above the code base's own class.

    Attributes:
        chosen: the loss instead of the code base's, None for its own.
        spy: observes the first batch, or None.
    """

    chosen: Chosen | None = None
    spy: Spy | None = None
    sampler: Any

    if TYPE_CHECKING:  # each network has these two

        def states(self, inputs: Any, **options: Any) -> Tensor:
            """Hidden states of a batch, (B, L, D)."""

        def parts(self, inputs: Any) -> dict[str, Any]:
            """The parts of a batch: targets, mask, seen items, item table, reserved and excluded rows, bias."""

    def watched(self, states: Tensor) -> Tensor:
        """The states that scores are computed from."""
        return states if self.spy is None else self.spy.hidden(states)

    def call(self, inputs: Any, **options: Any) -> Tensor:
        """The loss of a batch."""
        if self.spy is not None:
            self.spy.begin(self)
        negatives = None
        if self.chosen is None:
            value = super().call(inputs, **options)  # type: ignore[misc]
            negatives = self.sampler.drawn if isinstance(getattr(self, "sampler", None), Recorded) else None
            parts = self.parts(inputs)
        else:
            hidden = self.states(inputs, **options)
            parts = self.parts(inputs)
            targets, mask, table, reserved = (parts[n] for n in ("targets", "mask", "table", "reserved"))
            sampler = lambda: self.sampler(inputs[0], targets)  # noqa: E731
            n_rows = table.shape[0]
            negatives = self.chosen.draw(sampler, parts["seen"], targets, mask, n_rows, reserved)
            value = self.chosen.value(hidden, table, targets, mask, negatives, self.chosen.excluded(reserved))
        if self.spy is not None:
            own = parts["excluded"] if self.chosen is None else self.chosen.excluded(parts["reserved"])
            facts = {name: parts.get(name) for name in ("table", "bias", "targets", "mask")}
            self.spy.end(value=value, negatives=negatives, excluded=own, **facts)
        return value


class WatchedMaskedLM(WatchedNetwork):
    """BERT4Rec with the softmax over the whole table of Hugging Face's BERT, reserved rows and a bias included.

    Attributes:
        n_reserved: rows at the end of the table that are not items.
    """

    n_reserved: int
    bert: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        head = self.bert.mlm.predictions.transform
        transform: Callable[..., Tensor] = head.call
        head.call = lambda *arguments, **options: self.watched(transform(*arguments, **options))

    def states(self, inputs: Any, **_options: Any) -> Tensor:
        """Hidden states of a batch."""
        found = self.bert(inputs[0], position_ids=inputs[2], return_dict=True, output_hidden_states=True)
        return self.bert.mlm.predictions.transform(found.hidden_states[-1])

    def parts(self, inputs: Any) -> dict[str, Any]:
        """The parts of a batch."""
        n_rows = self.bert.config.vocab_size
        bias = self.bert.mlm.predictions.bias if self.chosen is None else None
        return {
            "targets": tf.nn.relu(inputs[1]), "mask": tf.not_equal(inputs[1], IGNORED), "seen": inputs[0],
            "table": self.bert.bert.embeddings.weight, "bias": bias,
            "reserved": tuple(range(n_rows - self.n_reserved, n_rows)), "excluded": (),
        }  # fmt: skip
