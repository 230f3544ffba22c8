"""The networks of this code base under TensorFlow, which support another loss, and report to a spy.

Each is a subclass: without a chosen loss it behaves like the code base, to the last bit. SASRec's own loss is
computed from two scores per position outside the network, by `OwnLoss`; BERT4Rec's, and any loss of the overlay,
inside. The code base trains without a graph, so the spy observes the computation of the first batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from aprec.losses.bce import BCELoss
from aprec.losses.mean_ypred_ploss import MeanPredLoss
from aprec.recommenders.dnn_sequential_recommender.models.bert4rec.bert4rec import BERT4RecModel
from aprec.recommenders.dnn_sequential_recommender.models.sasrec.sasrec import OwnSasrecModel
from tensorflow import Tensor

from ..aprec.networks import WatchedMaskedLM, WatchedNetwork
from ..losses import samplers_tf
from ..proof.in_tf import Spy


class EagerSpy(Spy):
    """Observes the first batch of a training without a graph."""

    def hidden(self, states: Tensor) -> Tensor:
        """The same states, watched until the first batch has been reported."""
        if self.reported or "model" not in self.batch:
            return states

        def watched(states: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            def gradient(slope: Tensor) -> Tensor:
                self.look(states, slope)
                return slope

            return tf.identity(states), gradient

        return tf.custom_gradient(watched)(states)

    def begin(self, model: Any) -> None:
        """A batch of this model follows."""
        self.batch = {} if self.reported else {"model": model}

    def look(self, states: Tensor, slope: Tensor) -> None:
        """Report the batch, with hidden states and their gradient."""
        if "value" not in self.batch:
            return
        facts = [self.batch.get(name) for name in ("table", "bias", "targets", "mask", "negatives", "value")]
        arrays = [np.zeros(0, np.int64) if fact is None else tf.convert_to_tensor(fact).numpy() for fact in facts]
        arrays[-1] = arrays[-1].reshape(())  # Hugging Face's loss has one dimension
        self.receive([states.numpy(), slope.numpy(), *arrays], self.batch["excluded"])


class Telling:
    """A network that reports whether a batch is used for training or otherwise."""

    telling: Callable[[bool], None]

    def call(self, inputs: Any, **options: Any) -> Tensor:
        """The network's output for a batch."""
        self.telling(bool(options.get("training")))
        return super().call(inputs, **options)  # type: ignore[misc]


class OurSASRec(WatchedNetwork, OwnSasrecModel):
    """SASRec. A batch has item ids, and at each position the next item with a drawn one, or twice the padding row."""

    def get_seq_embedding(self, input_ids: Tensor, training: Any = None) -> Tensor:
        """Hidden states, watched."""
        return self.watched(super().get_seq_embedding(input_ids, training))

    def call(self, inputs: Any, **options: Any) -> Tensor:
        """Two scores for each position, or the chosen loss."""
        if self.chosen is not None:
            return super().call(inputs, **options)
        if self.spy is None or self.spy.reported:
            return OwnSasrecModel.call(self, inputs, **options)
        self.spy.begin(self)
        scores = OwnSasrecModel.call(self, inputs, **options)
        facts = self.parts(inputs)
        drawn = {name: facts[name] for name in ("table", "targets", "mask", "excluded")}
        self.spy.batch.update(drawn, negatives=inputs[1][:, :, 1:])
        return scores

    def sampler(self, inputs: Any, targets: Tensor) -> Tensor:
        """Negatives of each position for a loss of the overlay, from all items."""
        n, k = self.num_items, self.chosen.options["k"]  # type: ignore[union-attr]
        mask = tf.ones(tf.shape(targets), tf.bool)
        return samplers_tf.draw(None, k, targets, mask, n + 1, (n,), "none", inputs)

    def states(self, inputs: Any, training: Any = None, **_options: Any) -> Tensor:
        """Hidden states of a batch."""
        return self.get_seq_embedding(inputs[0], training)

    def parts(self, inputs: Any) -> dict[str, Any]:
        """The parts of a batch; no score of the code base has the padding row."""
        n, targets = self.num_items, inputs[1][:, :, 0]
        mask = tf.not_equal(targets, n)
        return {
            "targets": tf.where(mask, targets, tf.zeros_like(targets)), "mask": mask, "seen": inputs[0],
            "table": self.item_embeddings_layer.embeddings, "reserved": (n,), "excluded": (n,),
        }  # fmt: skip


class OurBERT(WatchedMaskedLM, BERT4RecModel):
    """BERT4Rec with the softmax over the whole table."""

    n_reserved = 2


class OwnLoss(BCELoss):
    """SASRec's loss of the code base, which calls a listener for every training batch."""

    def __init__(self, heard: Callable[[Tensor], None], spy: Spy) -> None:
        super().__init__()
        self.heard, self.spy = heard, spy

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of a batch."""
        value = super().__call__(y_true, y_pred)
        self.spy.batch["value"] = value
        self.heard(value)
        return value


class InnerLoss(MeanPredLoss):
    """The loss that a network has computed itself, which calls a listener for every training batch."""

    def __init__(self, heard: Callable[[Tensor], None]) -> None:
        super().__init__()
        self.heard = heard

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of a batch."""
        value = super().__call__(y_true, y_pred)
        self.heard(value)
        return value
