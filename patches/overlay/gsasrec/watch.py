"""What the probe reports of a run of the gsasrec code base: epochs, network, ranks, calibration, printed metrics.

Ranks come from the very scores that the code base ranks in its test, as they pass by; nothing is scored twice. An item
of the test that nobody had in training has no score there: it can never be recommended, so it is put last. So is one
that the code base does not list: it asks for 200 items more than it lists and drops a user's seen items from these,
however many there are, so the list of a user who has seen more than 200 of them ends early.
Predicted probabilities are the logistic function of a score, or for a loss that is a softmax over the catalogue the
softmax over all items; `calibration` counts them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .. import probe
from ..aprec.places import (
    Columns,
    Listener,
    Place,
    among_items,
    columns_of,
    listed,
    pass_counts,
    pass_factors,
    place,
)
from ..calibration import PLACES, Calibration, report_user
from ..losses.chosen_tf import Chosen
from ..proof.in_tf import Spy
from ..training import Training
from ..views import ITEMS_PROTOCOL

SOFTMAX = ("ce-all", "mlm-ce", "ce-last")
NAMES = {
    "OurSASRec": "sasrec", "OurSampledBERT": "bert4rec", "OurFullBERT": "bert4rec", "SASRecModel": "sasrec",
    "BERT4RecFTModel": "bert4rec", "FullBertModel": "bert4rec", "TopRecommender": "popularity",
    "LightFMRecommender": "mf-bpr",
}  # fmt: skip
Array = NDArray[Any]


class Watch:
    """Listens to one system.

    Attributes:
        seen: items that each user had in training.
        listed: how many recommendations the code base lists for a user.
        start: when training began.
        epochs, best, converged: epochs so far, the best one of them, and the seconds until then.
        training: looks at the weights, None before the first epoch has ended.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.epochs = 0
        self.best: int | None = None
        self.converged: float | None = None
        self.training: Training | None = None

    def spy(self, name: str, options: Mapping[str, Any], chosen: Chosen | None) -> Spy:
        """What looks at the first batch."""
        return Spy(name, options, chosen)

    def begin(self, train: Iterable[Any], listed: int) -> None:
        """Training begins on these actions."""
        self.listed, self.start = listed, time.time()
        self.seen: dict[str, set[str]] = {}
        for action in train:
            self.seen.setdefault(action.user_id, set()).add(action.item_id)

    def log(self, trainer: Any, epoch: Any) -> None:
        """An epoch ended; called in place of the code base's method, whose console lines remain."""
        trainer.log_to_console(epoch)
        self.epochs, self.best = trainer.current_epoch + 1, trainer.best_epoch
        self.converged = trainer.time_to_converge
        loss = float(epoch.train_result.training_loss)
        probe.event(
            "epoch",
            epoch=trainer.current_epoch,
            train_s=round(epoch.train_result.training_time, 4),
            valid_s=round(epoch.val_result.validation_time, 4),
            loss=loss,
            metric="NDCG@10",
            value=float(epoch.val_result.val_metric),
            valid_loss=float(epoch.val_result.val_loss),
            best=trainer.best_epoch == trainer.current_epoch,
        )
        if self.training is None:  # the code base keeps the weights that its training began with, and never uses them
            self.training = Training(trainer.last_no_nan_weights)
        self.training.epoch_ends(loss, (weight.numpy() for weight in trainer.recommender.model.weights))

    def watched(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """The code base's test of a system, listened to."""

        def call(recommender: Any, test_actions: Any, *arguments: Any, **options: Any) -> Any:
            trained = time.time() - self.start
            inner = getattr(recommender, "recommender", recommender)
            pass_scores_to = scores_of(inner)
            ranks = RankCollector(self, inner, test_actions, getattr(recommender, "extra_items", None))
            pass_scores_to(ranks.add)
            result = evaluate(recommender, test_actions, *arguments, **options)
            self.report(inner, ranks, result, trained)
            return result

        return call

    def report(self, system: Any, ranks: RankCollector, result: Mapping[str, float], trained: float) -> None:
        """Report network, ranks, calibration, printed metrics and the end."""
        probe.event("model", **described(system))
        ranks.write()
        printed = {metric_name(name, self.listed): f"{value:.10f}" for name, value in result.items()}
        minutes = (trained if self.converged is None else self.converged) / 60
        probe.event("printed", split="test", metrics={**printed, "minutes to converge": f"{minutes:.4f}"})
        epochs = None if self.best is None else self.epochs
        probe.event("end", epochs=epochs, best_epoch=self.best, peak_memory_mb=peak_memory_mb())


def metric_name(name: str, listed: int) -> str:
    """How the harness names a metric; a reciprocal rank counts in the list of recommendations only."""
    return f"MRR@{listed}" if name == "MRR" else name.replace("ndcg", "NDCG")


def described(system: Any) -> dict[str, Any]:
    """Name and size of a system, by its class."""
    if hasattr(system, "config"):
        kind = next(c.__name__ for c in type(system.model).__mro__ if c.__name__ in NAMES)
        return {"name": NAMES[kind], "class": kind, "parameters": int(system.model.count_params()),
                "items": system.items.size(), "users": system.users.size()}  # fmt: skip
    facts = {"name": NAMES[type(system).__name__], "class": type(system).__name__}
    if hasattr(system, "latent_components"):
        facts.update(components=system.latent_components, computed_by="a stand-in for LightFM")
    return facts


def scores_of(system: Any) -> Callable[[Listener], None]:
    """A function that has the scores of every user passed to a listener, once that user is ranked."""
    if hasattr(system, "config"):
        return lambda listener: setattr(
            system, "process_item_ranking_request", lambda user, row: listener(user, system.items.straight, row.numpy())
        )
    passing = pass_counts if hasattr(system, "most_common") else pass_factors
    return lambda listener: passing(system, listener)


class RankCollector:
    """Ranks and predicted probabilities of the users of a test, as their scores pass by.

    Args:
        extra: how many items more than it lists the code base asks for, to drop seen items; None where it drops none.
    """

    def __init__(self, watch: Watch, system: Any, test_actions: Iterable[Any], extra: int | None) -> None:
        self.watch, self.filtered, self.system = watch, extra is not None, system
        self.asked = watch.listed + (extra or 0)
        self.truth = {action.user_id: action.item_id for action in test_actions}
        self.items = set(self.truth.values()).union(*watch.seen.values())
        self.rows: dict[str, dict[str, Place]] = {}
        self.calibration = Calibration(PLACES) if hasattr(system, "config") else None
        self.n_cold = 0
        self.user = watch.options.user if watch.options.user in self.truth else next(iter(self.truth))

    def add(self, user: str, columns: Columns, scores: Array) -> None:
        """A user's scores, shape (n_items,); `columns` maps items to columns."""
        if user in self.rows or user not in self.truth:
            return
        allowed = np.ones(len(scores), dtype=bool)
        allowed[columns_of(self.watch.seen.get(user, ()), columns)] = False
        own = columns.get(self.truth[user])
        views = {"all": np.ones(len(scores), dtype=bool), "unseen": allowed}
        self.n_cold += own is None
        self.rows[user] = row = {name: place(scores, own, view) for name, view in views.items()}
        row["items"] = among_items(row["unseen"], own, len(self.items) - len(scores))
        row["printed"] = listed(row["all"], row["unseen"], self.asked) if self.filtered else row["all"]
        if self.calibration is not None:
            self.calibrate(self.calibration, user, scores, views["unseen" if self.filtered else "all"], own)

    def calibrate(self, calibration: Calibration, user: str, scores: Array, allowed: Array, own: int | None) -> None:
        """Count a user's first places."""
        order = np.argsort(-np.where(allowed, scores, -np.inf), kind="stable")[:PLACES]
        chances = probabilities(scores.astype(np.float64), self.watch.options.loss)
        hits = np.zeros(len(order), dtype=bool) if own is None else order == own
        calibration.add(chances[order][None], hits[None])
        if user == self.user:
            report_user(user, chances[order], float(chances.sum()), len(scores))

    def write(self) -> None:
        """Write the ranks, and report what was counted of the first places."""
        users = sorted(self.rows, key=int)
        views = {
            name: [np.array([self.rows[user][name][i] for user in users], dtype=np.int32) for i in range(3)]
            for name in ("all", "unseen", "items", "printed")
        }
        protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded" if self.filtered else "included"}
        protocol["listed"] = f"{self.watch.listed} of the best {self.asked}"
        protocol.update(cold="test items that no training has come last", n_cold=str(self.n_cold))
        protocol.update(ITEMS_PROTOCOL)
        probe.write_ranks("test", np.array([int(user) for user in users]), views, protocol)
        if self.calibration is not None:
            link = "softmax" if self.watch.options.loss in SOFTMAX else "logistic"
            self.calibration.report(link, len(users), self.system.items.size())


def probabilities(scores: Array, loss: str) -> Array:
    """Predicted probabilities of all items, shape (n_items,)."""
    if loss in SOFTMAX:
        powers = np.exp(scores - scores.max())
        shares: Array = powers / powers.sum()
        return shares
    logistic: Array = np.exp(-np.logaddexp(0.0, -scores))
    return logistic


def peak_memory_mb() -> float:
    """Largest memory so far: of the GPU where there is one, else of this process."""
    if tf.config.list_physical_devices("GPU"):
        peak: float = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return round(peak / 2**20, 1)
    return probe.peak_memory_mb()
