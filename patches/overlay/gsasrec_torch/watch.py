"""Reports a run of the PyTorch port of gSASRec to the probe: loss, epochs, network, printed metrics, time.

Names of the port's modules are rebound before its scripts import them; their results are passed on unchanged. Nothing
here draws a random number or changes a gradient.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

import dataset_utils  # of the port, like the next three
import eval_utils
import gsasrec
import torch
import utils

from .. import probe, probe_torch
from ..training import Training
from .proof import Spy
from .ranks import RankCollector, TorchProxy
from .split import Split

NAMES = {"nDCG": "NDCG", "R": "HIT"}


class Watch:
    """Observes one system.

    Attributes:
        spy: observes the first batch.
        losses: of the batches of the current epoch.
        begun: start time of the training, None before.
        epoch_begun: start time of the current epoch, None between epochs.
        ranked: ranks of the test, None before the test.
        training: observes the training, None before there is a network.
    """

    def __init__(self, options: argparse.Namespace, split: Split, used: Mapping[str, Any]) -> None:
        self.options, self.split = options, split
        self.spy = Spy(options.loss, used, split.n_items)
        self.epochs, self.best_value = 0, float("-inf")
        self.best: int | None = None
        self.converged: float | None = None
        self.losses: list[float] = []
        self.begun: float | None = None
        self.epoch_begun: float | None = None
        self.ranked: RankCollector | None = None
        self.training: Training | None = None

    def listen(self) -> None:
        """Rebind the port's names for its network, its batches and its validation, and PyTorch's backward pass."""
        build, collate = utils.build_model, dataset_utils.collate_with_random_negatives
        evaluate, backward = eval_utils.evaluate, torch.Tensor.backward

        def built(config: Any) -> Any:
            model = build(config)
            self.spy.watch(model)
            self.training = Training(probe_torch.weights(model))
            return model

        def collated(*arguments: Any) -> Any:
            self.epoch_begun = self.epoch_begun or time.time()
            self.begun = self.begun or self.epoch_begun
            batch = collate(*arguments)
            self.spy.batch(*batch)
            return batch

        def went_backward(loss: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            self.losses.append(loss.item())
            self.spy.value = self.losses[-1]
            return backward(loss, *arguments, **options)  # type: ignore[no-untyped-call]

        def evaluated(model: Any, *arguments: Any, **options: Any) -> Any:
            trained = time.time()
            result = evaluate(model, *arguments, **options)
            self.report(model, result, trained)
            return result

        utils.build_model, dataset_utils.collate_with_random_negatives = built, collated
        eval_utils.evaluate, torch.Tensor.backward = evaluated, went_backward  # type: ignore[method-assign,assignment]

    def report(self, model: torch.nn.Module, result: Mapping[Any, float], trained: float) -> None:
        """The port has computed metrics, of a validation or of the test."""
        metrics = {metric_name(measure): value for measure, value in result.items()}
        if self.ranked is None:
            self.epoch(model, metrics["NDCG@10"], trained)
        else:
            probe_torch.describe(model, self.options.model, self.options.checkpoint or None)
            self.ranked.write()
            probe.event("printed", split="test", metrics=self.printed(metrics))

    def epoch(self, model: torch.nn.Module, value: float, trained: float) -> None:
        """An epoch of a model ended with this validation metric; `trained` is when its training did."""
        assert self.begun is not None, "an epoch has a batch"
        assert self.epoch_begun is not None
        assert self.training is not None
        now, loss = time.time(), sum(self.losses) / len(self.losses)
        better = value > self.best_value  # as the port decides
        if better:
            self.best, self.best_value, self.converged = self.epochs, value, now - self.begun
        probe.event(
            "epoch",
            epoch=self.epochs,
            train_s=round(trained - self.epoch_begun, 4),
            valid_s=round(now - trained, 4),
            loss=loss,
            metric="NDCG@10",
            value=value,
            best=better,
        )
        self.training.epoch_ends(loss, probe_torch.weights(model))
        self.epochs, self.losses, self.epoch_begun = self.epochs + 1, [], None

    def test_begins(self) -> None:
        """From now on, rankings are of the test."""
        self.ranked = RankCollector(self.split, self.options.user)
        gsasrec.torch = TorchProxy(self.ranked.add)  # type: ignore[attr-defined]

    def printed(self, metrics: Mapping[str, float]) -> dict[str, str]:
        """The test's metrics as text, with the time to the best weights after a training."""
        texts = {name: f"{value:.10f}" for name, value in metrics.items()}
        return texts if self.converged is None else {**texts, "minutes to converge": f"{self.converged / 60:.4f}"}

    def end(self) -> None:
        """The run has ended."""
        epochs = self.epochs if self.begun is not None else None
        probe.event("end", epochs=epochs, best_epoch=self.best, peak_memory_mb=probe_torch.peak_memory_mb())


def metric_name(measure: Any) -> str:
    """The harness's name of a measure of the port: R@k with one relevant item is HIT@k."""
    name, _, k = repr(measure).partition("@")
    return f"{NAMES[name]}@{k}"
