"""The loss requested by a run, in PyTorch: looked up or loaded once, checked on its first batch, then called.

A patch creates one with `loss_from_args`, calls it instead of the upstream's own loss, and passes it to the proof. An
invalid loss ends the run on its first batch, with a one-line message.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import in_torch, named, samplers_torch
from .named import LossError, NamedLoss

Rows = tuple[int, ...]


def loss_from_args(args: Any, reserved_rows: Rows) -> Chosen | None:
    """The loss of an upstream's parsed arguments `loss`, `loss_options` and `seed`; created once and stored in them.

    None for `bce` without options, which is the upstream's own. Ends the process if the loss is not valid.
    """
    if getattr(args, "harness_chosen", None) is None:
        loss, options = getattr(args, "loss", "bce"), getattr(args, "loss_options", "")
        if loss == "bce" and not options:
            return None
        args.harness_chosen = choose(loss, options, reserved_rows, args.seed)
    chosen: Chosen = args.harness_chosen
    return chosen


def choose(loss: str, options: str = "", reserved_rows: Rows = (), seed: int = 0) -> Chosen:
    """The loss `loss`, a name of `in_torch.LOSSES` or `path/to/file.py:function`; ends the process if missing.

    Args:
        options: such as `k=256,t=0.75`, see `named.look_up`.
        reserved_rows: rows of the item table that are not items (padding, mask token).
        seed: of the generator that the loss draws from.
    """
    try:
        found, values = named.look_up(loss, named.parse_options(options), in_torch.LOSSES, named.RESERVED)
    except LossError as fault:
        named.refuse(fault)
        raise
    return Chosen(found, values, reserved_rows if values.get("reserved") == "out" and not found.path else (), seed)


class Chosen:
    """A loss with its options and its own generator.

    Attributes:
        name: as the proof reports it.
        display_name: as messages name it.
        options: every option with its value.
        own: whether it is a custom loss.
        before: state of the generator before the first batch, until the proof has checked that batch.
        negatives: of the first batch, until the proof has checked it; None without negatives.
        first_value: the value of the first batch.
    """

    def __init__(self, loss: NamedLoss, options: dict[str, Any], excluded_rows: Rows, seed: int) -> None:
        self.function, self.display_name, self.name, self.path = loss
        self.options, self.excluded_rows, self.seed = options, excluded_rows, seed
        self.own = bool(loss.path)
        self.generator: torch.Generator | None = None
        self.before: Tensor | None = None
        self.first_value: float | None = None
        self.negatives: Tensor | None = None

    def __call__(
        self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, seen: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, shapes as in `in_torch`; ends the process if the first one is not valid.

        For a custom loss every batch is checked: an exception, or a value that is not finite, ends the process too.

        Args:
            seen: (B, S) int64, the inputs of each sequence, which some losses do not draw.
        """
        if self.generator is not None:
            return self._later(hidden, table, targets, mask, seen)
        self.generator = torch.Generator(hidden.device).manual_seed(self.seed)
        self.before = self.generator.get_state()
        try:
            value = self._value(hidden, table, targets, mask, seen)
            first = self._checked(value, hidden)
            self.first_value = float(first.detach())
        except LossError as fault:
            named.refuse(fault)
            raise
        except Exception as error:  # a custom loss may raise anything
            named.refuse(LossError(f"{self.display_name} raised {named.describe_error(error, self.path)}"))
            raise
        return first

    def _later(self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, seen: Tensor | None) -> Tensor:
        """The loss of a batch after the first."""
        try:
            value: Tensor = self._value(hidden, table, targets, mask, seen)
            if self.own and not torch.isfinite(value):
                raise LossError(f"{self.display_name} returned {float(value)} on a later batch")
        except LossError as fault:
            named.refuse(fault)
            raise
        except Exception as error:  # a custom loss may raise anything, even on the smaller batch at an epoch's end
            named.refuse(LossError(f"{self.display_name} raised {named.describe_error(error, self.path)}"))
            raise
        return value

    def recompute(self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor) -> float:
        """The value of a custom loss on the first batch, computed again with the same random numbers."""
        assert self.before is not None, "no batch has been computed yet"
        generator = torch.Generator(hidden.device)
        generator.set_state(self.before)
        leaves = hidden.detach().requires_grad_(), table.detach().requires_grad_()
        with torch.random.fork_rng():  # its use of other generators must not change the run
            return float(self.function(*leaves, targets, mask, generator=generator, **self.options).detach())

    def _value(self, hidden: Tensor, table: Tensor, targets: Tensor, mask: Tensor, seen: Tensor | None) -> Any:
        """The function's value for a batch; the negatives of a loss of the harness are drawn here."""
        if self.own:
            return self.function(hidden, table, targets, mask, generator=self.generator, **self.options)
        options = {name: value for name, value in self.options.items() if name != "reserved"}
        drawn: dict[str, Tensor | None] = {}
        if kind := named.DRAWS.get(self.name):
            sampler = samplers_torch.draw if kind == "position" else samplers_torch.draw_shared
            k, exclude = options["k"], options["exclude"]
            rows = (len(table), self.excluded_rows)
            drawn["negatives"] = sampler(self.generator, k, targets, mask, *rows, exclude, seen)
            self.negatives = drawn["negatives"] if self.before is not None else None
        return self.function(hidden, table, targets, mask, excluded_rows=self.excluded_rows, **drawn, **options)

    def _checked(self, value: Any, hidden: Tensor) -> Tensor:
        """The value, if the run can train with it.

        Raises:
            LossError: not a scalar, not finite, or without a gradient to the hidden states.
        """
        if not isinstance(value, Tensor):
            raise LossError(f"{self.display_name} returned {type(value).__name__}, expected a scalar tensor")
        if value.dim():
            raise LossError(f"{self.display_name} returned a tensor of shape {tuple(value.shape)}, expected a scalar")
        if not torch.isfinite(value):
            raise LossError(f"{self.display_name} returned {float(value)} on the first batch")
        detached = "so its graph is detached and nothing would be learnt"
        if not value.requires_grad:
            raise LossError(f"{self.display_name} returned a value that carries no gradient, {detached}")
        (slope,) = torch.autograd.grad(value, hidden, retain_graph=True, allow_unused=True)
        if slope is None:
            raise LossError(f"{self.display_name} returned a value that does not depend on hidden, {detached}")
        if not torch.isfinite(slope).all():
            raise LossError(f"{self.display_name} has a gradient that is not finite on the first batch")
        return value
