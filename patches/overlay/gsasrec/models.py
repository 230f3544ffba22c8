"""The networks of the gsasrec code base, which support another loss instead of their own, and report to a spy.

Each is a subclass: without a chosen loss it behaves like the code base, to the last bit.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from aprec.recommenders.sequential.models.bert4rec.bert4recft import BERT4RecFTModel, SampleBERTConfig
from aprec.recommenders.sequential.models.bert4rec.full_bert import FullBERTConfig, FullBertModel
from aprec.recommenders.sequential.models.sasrec.sasrec import SASRecConfig, SASRecModel
from tensorflow import Tensor

from ..aprec.networks import IGNORED, Recorded, WatchedMaskedLM, WatchedNetwork
from ..losses.chosen_tf import Chosen
from ..proof.in_tf import Spy


def set_network(config: Any, chosen: Chosen | None, spy: Spy | None) -> None:
    """Make a recommender's configuration build our network if there is a loss or a spy for it."""
    if chosen is None and spy is None:
        return
    kinds = {SASRecConfig: OurSASRec, SampleBERTConfig: OurSampledBERT, FullBERTConfig: OurFullBERT}
    known = type(config.model_config)
    network = type(kinds[known].__name__, (kinds[known],), {"chosen": chosen, "spy": spy})
    # The code base rebuilds the configuration from its attributes, so it must not have a further one.
    config.model_config.__class__ = type("Ours", (known,), {"get_model_architecture": lambda _self: network})


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
        """Hidden states of a batch; the table used for scoring exists afterwards."""
        states, _ = self.get_seq_embedding(inputs[0], bs=self.data_parameters.batch_size, training=training)
        self.get_target_embeddings(self.all_items[:1])
        return states

    def parts(self, inputs: Any) -> dict[str, Any]:
        """The parts of a batch; no softmax and no sampling of the code base includes the two rows after the items."""
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
        """The parts of a batch; draws are items, and the last three rows are not."""
        n = self.data_parameters.num_items
        return {
            "targets": tf.nn.relu(inputs[1]), "mask": tf.not_equal(inputs[1], IGNORED), "seen": inputs[0],
            "table": self.bert.embeddings.weight, "reserved": (n, n + 1, n + 2), "excluded": (n, n + 1, n + 2),
        }  # fmt: skip


class OurFullBERT(WatchedMaskedLM, FullBertModel):
    """BERT4Rec with the softmax over the whole table."""

    n_reserved = 3
