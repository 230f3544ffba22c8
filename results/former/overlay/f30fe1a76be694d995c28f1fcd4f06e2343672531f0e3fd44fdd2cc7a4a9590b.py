"""The loss that a run was asked for, in PyTorch: looked up or loaded once, checked on its first batch, then called.

A patch makes one with `of`, calls it in place of the upstream's own loss, and hands it to the proof. What cannot be
used ends the run on its first batch with a line that says why.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from . import losses_torch, own_loss, samplers_torch
from .own_loss import LossError, Own


def of(args: Any, reserved_rows: tuple[int, ...]) -> Chosen | None:
    """The loss of an upstream's parsed arguments `loss`, `loss_options` and `seed`; made once and kept in them.

    None for `bce` without options, which is the upstream's own. Ends the process if the loss cannot be used.
    """
    if getattr(args, "harness_chosen", None) is None:
        loss, options = getattr(args, "loss", "bce"), getattr(args, "loss_options", "")
        if loss == "bce" and not options:
            return None
        args.harness_chosen = choose(loss, options, reserved_rows, args.seed)
    return args.harness_chosen


def choose(loss: str, options: str = "", reserved_rows: tuple[int, ...] = (), seed: int = 0) -> Chosen:
    """The loss `loss`, a name of `losses_torch.LOSSES` or `path/to/file.py:function`.

    Args:
        options: `k=256,t=0.75`; for a loss of ours also `reserved=in` or `reserved=out`: whether the reserved rows
            enter the softmax or can be drawn. Each loss has its default in `own_loss.RESERVED`.
        reserved_rows: rows of the item table that are no items (padding, mask token).
        seed: of the generator that the loss draws from.
    """
    try:
        given = own_loss.parse_options(options)
        if own_loss.is_file(loss):
            own = own_loss.load(loss)
            return Chosen(own, _resolved(own.function, given, own.told), (), seed)
        if loss not in losses_torch.LOSSES:
            raise LossError(f"unknown loss {loss!r}; known: {', '.join(losses_torch.LOSSES)}, or file.py:function")
        function = losses_torch.LOSSES[loss]
        reserved = given.pop("reserved", own_loss.RESERVED[loss])
        if reserved not in ("in", "out"):
            raise LossError(f"{loss}: reserved: unknown value {reserved!r}; expected 'in' or 'out'")
        resolved = {**_resolved(function, given, loss), "reserved": reserved}
        excluded = reserved_rows if reserved == "out" else ()
        return Chosen(Own(function, loss, loss, ""), resolved, excluded, seed)
    except LossError as fault:
        own_loss.refuse(fault)
        raise


NOT_OPTIONS = (*own_loss.EXPECTED, "generator", "negatives", "seen", "excluded_rows")


def _resolved(function: Any, given: dict[str, Any], told: str) -> dict[str, Any]:
    """The options of a loss: its defaults, changed by those that were given."""
    known = {
        name: parameter.default
        for name, parameter in list(inspect.signature(function).parameters.items())[4:]
        if name not in NOT_OPTIONS and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    for name in given:
        if name not in known:
            raise LossError(f"{told} has no option {name!r}; it has: {', '.join(known) or 'none'}")
    values = {**known, **given}
    for name, value in values.items():
        if value is inspect.Parameter.empty:
            raise LossError(f"{told} needs a value for {name!r}: give it as an option")
    return values


class Chosen:
    """A loss with its options and its own generator.

    Attributes:
        name: as the proof reports it. told: as messages name it. options: every option with its value.
        negatives: what was drawn for the first batch, until the proof has seen it; None where nothing is drawn.
        first_value: what it gave on the first batch.
    """

    def __init__(self, loss: Own, options: dict[str, Any], excluded_rows: tuple[int, ...], seed: int) -> None:
        self.function, self.told, self.name, self.path = loss
        self.options, self.excluded_rows, self.seed = options, excluded_rows, seed
        self.own = bool(loss.path)
        self.generator: torch.Generator | None = None
        self.before: Tensor | None = None
        self.first_value: float | None = None
        self.negatives: Tensor | None = None

    def __call__(
        self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, seen: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, shapes as in `losses_torch`; ends the process if the first one cannot be used.

        Args:
            seen: (B, S) int64, the inputs of each sequence, which some losses do not draw.
        """
        if self.generator is not None:
            return self._value(hidden, table, targets, mask, seen)
        self.generator = torch.Generator(hidden.device).manual_seed(self.seed)
        self.before = self.generator.get_state()
        try:
            value = self._value(hidden, table, targets, mask, seen)
            self._check(value, hidden)
            self.first_value = float(value.detach())
        except LossError as fault:
            own_loss.refuse(fault)
        except Exception as error:  # a loss of the user's may raise anything
            own_loss.refuse(LossError(f"{self.told} raised {own_loss.in_words(error, self.path)}"))
            raise
        return value

    def again(self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor) -> float:
        """The value of a loss of one's own on the first batch, computed once more with the same draws."""
        generator = torch.Generator(hidden.device)
        generator.set_state(self.before)
        leaves = hidden.detach().requires_grad_(), table.detach().requires_grad_()
        with torch.random.fork_rng():  # what it draws from elsewhere must not change the run
            return float(self.function(*leaves, targets, mask, generator=generator, **self.options).detach())

    def _value(self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, seen: Tensor | None) -> Any:
        if self.own:
            return self.function(hidden, table, targets, mask, generator=self.generator, **self.options)
        options = {name: value for name, value in self.options.items() if name != "reserved"}
        drawn: dict[str, Tensor | None] = {}
        if kind := own_loss.DRAWS.get(self.name):
            sampler = samplers_torch.draw if kind == "position" else samplers_torch.draw_shared
            k, exclude = options["k"], options["exclude"]
            rows = (len(table), self.excluded_rows)
            drawn["negatives"] = sampler(self.generator, k, targets, mask, *rows, exclude, seen)
            self.negatives = drawn["negatives"] if self.before is not None else None
        return self.function(hidden, table, targets, mask, excluded_rows=self.excluded_rows, **drawn, **options)

    def _check(self, value: Any, hidden: Tensor) -> None:
        """Refuse what cannot be trained with.

        Raises:
            LossError: no scalar, not finite, or without a gradient to the hidden states.
        """
        if not isinstance(value, Tensor):
            raise LossError(f"{self.told} returned {type(value).__name__}, expected a scalar tensor")
        if value.dim():
            raise LossError(f"{self.told} returned a tensor of shape {tuple(value.shape)}, expected a scalar")
        if not torch.isfinite(value):
            raise LossError(f"{self.told} returned {float(value)} on the first batch")
        detached = "so its graph is detached and nothing would be learnt"
        if not value.requires_grad:
            raise LossError(f"{self.told} returned a value that carries no gradient, {detached}")
        (slope,) = torch.autograd.grad(value, hidden, retain_graph=True, allow_unused=True)
        if slope is None:
            raise LossError(f"{self.told} returned a value that does not depend on hidden, {detached}")
        if not torch.isfinite(slope).all():
            raise LossError(f"{self.told} has a gradient that is not finite on the first batch")
