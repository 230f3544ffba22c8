"""Golden digits of what the overlay computes with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import golden_batch as golden
import numpy as np
import torch
from overlay.losses import chosen_torch, in_torch, lean_torch, samplers_torch
from overlay.s3rec import models as networks
from overlay.s3rec import released_ranking
from overlay.s3rec.unvalidated import Masked


def tensor(value: Any) -> Any:
    return torch.tensor(value) if isinstance(value, np.ndarray) else value


def compute(loss: Any, dtype: str, **options: Any) -> dict[str, str]:
    """A loss on the fixed batch."""
    batch = golden.batch()
    leaves = [
        torch.tensor(batch[name], dtype=getattr(torch, dtype), requires_grad=True) for name in ("hidden", "table")
    ]
    if "negatives" in options:
        options["negatives"] = tensor(batch[options["negatives"]])
    if options.get("exclude") == "sequence":
        options["seen"] = tensor(batch["seen"])
    generator = torch.Generator().manual_seed(7)
    value = loss(*leaves, tensor(batch["targets"]), tensor(batch["mask"]), generator=generator, **options)
    return golden.result(value.item(), *(slope.numpy() for slope in torch.autograd.grad(value, leaves)))


@contextmanager
def chunks_of_one() -> Iterator[None]:
    """Lean forms in the smallest chunks."""
    with mock.patch.object(lean_torch, "ELEMENTS", 1), mock.patch.object(lean_torch, "FEWEST_ROWS", 1):
        yield


def losses() -> dict[str, Any]:
    """Value and gradients of every loss in every option form."""
    found: dict[str, Any] = {}
    for name, loss in in_torch.LOSSES.items():
        found[name] = {golden.label("float32", o): compute(loss, "float32", **o) for o in golden.option_forms(name)}
        first = next(golden.option_forms(name))
        found[name][golden.label("float64", first)] = compute(loss, "float64", **first)
        with chunks_of_one():
            found[name][golden.label("float32", first, "chunks")] = compute(loss, "float32", **first)
    for name in ("bpr", "bpr_max", "top1", "top1_max"):
        loss = getattr(released_ranking, f"{name}_as_released")
        found[f"{name}_as_released"] = {f"{dtype} k=3": compute(loss, dtype, k=3) for dtype in ("float32", "float64")}
    return found


def chosen() -> dict[str, Any]:
    """Losses as the command line names them: their options, reserved rows and first batch."""
    found = {}
    batch = golden.batch()
    file = Path(released_ranking.__file__)
    for name in (*in_torch.LOSSES, f"{file}:bpr_as_released"):
        draws = name not in golden.CATALOGUE
        loss = chosen_torch.choose(name, "k=3" if draws else "", golden.RESERVED, seed=4)
        hidden = torch.tensor(batch["hidden"], dtype=torch.float32, requires_grad=True)
        table = torch.tensor(batch["table"], dtype=torch.float32)
        value = loss(hidden, table, *(tensor(batch[n]) for n in ("targets", "mask", "seen")))
        found[name.rpartition(":")[2]] = {
            "name": loss.name, "options": dict(sorted(loss.options.items())), "excluded": list(loss.excluded_rows),
            "float32 value": golden.digits(value.item()),
            "drawn": None if loss.negatives is None else golden.digest(loss.negatives),
        }  # fmt: skip
    return found


def models() -> dict[str, Any]:
    """What the networks of ours answer, with the weights that a seed gives them."""
    ids = torch.tensor([[0, 0, 3, 5], [2, 7, 2, 4]])
    found = {}
    for name in networks.MODELS:
        for all_positions in (False, True):
            torch.manual_seed(5)
            model = networks.build(name, SimpleNamespace(item_size=9, hidden_size=3), all_positions).eval()  # type: ignore[arg-type]
            with torch.no_grad():
                found[f"float32 {name} all_positions={all_positions}"] = golden.digits(model.finetune(ids))
    return found


def draws() -> dict[str, Any]:
    """10,000 draws of each sampler, and the positions that masking hides."""
    found = {}
    for name, (sampler, arguments) in golden.DRAWS.items():
        given = tuple(map(tensor, arguments))
        draw = getattr(samplers_torch, sampler)
        torch.manual_seed(3)
        found[name] = golden.digest(draw(torch.Generator().manual_seed(7), *given))
        found[f"{name}, default generator"] = golden.digest(draw(None, *given))
    ones = torch.ones((100, 100), dtype=torch.int64)
    found["masked"] = golden.digest(*(part for part in next(iter(Masked([(0, ones, ones)], 0.3, 9)))[1:]))
    return found
