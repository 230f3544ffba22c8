"""The systems of this code base under TensorFlow, through its own builders, with limits, seeds and a chosen loss.

SASRec with `bce` and BERT4Rec with `mlm-ce` are the code base's own without loss options; every other
loss, and every option such as `form=naive`, selects the overlay's. SASRec with `ce-all` is li2023's: the required
change of the network was not released, so it is implemented from the equation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from aprec.evaluation.configs.bert4rec_repro_paper import common_benchmark_config as common
from aprec.losses.mean_ypred_ploss import MeanPredLoss
from aprec.recommenders import lightfm
from aprec.recommenders.dnn_sequential_recommender.models.bert4rec import bert4rec as bert_module
from aprec.recommenders.dnn_sequential_recommender.models.sasrec import sasrec as sasrec_module

from .. import probe
from ..aprec.places import Array, Listener, pass_counts, pass_factors
from ..losses import chosen_tf
from ..losses.named import LossError, parse_options, refuse
from .blocks import Blocks
from .networks import EagerSpy, InnerLoss, OurBERT, OurSASRec, OwnLoss, Telling
from .watch import System, Watch

OWN = {"sasrec": ("bce", {"k": 1, "weighting": "normalised"}), "bert4rec-hf": ("mlm-ce", {})}


def build(options: argparse.Namespace, watch: Watch) -> Any:
    """The system as the code base's own recommender, which reports to `watch`.

    Ends the process if the loss is not valid.
    """
    tf.keras.utils.set_random_seed(options.seed)
    if options.model == "popularity":
        built = common.top_recommender()
        watch.system = System(lambda: {"name": "popularity"}, lambda listener, _users: pass_counts(built, listener))
        return built
    if options.model == "mf-bpr":
        lightfm.LightFM.default_seed = options.seed
        built = common.lightfm_recommender(128, "bpr")
        facts = {"name": "mf-bpr", "components": 128, "computed_by": "a stand-in for LightFM"}
        watch.system = System(lambda: facts, lambda listener, _users: pass_factors(built, listener))
        return built
    return network(options, watch)


def network(options: argparse.Namespace, watch: Watch) -> Any:
    """SASRec or BERT4Rec, with the code base's loss or a chosen one."""
    own, used = OWN[options.model]
    chosen = None
    try:
        given = parse_options(options.loss_options)
        if options.loss != own or given:
            chosen = chosen_tf.choose(options.loss, given, options.seed)
    except LossError as fault:
        refuse(fault)
        raise
    spy = EagerSpy(own, used) if chosen is None else EagerSpy(chosen.name, chosen.options, chosen)
    built = sasrec(options) if options.model == "sasrec" else bert4rec(options)
    hears = Listening(watch)
    if options.model == "sasrec":
        sasrec_module.OwnSasrecModel = hears.network(OurSASRec, chosen, spy)
    else:
        bert_module.BERT4RecModel = hears.network(OurBERT, chosen, spy)
    if options.model == "sasrec" and chosen is None:
        built.loss = OwnLoss(hears.batch, spy)
    else:
        built.loss, built.metric = InnerLoss(hears.batch), MeanPredLoss()
    limited(built, options)
    hears.attach(built)
    watch.system = System(
        lambda: described(built, options),
        lambda *to: pass_scores(built, options, *to),
        memory_mb=peak_memory_mb,
        weights=lambda: built.model.get_weights(),
    )
    return built


def sasrec(options: argparse.Namespace) -> Any:
    """SASRec by the code base's builder."""
    common.HISTORY_LEN = options.sequence
    return common.vanilla_sasrec()


def bert4rec(options: argparse.Namespace) -> Any:
    """BERT4Rec by the code base's builder."""
    built = common.our_bert4rec(sequence_len=options.sequence)
    built.model_arch.harness_feed_forward = options.feed_forward == "configured"  # the patch reads it
    return built


def limited(built: Any, options: argparse.Namespace) -> None:
    """Set the limits of these options; like li2023's configuration, train without a graph."""
    built.train_epochs, built.early_stop_epochs = options.epochs, options.patience
    built.training_time_limit = options.limit_s or None
    built.debug = True


class Listening:
    """Observes a training: batches, epochs, the end.

    Attributes:
        training: whether the current batch is for training, not validation.
        trained: when the last batch of the current epoch ended.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch, self.training, self.trained = watch, False, 0.0

    def network(self, kind: Any, chosen: chosen_tf.Chosen | None, spy: EagerSpy) -> Any:
        """The class of a network with this loss and spy, which reports training batches."""
        return type(kind.__name__, (Telling, kind), {"chosen": chosen, "spy": spy, "telling": self.tell})

    def tell(self, training: bool) -> None:
        """Whether the next batch is for training."""
        self.training = training

    def batch(self, value: Any) -> None:
        """The loss of a batch."""
        if self.training:
            self.watch.losses.append(value)
            self.trained = time.time()

    def attach(self, built: Any) -> None:
        """Listen to the epochs of a recommender."""
        train_epoch, rebuild = built.train_epoch, built.rebuild_model

        def epoch(*arguments: Any) -> float:
            self.watch.training_begins()
            begun = time.time()
            value: float = train_epoch(*arguments)
            seconds = self.trained - begun
            name, less = built.metric.__name__, built.metric.less_is_better
            self.watch.epoch_ends(name, value, seconds, time.time() - self.trained, less)
            return value

        def whole() -> None:
            rebuild()
            self.watch.training_ends()

        built.train_epoch, built.rebuild_model = epoch, whole


def described(built: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Name and size of a network."""
    facts = {"name": options.model, "class": type(built.model).__name__, "items": built.items.size(),
             "parameters": int(built.model.count_params()), "users": built.users.size()}  # fmt: skip
    if options.model == "bert4rec-hf":
        facts["feed_forward"] = built.model.bert.config.intermediate_size
    return facts


def pass_scores(built: Any, options: argparse.Namespace, listener: Listener, users: Sequence[str]) -> None:
    """Pass the scores of every user to a listener, computed in blocks or one by one."""

    def score(asked: Sequence[str]) -> Array:
        sessions = [vector(built, user) for user in asked]
        found: Array = built.model.score_all_items([np.stack(sessions)]).numpy()
        return found

    scores = built.get_all_item_scores if options.scoring == "single" else Blocks(score, users, built.batch_size)
    columns: Mapping[str, int] = built.items.straight

    def heard(user: str) -> Array:
        found: Array = scores(user)
        listener(user, columns, found)
        return found

    built.get_all_item_scores = heard


def vector(built: Any, user: str) -> Array:
    """A user's history as passed to the network by the code base."""
    actions = built.user_actions[built.users.get_id(user)]
    found: Array = built.pred_history_vectorizer([(0, action[1]) for action in actions])
    return found


def peak_memory_mb() -> float:
    """Peak memory so far: of the GPU if there is one, else of this process."""
    if tf.config.list_physical_devices("GPU"):
        peak: float = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return round(peak / 2**20, 1)
    return probe.peak_memory_mb()
