"""Makes the PyTorch port of gSASRec importable, with stand-ins for two packages, and gives it a folder to work in.

The port reads `datasets/` and writes `models/` below the current folder, so that is the run's output folder, and its
source tree stays as it is. Stand-ins, all in memory:
    ir_measures   the three metrics that the port's configuration asks for, see `port_measures`
    torchinfo     the port prints a summary of its network with it. That runs the network once on numbers drawn from
                  [0, 1), in evaluation mode, where nothing else is drawn: the stand-in draws as many, so training
                  begins at the same point of the stream, and prints nothing
Progress bars are switched off; the port's own lines for each epoch remain.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types

from . import port_measures


def prepare(tree, out):
    """Everything above, for the checkout `tree`; to be called before anything of it is imported.

    Raises:
        FileNotFoundError: `tree` is no checkout of the port.
    """
    if not os.path.isfile(os.path.join(tree, "train_gsasrec.py")):
        raise FileNotFoundError(f"{tree}: no checkout of the port: train_gsasrec.py is missing")
    os.environ["TQDM_DISABLE"] = "1"
    for name, content in stand_ins().items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(content)
        sys.modules[name] = module
    sys.path.insert(0, tree)
    os.chdir(out)


def stand_ins():
    """Names and contents of the modules that stand in."""
    named = ("nDCG", "R", "ScoredDoc", "Qrel", "calc_aggregate")
    return {
        "ir_measures": {name: getattr(port_measures, name) for name in named},
        "torchinfo": {"summary": summary},
    }


def summary(_model, input_size, batch_dim=None):
    """Draw what torchinfo draws for an input of this size.

    Raises:
        ValueError: for a call that the port does not make.
    """
    import torch

    if batch_dim is not None:
        raise ValueError(f"torchinfo's stand-in knows no batch_dim {batch_dim!r}")
    torch.rand(*input_size)
