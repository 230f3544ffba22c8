"""The proof of the loss for the PyTorch port of gSASRec: which loss was it that the first batch was trained with?

A hook on the network sees its hidden states and, in the backward pass, the very gradient that training goes on with.
The value that went backward is compared with every loss recomputed in float64 NumPy; the option on the command line
plays no part. The port cuts the probability of a target off at 1e-10 and 1 - 1e-10, that is, its score at 23.03 to
either side: its tables begin at a standard normal distribution, so some scores of the first batch lie beyond, and the
value is that of the published formula on scores cut off there. Both are tried; the event says how many were cut off.
"""

from __future__ import annotations

import numpy as np
import torch

from . import probe, proof_losses

TOLERANCE = 2e-5  # relative, as for every proof
EDGE = float(np.log((1 - 1e-10) / 1e-10))  # the score whose probability is 1 - 1e-10
CUT = {"bce": proof_losses.bce, "gbce": proof_losses.gbce}


class Spy:
    """Looks at the first batch.

    Attributes:
        name, used: the loss that was asked for and its options. value: what the port last went backward by.
    """

    def __init__(self, name, used, n_items):
        self.name, self.n_items, self.value = name, n_items, None
        self.used = {**used, "weighting": "normalised"} if name == "bce" else used
        self.model, self.hook, self.positives, self.negatives = None, None, None, None

    def watch(self, model):
        """Have a network tell of its hidden states."""
        self.model = model
        if probe.folder() is not None:
            self.hook = model.register_forward_hook(self.states)

    def batch(self, positives, negatives):
        """What the port made of a batch: items, padding included, and what it drew."""
        if self.hook is not None:
            self.positives, self.negatives = positives, negatives

    def states(self, model, given, found):
        """Hidden states of a batch; those of a training are watched further."""
        if model.training and torch.is_grad_enabled():
            inputs, hidden = given[0], found[0]
            hidden.register_hook(lambda slope: self.report(inputs, hidden, slope))

    def report(self, inputs, hidden, slope):
        """The event, from inside the backward pass of the first batch; tables have not been stepped yet."""
        if self.hook is None:
            return
        self.hook.remove()
        self.hook = None
        table = wide(self.model.get_output_embeddings().weight)
        mask = (inputs != self.n_items + 1).cpu().numpy()
        targets, drawn = self.positives[:, 1:].cpu().numpy(), self.negatives[:, 1:].cpu().numpy()
        excluded = (0, self.n_items + 1)
        parts = (wide(hidden), table, targets, mask, drawn, excluded)
        pulled = (slope != 0).any(dim=-1).cpu().numpy()
        known = [*proof_losses.references(*parts, self.used).items(), *cut_off(*parts, self.used).items()]
        computed = sorted({n for n, (v, at) in known if close(v, self.value) and np.array_equal(pulled, at)})
        scores = np.einsum("nd,nd->n", parts[0][mask], table[targets[mask]])
        facts = {"name": self.name, "options": self.used, "value": self.value, "computed": computed, "by": "code base"}
        beyond = int((np.abs(scores) > EDGE).sum())
        probe.event("loss", **facts, positions=int(pulled.sum()), rows=1 + drawn.shape[-1], cut_off=beyond)


def cut_off(hidden, table, targets, mask, negatives, excluded, options):
    """The port's losses on target scores cut off at the edge; arguments and result as `proof_losses.references`."""
    settings = {**proof_losses.DEFAULTS, **options, "n_items": len(table) - len(excluded)}
    share = proof_losses.weights(mask, "positions")
    found = {}
    for name, formula in CUT.items():
        blocks = proof_losses.positions(hidden, table, targets, mask, negatives, excluded)
        value = sum(float((share[at] * formula(np.clip(p, -EDGE, EDGE), n, settings)).sum()) for at, p, n in blocks)
        found[name] = (value, mask)
    return found


def wide(tensor):
    """A tensor's numbers in float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def close(known, value):
    """Whether two values are one, but for rounding."""
    return abs(known - value) <= TOLERANCE * abs(known)  # False for what is not a number
