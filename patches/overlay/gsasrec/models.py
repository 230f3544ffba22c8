"""The networks of the gsasrec code base, which can take another loss in place of their own, and report to a spy.

Each is a subclass: where no loss was chosen, it does what the code base does, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from aprec.recommenders.sequential.models.bert4rec.bert4recft import BERT4RecFTModel, SampleBERTConfig
from aprec.recommenders.sequential.models.bert4rec.full_bert import FullBERTConfig, FullBertModel
from aprec.recommenders.sequential.models.sasrec.sasrec import SASRecConfig, SASRecModel
from tensorflow import Tensor

from ..losses.chosen_tf import Chosen
from ..proof.in_tf import Spy

IGNORED = -100  # the code base's label of a position that does not count


def set_network(config: Any, chosen: Chosen | None, spy: Spy | None) -> None:
    """Have a recommender's configuration build our network, where there is a loss or a spy for it."""
    if chosen is None and spy is None:
        return
    kinds = {SASRecConfig: OurSASRec, SampleBERTConfig: OurSampledBERT, FullBERTConfig: OurFullBERT}
    known = type(config.model_config)
    network = type(kinds[known].__name__, (kinds[known],), {"chosen": chosen, "spy": spy})
    # The code base builds the configuration anew from its attributes, so it must not have one more.
    config.model_config.__class__ = type("Ours", (known,), {"get_model_architecture": lambda _self: network})


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
    """What the three networks share, above the code base's own class.

    Attributes:
        chosen: the loss in place of the code base's, None for its own.
        spy: looks at the first batch, or None.
    """

    chosen: Chosen | None = None
    spy: Spy | None = None
    sampler: Any

    if TYPE_CHECKING:  # each network has these two

        def states(self, inputs: Any, **options: Any) -> Tensor:
            """Hidden states of a batch, (B, L, D)."""

        def parts(self, inputs: Any) -> dict[str, Any]:
            """What a batch is made of: targets, mask, seen items, item table, reserved and excluded rows, bias."""

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


class OurSASRec(WatchedNetwork, SASRecModel):
    """SASRec."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.model_parameters.vanilla:
            self.sampler = Recorded(self.sampler)

    def get_seq_embedding(self, input_ids: Tensor, bs: Any = None, training: Any = None) -> tuple[Tensor, Any]:
        """Hidden states, watched, and attentions."""
        states, attentions = super().get_seq_embedding(input_ids, bs=bs, training=training)
        return self.watched(states), attentions

    def states(self, inputs: Any, training: Any = None, **_options: Any) -> Tensor:
        """Hidden states of a batch; the table that items are scored with exists afterwards."""
        states, _ = self.get_seq_embedding(inputs[0], bs=self.data_parameters.batch_size, training=training)
        self.get_target_embeddings(self.all_items[:1])
        return states

    def parts(self, inputs: Any) -> dict[str, Any]:
        """What a batch is made of; no softmax and no draw of the code base has the two rows beyond the items."""
        n = self.data_parameters.num_items
        return {
            "targets": tf.nn.relu(inputs[1]), "mask": tf.not_equal(inputs[0], n), "seen": inputs[0],
            "table": self.output_item_embeddings.embeddings, "reserved": (n, n + 1), "excluded": (n, n + 1),
        }  # fmt: skip


class OurSampledBERT(WatchedNetwork, BERT4RecFTModel):
    """BERT4Rec with negatives."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sampler = Recorded(self.sampler)
        encode = self.bert.encoder.call

        def watched(*arguments: Any, **options: Any) -> Any:
            found = encode(*arguments, **options)
            found["last_hidden_state"] = self.watched(found[0])
            return found

        self.bert.encoder.call = watched

    def states(self, inputs: Any, **_options: Any) -> Tensor:
        """Hidden states of a batch."""
        return self.bert(inputs[0], position_ids=inputs[2])[0]

    def parts(self, inputs: Any) -> dict[str, Any]:
        """What a batch is made of; draws are items, and the last three rows are not."""
        n = self.data_parameters.num_items
        return {
            "targets": tf.nn.relu(inputs[1]), "mask": tf.not_equal(inputs[1], IGNORED), "seen": inputs[0],
            "table": self.bert.embeddings.weight, "reserved": (n, n + 1, n + 2), "excluded": (n, n + 1, n + 2),
        }  # fmt: skip


class OurFullBERT(WatchedNetwork, FullBertModel):
    """BERT4Rec with the softmax over the whole table, reserved rows and a bias included."""

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
        """What a batch is made of."""
        n = self.data_parameters.num_items
        bias = self.bert.mlm.predictions.bias if self.chosen is None else None
        return {
            "targets": tf.nn.relu(inputs[1]), "mask": tf.not_equal(inputs[1], IGNORED), "seen": inputs[0],
            "table": self.bert.bert.embeddings.weight, "bias": bias, "reserved": (n, n + 1, n + 2), "excluded": (),
        }  # fmt: skip
