"""Functions called by the patches of this code base. Without `attach` its modules behave unchanged.

The configuration's group `harness` has these settings; all are optional:
    last_step      whether predictions score only the last step of a user, True by default; see `network`
    labelled_only  whether a full cross-entropy scores only labelled positions, True by default; see `loss`
    loss           a loss of the overlay instead of the code base's own, "" for none
    loss_options   of that loss, such as k=256,t=0.75
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import probe, probe_torch
from ..losses.chosen_torch import Chosen, choose
from ..training import Training
from . import proof
from .loss import Step, step_of
from .network import StepScores
from .ranks import RankCollector
from .watch import Watch, callback_of

MODELS = {"SASRec": "sasrec", "RNN": "gru4rec", "BERT4Rec": "bert4rec"}


class Changes:
    """Changes of a module of the code base, and its observers.

    Attributes:
        chosen: the loss instead of the code base's own, None for none.
        n_reserved: rows of the item table, from 0, that are not items.
        proven: whether the loss of the first batch has been reported.
        ranks: of the test; None before the test.
    """

    def __init__(self, model: str, settings: Any, seed: int) -> None:
        self.last_step = bool(settings.get("last_step", True))
        self.labelled_only = bool(settings.get("labelled_only", True))
        self.n_reserved = 2 if model == "BERT4Rec" else 1
        self.chosen: Chosen | None = None
        if settings.get("loss", ""):
            reserved = tuple(range(self.n_reserved))
            self.chosen = choose(settings["loss"], settings.get("loss_options", ""), reserved, seed)
        self.proven = False
        self.watch = Watch()
        self.ranks: RankCollector | None = None


def trainer(base: Any) -> Any:
    """Lightning's trainer for the code base's call of it: `gpus` is gone, and no progress bar is drawn."""
    from pytorch_lightning.callbacks import ProgressBar

    class Trainer(base):  # type: ignore[misc]
        """A trainer on one device."""

        def __init__(self, *, callbacks: list[Any], gpus: int = 1, **options: Any) -> None:
            kept = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
            super().__init__(callbacks=kept, **{"devices": gpus, "enable_progress_bar": False, **options})

    return Trainer


def seed(config: Any) -> None:
    """Seed all generators, if the configuration has a `seed`."""
    if config.get("seed") is not None:
        import pytorch_lightning

        pytorch_lightning.seed_everything(config.seed, workers=True)


def attach(module: Any, config: Any) -> None:
    """Configure a module of the code base."""
    module.harness = Changes(config.model, config.get("harness") or {}, config.get("seed") or 0)
    probe_torch.describe(module.model, MODELS.get(config.model, config.model))
    module.harness.watch.training = Training(probe_torch.weights(module.model))


def is_attached(module: Any) -> bool:
    """Whether `attach` was called for a module."""
    return getattr(module, "harness", None) is not None


def scores_last_step(module: Any) -> bool:
    """Whether a module scores only the last step."""
    return is_attached(module) and module.harness.last_step


def last_step(module: Any, batch: dict[str, Tensor]) -> StepScores:
    """Scores of a batch, computed lazily."""
    return StepScores(module.model, batch)


def training_loss(module: Any, batch: dict[str, Tensor]) -> Tensor:
    """The loss of a batch; the first one is verified."""
    changes: Changes = module.harness
    step: Step = step_of(module, batch, changes.chosen, changes.labelled_only)
    if not changes.proven:
        proof.report(step, changes.chosen)
        changes.proven = True
    return step.value


def watcher(module: Any) -> Any:
    """A Lightning callback that reports epochs."""
    import pytorch_lightning

    return callback_of(pytorch_lightning.Callback, module.harness.watch)


def trained(module: Any, seconds: float) -> None:
    """The training has ended."""
    module.harness.watch.training_s = seconds


def test_begins(module: Any, test: Any) -> None:
    """From now on, predictions are of the test; `test` is the frame of its users and items."""
    if probe.folder() is not None:
        answers = dict(zip(test.user_id.tolist(), test.item_id.tolist(), strict=True))
        module.harness.ranks = RankCollector(answers, module.harness.n_reserved)


def hear(module: Any, batch: dict[str, Tensor], scores: Tensor) -> None:
    """Scores of a batch, (B, V), before they are sorted."""
    ranks = module.harness.ranks if is_attached(module) else None
    if ranks is not None and "target" not in batch:
        parts = (batch["user_id"], batch["full_history"], scores)
        ranks.add(*(torch.as_tensor(part).detach().cpu().numpy() for part in parts))


def printed(module: Any, prefix: str, metrics: dict[str, float]) -> None:
    """The script has printed all metrics of a split; the run ends with those of the test."""
    changes: Changes = module.harness
    if prefix == "test":
        if changes.ranks is not None:
            changes.ranks.write()
        changes.watch.printed(metrics)
        changes.watch.ends()
