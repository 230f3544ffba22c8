"""Reports a PyTorch model to the probe: network, device and memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from . import probe


def describe(model: torch.nn.Module, name: str, checkpoint: str | None = None) -> None:
    """Report the network that was built.

    Args:
        name: its name in the run.
        checkpoint: path of the file that its weights were loaded from, None for none.
    """
    digest = None
    if checkpoint:
        with open(checkpoint, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    probe.event(
        "model",
        name=name,
        network=type(model).__name__,
        parameters=sum(p.nelement() for p in model.parameters()),
        checkpoint_sha256=digest,
        device=str(next(model.parameters()).device),
    )


def weights(model: torch.nn.Module) -> Iterator[NDArray[np.uint8]]:
    """The bytes of each weight, one after the other; NumPy lacks some of the types that weights have."""
    for weight in model.parameters():
        yield weight.detach().reshape(-1).view(torch.uint8).cpu().numpy()


def peak_memory_mb() -> float:
    """Peak memory of the accelerator if one was used, else of the process, in MB of 2**20 bytes."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return probe.peak_memory_mb()
