"""Reports a run of this code base to the probe: epochs, network, ranks, printed metrics, why training stopped.

No framework is imported here: `System` has the differences between TensorFlow, PyTorch and systems without a network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import probe
from ..aprec.places import Listener
from ..training import Training, Weights
from .ranks import RankCollector


@dataclass
class System:
    """The differences between systems.

    Attributes:
        described: name and size of the network, called after training.
        pass_scores: passes the scores of every user to a listener when that user is ranked; its second argument
            are the users in the order of the test.
        special: columns of scores that are no items, called after training.
        memory_mb: largest memory so far.
        weights: of the network, as arrays; none where there is no network.
    """

    described: Callable[[], Mapping[str, Any]]
    pass_scores: Callable[[Listener, Sequence[str]], None]
    special: Callable[[], Sequence[int]] = list
    memory_mb: Callable[[], float] = probe.peak_memory_mb
    weights: Callable[[], Weights] = tuple


@dataclass
class Watch:
    """Observes one system.

    Attributes:
        seen: training items of each user.
        test: the actions of the test.
        listed: number of recommendations that the code base lists for a user.
        started: when training began; 0 before.
        epochs, best, best_value, converged_s: epochs so far, the best of them, its value, and the seconds until then.
        stopped_by: the rule that ended the training: patience, limit_s or epochs; "" without epochs.
        losses: of the batches of the current epoch.
        training: observes losses and weights; None before the first epoch.
    """

    options: argparse.Namespace
    system: System | None = None
    epochs: int = 0
    best: int | None = None
    best_value: float | None = None
    converged_s: float = 0.0
    stopped_by: str = ""
    started: float = 0.0
    losses: list[Any] = field(default_factory=list)
    training: Training | None = None

    def begin(self, seen: Mapping[str, set[str]], test: Sequence[Any], listed: int) -> None:
        """The split data: training items of each user, and the test."""
        self.seen, self.test, self.listed = seen, test, listed

    def training_begins(self) -> None:
        """An epoch begins; batches before the first one, while a network was built, are ignored."""
        self.losses, self.started = [], self.started or time.time()
        if self.training is None and self.system is not None:
            self.training = Training(self.system.weights())

    def epoch_ends(self, metric: str, value: float, seconds: float, valid_s: float, less_is_better: bool) -> None:
        """An epoch and its validation have ended."""
        known = self.best_value
        better = known is None or (value < known if less_is_better else value > known)
        if better:
            self.best, self.best_value, self.converged_s = self.epochs, value, time.time() - self.started
        loss = sum(map(float, self.losses)) / len(self.losses) if self.losses else None
        probe.event(
            "epoch", epoch=self.epochs, train_s=round(seconds, 4), valid_s=round(valid_s, 4), loss=loss, metric=metric,
            value=value, best=better,
        )  # fmt: skip
        if self.training is not None and self.system is not None and loss is not None:
            self.training.epoch_ends(loss, self.system.weights())
        self.epochs, self.losses = self.epochs + 1, []

    def training_ends(self) -> None:
        """No further epoch: record the rule that ended the training, in the code base's order."""
        waited = self.epochs - 1 - (self.best or 0)
        if self.best is not None and waited >= self.options.patience:
            self.stopped_by = "patience"
        elif self.epochs < self.options.epochs:
            self.stopped_by = "limit_s"
        else:
            self.stopped_by = "epochs"

    def watched(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        """The code base's test of a system, observed."""

        def call(recommender: Any, test_actions: Any, *arguments: Any, **options: Any) -> Any:
            assert self.system is not None, "a system is built before it is tested"
            ranks = RankCollector(self.seen, self.test, self.listed, self.system.special())
            self.system.pass_scores(ranks.add, list(dict.fromkeys(action.user_id for action in test_actions)))
            rankings = recommender.get_item_rankings

            def heard() -> Any:
                found = rankings()
                ranks.add_sampled(found)
                return found

            recommender.get_item_rankings = heard
            result = evaluate(recommender, test_actions, *arguments, **options)
            self.report(self.system, ranks, result)
            return result

        return call

    def report(self, system: System, ranks: RankCollector, result: Mapping[str, Any]) -> None:
        """Report network, ranks, printed metrics and the end."""
        probe.event("model", **system.described())
        ranks.write()
        sampled = {f"sampled-{metric_name(name, 0)}": value for name, value in result["sampled_metrics"].items()}
        full = {metric_name(name, self.listed): value for name, value in result.items() if name != "sampled_metrics"}
        printed = {name: f"{value:.10f}" for name, value in {**full, **sampled}.items()}
        if self.epochs:
            printed["minutes to converge"] = f"{self.converged_s / 60:.4f}"
        probe.event("printed", split="test", metrics=printed)
        facts = {"stopped_by": self.stopped_by} if self.stopped_by else {}
        epochs = self.epochs if self.best is not None else None
        probe.event("end", epochs=epochs, best_epoch=self.best, peak_memory_mb=system.memory_mb(), **facts)


def metric_name(name: str, listed: int) -> str:
    """The harness's name of a metric; a reciprocal rank counts in a list of `listed`, 0 for all candidates."""
    return f"MRR@{listed}" if name == "MRR" and listed else name.replace("ndcg", "NDCG")
