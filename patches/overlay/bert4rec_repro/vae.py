"""BERT4Rec-VAE: third-party PyTorch code, which the code base calls as the package `b4rvae`; it is not changed.

It trains a fixed number of epochs and keeps the best weights by its own validation: NDCG@10 of every user's
last training item among 100 random ones. The code base fixes its seed at 0; here it is the run's. The loss is a softmax
over all rows of the output layer with a bias, at masked positions: `mlm-ce`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from aprec.recommenders.bert4recrepro import b4vae_bert4rec as module
from torch import Tensor

from .. import probe, probe_torch
from ..aprec.places import Listener
from ..losses.named import LossError, refuse
from ..proof.comparison import recognised
from ..proof.in_torch import reached
from ..proof.references import Array, references
from .blocks import Blocks
from .watch import System, Watch

BLOCK = 16  # users; it scores every item at every position
BEST = "NDCG@10"


def build(options: argparse.Namespace, watch: Watch) -> Any:
    """The system as the code base's own recommender, which reports to `watch`.

    Ends the process if another loss is requested.
    """
    if options.loss != "mlm-ce" or options.loss_options:
        refuse(LossError(f"BERT4Rec-VAE has mlm-ce without options only, got {options.loss} {options.loss_options}"))
    built = module.B4rVaeBert4Rec(epochs=options.epochs)
    built.args.model_init_seed, built.args.bert_max_len = options.seed, options.sequence
    if not torch.cuda.is_available():
        built.args.device, built.args.num_gpu = "cpu", 0
    make = module.BERTTrainer
    module.BERTTrainer = lambda *arguments: listened_to(make(*arguments), watch)
    rebuild = built.rebuild_model

    def whole() -> None:
        rebuild()
        watch.training_ends()

    built.rebuild_model = whole
    watch.system = System(
        lambda: described(built, options),
        lambda *to: pass_scores(built, options, *to),
        lambda: [built.item_id.get_id("[PAD]"), built.item_id.size()],
        probe_torch.peak_memory_mb,
        lambda: probe_torch.weights(built.model),
    )
    return built


def listened_to(trainer: Any, watch: Watch) -> Any:
    """The trainer, which reports its batches and epochs to `watch`, and the loss of its first batch to the probe."""
    loss_of, train, validate, log = (
        trainer.calculate_loss, trainer.train_one_epoch, trainer.validate, trainer.logger_service.log_val,
    )  # fmt: skip
    times = [0.0, 0.0]
    hidden: list[Any] = []
    found: dict[str, float] = {}

    def calculate_loss(batch: Sequence[Tensor]) -> Tensor:
        hook = None
        if not hidden:
            hook = trainer.model.out.register_forward_pre_hook(lambda _layer, inputs: hidden.append(inputs[0]))
        value: Tensor = loss_of(batch)
        if hook is not None:
            hook.remove()
            prove(value, hidden[0], trainer.model.out, batch[1])
            hidden[0] = None
        watch.losses.append(value.detach())
        return value

    def train_one_epoch(*arguments: Any) -> Any:
        watch.training_begins()
        begun = time.time()
        done = train(*arguments)
        times[:] = [time.time() - begun, time.time()]
        return done

    def log_val(data: Any) -> None:
        found.update({BEST: data[BEST]})
        log(data)

    def validated(*arguments: Any) -> None:
        validate(*arguments)
        if watch.started:  # the first validation is before the first epoch
            watch.epoch_ends(BEST, float(found[BEST]), times[0], time.time() - times[1], less_is_better=False)

    trainer.calculate_loss, trainer.train_one_epoch = calculate_loss, train_one_epoch
    trainer.validate, trainer.logger_service.log_val = validated, log_val
    return trainer


def prove(value: Tensor, hidden: Tensor, layer: Any, labels: Tensor) -> None:
    """Report which losses the first batch agrees with; a label of 0 does not count.

    Args:
        hidden: (B, L, D), input of the output layer.
        layer: the output layer, with (V, D) weights and a bias.
        labels: (B, L).
    Raises:
        ValueError: the loss is not a finite number or carries no gradient.
    """
    number = float(value.detach())
    if not np.isfinite(number) or not value.requires_grad:
        raise ValueError(f"probe: the loss of the first batch is {number!r}, with gradient: {value.requires_grad}")
    targets = labels.cpu().numpy()
    states, table, bias = wide(hidden), wide(layer.weight), wide(layer.bias)
    states = np.concatenate([states, np.ones_like(states[..., :1])], -1)  # a bias is a further dimension
    known = references(states, np.concatenate([table, bias[:, None]], -1), targets, targets > 0, None, (), {})
    pulled = reached(value, hidden)
    computed = recognised(known, number, pulled, targets, None)
    counts = {"positions": int(pulled.sum()), "rows": len(table)}
    probe.event("loss", name="mlm-ce", options={}, value=number, computed=computed, by="code base", **counts)


def wide(tensor: Tensor) -> Array:
    """A tensor's numbers in float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def described(built: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Name and size of the network."""
    parameters = sum(parameter.nelement() for parameter in built.model.parameters())
    items, users = built.item_id.size() - 1, built.user_id.size()  # the padding is not an item
    return {"name": options.model, "class": type(built.model).__name__, "parameters": parameters, "items": items,
            "users": users, "device": built.args.device}  # fmt: skip


def pass_scores(built: Any, options: argparse.Namespace, listener: Listener, users: Sequence[str]) -> None:
    """Pass the scores of every user to a listener, computed in blocks or one by one."""

    def score(asked: Sequence[str]) -> Array:
        with torch.no_grad():
            found: Array = built.model(torch.cat([built.get_pred_user_sequence(u) for u in asked]))[:, -1].cpu().numpy()
        return found

    alone: Callable[[str], Tensor] = built.get_user_scores
    blocks = Blocks(score, users, BLOCK)

    def heard(user: str) -> Tensor:
        scores = alone(user).detach() if options.scoring == "single" else torch.from_numpy(blocks(user))
        listener(user, built.item_id.straight, scores.cpu().numpy())
        return scores

    built.get_user_scores = heard
