"""Makes the PyTorch port of gSASRec importable, with substitutes for two packages, and gives it a working folder.

The port reads `datasets/` and writes `models/` below the current folder, so the run's output folder becomes the current
one, and the port's source tree is not changed. Substitutes, in memory only:
    ir_measures   the three metrics of the port's configuration, see `measures`
    torchinfo     the port prints a summary of its network with it. That runs the network once on numbers drawn from
                  [0, 1), in evaluation mode, where nothing else is random. The substitute draws the same number, so
                  that training begins at the same point of the stream, and prints nothing
Progress bars are switched off; the port's own lines for each epoch are kept.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .. import stand_ins
from . import measures


def prepare(tree: str, out: str) -> None:
    """Install everything above for the checkout `tree`; must be called before anything of it is imported.

    Raises:
        FileNotFoundError: `tree` is not a checkout of the port.
    """
    if not os.path.isfile(os.path.join(tree, "train_gsasrec.py")):
        raise FileNotFoundError(f"{tree}: no checkout of the port: train_gsasrec.py is missing")
    os.environ["TQDM_DISABLE"] = "1"
    stand_ins.install(absent_packages())
    sys.path.insert(0, tree)
    os.chdir(out)


def absent_packages() -> dict[str, dict[str, Any]]:
    """Names and contents of the substitute modules."""
    named = ("nDCG", "R", "ScoredDoc", "Qrel", "calc_aggregate")
    return {
        "ir_measures": {name: getattr(measures, name) for name in named},
        "torchinfo": {"summary": summary},
    }


def summary(_model: Any, input_size: tuple[int, ...], batch_dim: int | None = None) -> None:
    """Draw the same random numbers as torchinfo for an input of this size.

    Raises:
        ValueError: for a call that the port does not make.
    """
    import torch

    if batch_dim is not None:
        raise ValueError(f"torchinfo's stand-in knows no batch_dim {batch_dim!r}")
    torch.rand(*input_size)
