"""Training in the S3Rec code base that stops on the training loss, as behind Figure 1 of Li et al. 2023.

    python -m harness_overlay.s3rec.unvalidated [--masked SHARE] [arguments of the script]

Runs run_finetune_full.py, the code base's own script, in its patched source tree. Each validation is replaced by the
negative mean training loss of the epoch. So the script's own stopping rule keeps the weights with the lowest training
loss and stops after `--patience` epochs without a lower one, and there is no ranking before the test. The probe's
epochs report the metric of their validation.

`--masked SHARE` hides that share of the positions from the network in training, and trains on the next item at the
hidden positions only. A hidden position is fed as padding, so no position attends to it, and attention remains
causal: this is the masked training released by Li et al. 2023, which differs from BERT4Rec's. Refused: a share outside
(0, 1).
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, Protocol

import torch

from .. import probe

SCRIPT = "run_finetune_full.py"
PADDING = 0
Batch = tuple[Any, ...]  # user ids, inputs, targets, and more that is passed on


class Batches(Sized, Iterable[Batch], Protocol):
    """The interface of a data loader."""


class Masked:
    """Batches with some positions hidden: inputs are padding there, and targets are padding everywhere else.

    Each position is hidden with probability `share`, from a separate generator. The first batch is reported.
    """

    def __init__(self, batches: Batches, share: float, seed: int) -> None:
        self.batches, self.share = batches, share
        self.generator = torch.Generator().manual_seed(seed)
        self.reported = False

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for user, inputs, targets, *others in self.batches:
            hidden = torch.rand(inputs.shape, generator=self.generator) < self.share
            hidden = hidden.to(inputs.device)
            asked = targets.masked_fill(~hidden, PADDING)
            if not self.reported:
                counts = {"of": int((targets != PADDING).sum()), "asked": int((asked != PADDING).sum())}
                probe.event("masked", share=self.share, **counts)
                self.reported = True
            yield (user, inputs.masked_fill(hidden, PADDING), asked, *others)


def training(share: float) -> Callable[[Any, int], None]:
    """A trainer's `train` that masks."""

    def train(trainer: Any, epoch: int) -> None:
        if not isinstance(trainer.train_dataloader, Masked):
            trainer.train_dataloader = Masked(trainer.train_dataloader, share, trainer.args.seed)
        trainer.iteration(epoch, trainer.train_dataloader)

    return train


def unvalidated(trainer: Any, epoch: int, full_sort: bool = False) -> tuple[list[float], str]:  # noqa: ARG001
    """The metrics of a validation for the code base: one number, larger for a lower training loss."""
    return [-trainer.args.harness_train_loss], ""


def judged_by_loss(event: Callable[..., None]) -> Callable[..., None]:
    """The probe's `event`, with the training loss as the metric of epochs."""

    def report(kind: str, **facts: Any) -> None:
        event(kind, **({**facts, "metric": "training loss", "value": facts["loss"]} if kind == "epoch" else facts))

    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and test."""
    parser = argparse.ArgumentParser(description="training that stops on the training loss", allow_abbrev=False)
    parser.add_argument("--masked", type=float, help="share of the positions that are hidden in training")
    options, words = parser.parse_known_args(arguments)
    if options.masked is not None and not 0 < options.masked < 1:
        parser.error(f"--masked: expected a share between 0 and 1, got {options.masked}")
    from trainers import FinetuneTrainer  # of the code base, in whose tree this runs

    FinetuneTrainer.valid = unvalidated
    if options.masked is not None:
        FinetuneTrainer.train = training(options.masked)
    probe.event = judged_by_loss(probe.event)
    sys.argv = [SCRIPT, *words]
    runpy.run_path(SCRIPT, run_name="__main__")


if __name__ == "__main__":
    main()
