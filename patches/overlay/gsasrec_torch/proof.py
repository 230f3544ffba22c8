"""Verification of the loss for the PyTorch port of gSASRec: the loss that the first batch was trained with.

A hook on the network receives its hidden states and, in the backward pass, the gradient used in training.
The value of the backward pass is compared with every loss, recomputed in float64 NumPy; the option of the command line
is not used. The port clips the probability of a target to 1e-10 and 1 - 1e-10, that is, its score to ±23.03.
Its tables start from a standard normal distribution, so some scores of the first batch are beyond this, and the
value is that of the published formula on clipped scores. Both are tried; the event has the number of clipped scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import probe
from ..proof import references
from ..proof.comparison import recognised
from ..proof.references import Array

EDGE = float(np.log((1 - 1e-10) / 1e-10))  # the score whose probability is 1 - 1e-10
CUT = {"bce": references.bce, "gbce": references.gbce}


class Spy:
    """Observes the first batch.

    Attributes:
        name, used: the requested loss and its options.
        value: of the port's last backward pass.
    """

    def __init__(self, name: str, used: Mapping[str, Any], n_items: int) -> None:
        self.name, self.n_items = name, n_items
        self.value: float | None = None
        self.used = {**used, "weighting": "normalised"} if name == "bce" else used
        self.model: Any = None
        self.hook: Any = None
        self.positives: Tensor | None = None
        self.negatives: Tensor | None = None

    def watch(self, model: torch.nn.Module) -> None:
        """Make a network report its hidden states."""
        self.model = model
        if probe.folder() is not None:
            self.hook = model.register_forward_hook(self.states)

    def batch(self, positives: Tensor, negatives: Tensor) -> None:
        """A batch of the port: items with padding, and its negatives."""
        if self.hook is not None:
            self.positives, self.negatives = positives, negatives

    def states(self, model: torch.nn.Module, given: tuple[Any, ...], found: Any) -> None:
        """Hidden states of a batch; those of a training batch are observed in the backward pass."""
        if model.training and torch.is_grad_enabled():
            inputs, hidden = given[0], found[0]
            hidden.register_hook(lambda slope: self.report(inputs, hidden, slope))

    def report(self, inputs: Tensor, hidden: Tensor, slope: Tensor) -> None:
        """Write the event, from inside the backward pass of the first batch: no table has been updated yet."""
        if self.hook is None:
            return
        if self.positives is None or self.negatives is None or self.value is None:
            raise ValueError("probe: a gradient came back before a batch was made or a loss was known")
        self.hook.remove()
        self.hook = None
        table = wide(self.model.get_output_embeddings().weight)
        mask = (inputs != self.n_items + 1).cpu().numpy()
        targets, drawn = self.positives[:, 1:].cpu().numpy(), self.negatives[:, 1:].cpu().numpy()
        parts = (wide(hidden), table, targets, mask, drawn, (0, self.n_items + 1))
        pulled = (slope != 0).any(dim=-1).cpu().numpy()
        computed: set[str] = set()
        for known in (references.references(*parts, self.used), cut_off(*parts, self.used)):
            computed.update(recognised(known, self.value, pulled, targets, drawn))
        scores = np.einsum("nd,nd->n", parts[0][mask], table[targets[mask]])
        facts = {"name": self.name, "options": self.used, "value": self.value, "by": "code base"}
        beyond = int((np.abs(scores) > EDGE).sum())
        counts = {"positions": int(pulled.sum()), "rows": 1 + drawn.shape[-1], "cut_off": beyond}
        probe.event("loss", **facts, computed=sorted(computed), **counts)


def cut_off(
    hidden: Array, table: Array, targets: Array, mask: Array, negatives: Array, excluded: tuple[int, ...],
    options: Mapping[str, Any],
) -> dict[str, tuple[float, Array]]:  # fmt: skip
    """The port's losses on target scores clipped at the edge; arguments and result as `references.references`."""
    settings = {**references.DEFAULTS, **options, "n_items": len(table) - len(excluded)}
    share = references.weights(mask, "positions")
    found = {}
    for name, formula in CUT.items():
        blocks = references.positions(hidden, table, targets, mask, negatives, excluded)
        value = sum(float((share[at] * formula(np.clip(p, -EDGE, EDGE), n, settings)).sum()) for at, p, n in blocks)
        found[name] = (value, mask)
    return found


def wide(tensor: Tensor) -> Array:
    """A tensor's numbers in float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)
