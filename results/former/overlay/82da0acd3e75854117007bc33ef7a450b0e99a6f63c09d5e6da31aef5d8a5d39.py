"""What the harness is told of a run of the PyTorch port of gSASRec: loss, epochs, network, printed metrics, time.

Names of the port's modules are rebound before its scripts import them; what they compute is handed on as it is. Nothing
here draws a random number or changes a gradient.
"""

from __future__ import annotations

import time

import dataset_utils  # of the port, like the next three
import eval_utils
import gsasrec
import torch
import utils

from . import port_proof, port_ranks, probe, probe_torch

NAMES = {"nDCG": "NDCG", "R": "HIT"}


class Watch:
    """Listens to one system.

    Attributes:
        spy: looks at the first batch. losses: of the batches of the epoch under way.
        begun: when training began. epoch_begun: the epoch under way, None between epochs.
    """

    def __init__(self, options, split, used):
        self.options, self.split = options, split
        self.spy = port_proof.Spy(options.loss, used, split.n_items)
        self.epochs, self.best, self.best_value, self.converged = 0, None, float("-inf"), None
        self.losses, self.begun, self.epoch_begun = [], None, None
        self.ranked = None

    def listen(self):
        """Rebind the names: network, batches, validation; and what a loss is told to go backward by."""
        build, collate = utils.build_model, dataset_utils.collate_with_random_negatives
        evaluate, backward = eval_utils.evaluate, torch.Tensor.backward

        def built(config):
            model = build(config)
            self.spy.watch(model)
            return model

        def collated(*arguments):
            self.epoch_begun = self.epoch_begun or time.time()
            self.begun = self.begun or self.epoch_begun
            batch = collate(*arguments)
            self.spy.batch(*batch)
            return batch

        def went_backward(loss, *arguments, **options):
            self.losses.append(loss.item())
            self.spy.value = self.losses[-1]
            return backward(loss, *arguments, **options)

        def evaluated(model, *arguments, **options):
            trained = time.time()
            result = evaluate(model, *arguments, **options)
            self.told(model, result, trained)
            return result

        utils.build_model, dataset_utils.collate_with_random_negatives = built, collated
        eval_utils.evaluate, torch.Tensor.backward = evaluated, went_backward

    def told(self, model, result, trained):
        """The port has metrics: of a validation, or of the test."""
        metrics = {called(measure): value for measure, value in result.items()}
        if self.ranked is None:
            self.epoch(metrics["NDCG@10"], trained)
        else:
            probe_torch.describe(model, self.options.model, self.options.checkpoint or None)
            self.ranked.write()
            probe.event("printed", split="test", metrics=self.printed(metrics))

    def epoch(self, value, trained):
        """An epoch ended with this validation metric; `trained` is when its training did."""
        now = time.time()
        better = value > self.best_value  # as the port decides
        if better:
            self.best, self.best_value, self.converged = self.epochs, value, now - self.begun
        probe.event(
            "epoch",
            epoch=self.epochs,
            train_s=round(trained - self.epoch_begun, 4),
            valid_s=round(now - trained, 4),
            loss=sum(self.losses) / len(self.losses),
            metric="NDCG@10",
            value=value,
            best=better,
        )
        self.epochs, self.losses, self.epoch_begun = self.epochs + 1, [], None

    def test_begins(self):
        """What is ranked from here on is the test."""
        self.ranked = port_ranks.Ranked(self.split, self.options.user)
        gsasrec.torch = port_ranks.Looked(self.ranked.add)

    def printed(self, metrics):
        """The test's metrics as text, with the time to the best weights where there was a training."""
        texts = {name: f"{value:.10f}" for name, value in metrics.items()}
        return texts if self.converged is None else {**texts, "minutes to converge": f"{self.converged / 60:.4f}"}

    def end(self):
        """All is done."""
        epochs = self.epochs if self.begun is not None else None
        probe.event("end", epochs=epochs, best_epoch=self.best, peak_memory_mb=probe_torch.peak_memory_mb())


def called(measure):
    """How the harness calls a measure of the port: R@k with one relevant item is HIT@k."""
    name, _, k = repr(measure).partition("@")
    return f"{NAMES[name]}@{k}"
