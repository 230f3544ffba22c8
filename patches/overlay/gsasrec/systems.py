"""The systems of the gsasrec code base by name, through its own builders, with limits and seeds.

A loss is the code base's own if it has it and only the options `k` and `t` are given; any other option, such as
`form=lean`, and any other loss select the overlay's. The code base has SASRec with `bce`, `gbce`, `ssm`
and `ce-all`, BERT4Rec with `bce`, `ssm` and `mlm-ce`. Its `bce` is petrov2023 eq. 7, with the factor 1 / (k + 1).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aprec.evaluation.configs.gsasrec import common_benchmark_config as common

from ..losses import chosen_tf
from ..losses.named import DRAWS, LossError, parse_options, refuse
from . import models

if TYPE_CHECKING:
    from .watch import Watch

THREADS = 1
SAMPLED = {"bce": "bce", "gbce": "bce", "ssm": "softmax_ce"}
OWN = {"sasrec": ("bce", "gbce", "ssm", "ce-all"), "bert4rec": ("bce", "ssm", "mlm-ce")}
DEFAULTS: dict[str, dict[str, Any]] = {
    "bce": {"k": 1, "weighting": "normalised"}, "gbce": {"k": 256, "t": 0.75}, "ssm": {"k": 256},
}  # fmt: skip


def build(options: argparse.Namespace, watch: Watch | None = None) -> Any:
    """The system as the code base's own recommender, which reports to `watch`.

    Ends the process if the loss is not valid.
    """
    if options.model == "popularity":
        return common.popularity()
    if options.model == "mf-bpr":
        built = common.mf_bpr()
        built.num_threads = THREADS
        return built
    try:
        given = parse_options(options.loss_options)
        own = options.loss in OWN[options.model] and set(given) <= {"k", "t"}
        chosen = None if own else chosen_tf.choose(options.loss, given, options.seed)
        used = {**DEFAULTS.get(options.loss, {}), **given} if chosen is None else chosen.options
        built = sequential(options, used, whole=not sampled(options, chosen))
    except LossError as fault:
        refuse(fault)
        raise
    name = options.loss if chosen is None else chosen.name
    spy = None if watch is None else watch.spy(name, used, chosen)
    models.set_network(built.config, chosen, spy)
    return limited(built, options)


def sampled(options: argparse.Namespace, chosen: chosen_tf.Chosen | None) -> bool:
    """Whether the loss draws negatives; a custom loss gets the network and batches of such a loss."""
    return options.loss in DRAWS or (chosen is not None and bool(chosen.path))


def sequential(options: argparse.Namespace, used: dict[str, Any], whole: bool) -> Any:
    """SASRec or BERT4Rec by the code base's builders; `whole` for those that score the entire catalogue."""
    loss, k = SAMPLED.get(options.loss, "bce"), used.get("k", 1)
    if options.model == "sasrec":
        if whole:
            return common.sasrec_full_target()
        if options.loss == "gbce" and "t" in used:
            return common.gSASRec(num_samples=k, t=used["t"])
        return common.vanilla_sasrec(loss=loss, num_samples=k)
    built = common.full_bert() if whole else common.sampling_bert("random", k, loss)
    type(built.config.model_config).harness_feed_forward = options.feed_forward == "configured"  # the patch reads it
    return built


def limited(built: Any, options: argparse.Namespace) -> Any:
    """The recommender with the limits of these options, and an order of users fixed by the seed."""
    config = built.config
    config.train_epochs, config.early_stop_epochs = options.epochs, options.patience
    config.max_batches_per_epoch = min(config.max_batches_per_epoch, options.batches)
    config.validation_batch_size = min(config.validation_batch_size, options.validation)
    config.extra_val_metrics = []  # for TensorBoard only
    config.data_generator_processes, config.data_generator_queue_size = 1, 2
    config.sequence_splitter = Seeded(config.sequence_splitter, options.seed)
    return built


class Seeded:
    """Makes a splitter for each epoch and seeds the order of its users; each process counts for itself."""

    def __init__(self, make: Callable[[], Any], seed: int) -> None:
        self.make, self.seed, self.count = make, seed, 0

    def __call__(self) -> Any:
        random.seed(f"{self.seed} {self.count}")
        self.count += 1
        return self.make()
