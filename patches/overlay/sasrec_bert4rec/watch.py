"""Reports a run to the harness: network, epochs, printed metrics, time. It draws and computes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .. import probe, probe_torch
from ..training import Training, Weights

NAMES = {"ndcg": "NDCG", "hit_rate": "HIT", "mrr": "MRR"}


class Watch:
    """Observes one training.

    Attributes:
        epochs: number of ended epochs.
        best: the best of them by its validation NDCG@10, None before the first.
        training_s: seconds of the complete training with validations, as printed by the script; None before its end.
        losses: of the batches of the current epoch.
        training: observes the weights, None without epochs.
    """

    def __init__(self) -> None:
        self.epochs = 0
        self.best: int | None = None
        self.best_value = float("-inf")
        self.training_s: float | None = None
        self.losses: list[float] = []
        self.training: Training | None = None
        self.begun = self.trained = 0.0

    def epoch_begins(self) -> None:
        """An epoch begins."""
        self.losses, self.begun = [], time.time()

    def training_ends(self) -> None:
        """The batches of an epoch have ended, its validation begins."""
        self.trained = time.time()

    def epoch_ends(self, value: float, weights: Weights = ()) -> None:
        """An epoch and its validation have ended, with this NDCG@10 and these weights."""
        better = value > self.best_value  # as in the code base
        loss = sum(self.losses) / len(self.losses) if self.losses else None
        if better:
            self.best, self.best_value = self.epochs, value
        probe.event(
            "epoch",
            epoch=self.epochs,
            train_s=round(self.trained - self.begun, 4),
            valid_s=round(time.time() - self.trained, 4),
            loss=loss,
            metric="NDCG@10",
            value=value,
            best=better,
        )
        if self.training is not None and loss is not None:
            self.training.epoch_ends(loss, weights)
        self.epochs += 1

    def printed(self, metrics: Mapping[str, float]) -> None:
        """The test's metrics, by the script's names."""
        texts = {metric_name(name): f"{value:.10f}" for name, value in metrics.items()}
        if self.training_s is not None:
            texts["training_time"] = f"{self.training_s:.4f}"
        probe.event("printed", split="test", metrics=texts)

    def ends(self) -> None:
        """The run has ended."""
        memory = probe_torch.peak_memory_mb()
        probe.event("end", epochs=self.epochs, best_epoch=self.best, training_s=self.training_s, peak_memory_mb=memory)


def metric_name(name: str) -> str:
    """The harness's name of a metric that the script calls `test_hit_rate@10`."""
    stem, _, k = name.removeprefix("test_").partition("@")
    return f"{NAMES[stem]}@{k}"


def callback_of(base: Any, watch: Watch) -> Any:
    """A Lightning callback that reports epochs to `watch`; `base` is Lightning's class of callbacks.

    Lightning validates two batches before it trains, and ends an epoch after its validation.
    """

    class Epochs(base):  # type: ignore[misc]
        """Reports epochs."""

        def on_train_epoch_start(self, _trainer: Any, _module: Any) -> None:
            watch.epoch_begins()

        def on_train_batch_end(self, _trainer: Any, _module: Any, outputs: Any, *_: Any) -> None:
            watch.losses.append(float(outputs["loss"]))

        def on_validation_start(self, _trainer: Any, _module: Any) -> None:
            watch.training_ends()

        def on_validation_end(self, trainer: Any, module: Any) -> None:
            if not trainer.sanity_checking:
                watch.epoch_ends(float(trainer.callback_metrics["val_ndcg"]), probe_torch.weights(module.model))

    return Epochs()
