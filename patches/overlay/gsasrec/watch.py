"""Reports a run of the gsasrec code base to the probe: epochs, network, ranks, calibration, printed metrics.

Ranks are computed from the scores that the code base ranks in its test; nothing is scored twice. A test item
without training interactions has no score there: it can never be recommended, so it is ranked last. So is one
that the code base does not list: it requests 200 more items than it lists and removes a user's seen items from these,
so the list of a user who has seen more than 200 of them is shorter.
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
    """Observes one system.

    Attributes:
        seen: training items of each user.
        listed: number of recommendations that the code base lists for a user.
        start: when training began.
        epochs, best, converged: epochs so far, the best one of them, and the seconds until then.
        training: observes the weights, None before the end of the first epoch.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.epochs = 0
        self.best: int | None = None
        self.converged: float | None = None
        self.training: Training | None = None

    def spy(self, name: str, options: Mapping[str, Any], chosen: Chosen | None) -> Spy:
        """The observer of the first batch."""
        return Spy(name, options, chosen)

    def begin(self, train: Iterable[Any], listed: int) -> None:
        """Training begins on these actions."""
        self.listed, self.start = listed, time.time()
        self.seen: dict[str, set[str]] = {}
        for action in train:
            self.seen.setdefault(action.user_id, set()).add(action.item_id)

    def log(self, trainer: Any, epoch: Any) -> None:
        """An epoch ended; called instead of the code base's method, whose console lines are kept."""
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
        if self.training is None:  # the code base keeps its initial weights, which it never uses
            self.training = Training(trainer.last_no_nan_weights)
        self.training.epoch_ends(loss, (weight.numpy() for weight in trainer.recommender.model.weights))

    def watched(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """The code base's test of a system, observed."""

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
    """The harness's name of a metric; a reciprocal rank is computed within the list of recommendations only."""
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
    """A function that passes the scores of every user to a listener when that user is ranked."""
    if hasattr(system, "config"):
        return lambda listener: setattr(
            system, "process_item_ranking_request", lambda user, row: listener(user, system.items.straight, row.numpy())
        )
    passing = pass_counts if hasattr(system, "most_common") else pass_factors
    return lambda listener: passing(system, listener)


class RankCollector:
    """Ranks and predicted probabilities of the users of a test, collected from their scores.

    Args:
        extra: number of items that the code base requests beyond its list, to remove seen items; None if it removes
            none.
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
        """Count a user's first ranks."""
        order = np.argsort(-np.where(allowed, scores, -np.inf), kind="stable")[:PLACES]
        chances = probabilities(scores.astype(np.float64), self.watch.options.loss)
        hits = np.zeros(len(order), dtype=bool) if own is None else order == own
        calibration.add(chances[order][None], hits[None])
        if user == self.user:
            report_user(user, chances[order], float(chances.sum()), len(scores))

    def write(self) -> None:
        """Write the ranks, and report the counts at the first ranks."""
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
    """Peak memory so far: of the GPU if there is one, else of this process."""
    if tf.config.list_physical_devices("GPU"):
        peak: float = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return round(peak / 2**20, 1)
    return probe.peak_memory_mb()
