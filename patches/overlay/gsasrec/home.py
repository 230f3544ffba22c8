"""Makes the gsasrec code base importable as `aprec`, its own name, with stand-ins for packages that do not install.

The code base calls itself `aprec`, and its checkout may have any name. Stand-ins, all in memory; nothing is written:
    tensorboard.program       the code base starts a server on all network interfaces with it; here none is started
    faiss                     imported at the top of a module, used for approximate search only, which no run here does
    multiprocessing_on_dill   published as source only; the standard library's forks do the same for these objects
    lightfm                   published as source only; see `mf`
Keras 2 is asked for (TF_USE_LEGACY_KERAS), because the models pass `training` on in a way that Keras 3 refuses.
"""

from __future__ import annotations

import importlib.util
import multiprocessing.context
import os
import sys
import types
from typing import Any

from .. import stand_ins
from . import mf

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "TRANSFORMERS_VERBOSITY": "error"}


class Board:
    """A TensorBoard that listens nowhere."""

    def configure(self, argv: Any = None) -> None:
        """Take the arguments and do nothing."""

    def launch(self) -> str:
        """What the code base prints as an address."""
        return "nowhere (no server is started)"


def prepare(tree: str) -> None:
    """Everything above, for the checkout `tree`; to be called before TensorFlow is imported.

    Raises:
        FileNotFoundError: `tree` is no checkout of the code base.
    """
    settle_environment()
    stand_ins.install(absent_packages())
    importable(tree)


def settle_environment() -> None:
    """Set Keras 2, the run's number of threads and little logging; no optional kernels, which sum in another order."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", **QUIET)


def absent_packages() -> dict[str, dict[str, Any]]:
    """Names and contents of the modules that stand in."""
    context = {"ForkProcess": multiprocessing.context.ForkProcess, "ForkContext": multiprocessing.context.ForkContext}
    program = types.ModuleType("tensorboard.program")
    program.__dict__["TensorBoard"] = Board
    return {
        "faiss": {},
        "lightfm": {"LightFM": mf.LightFM},
        "multiprocessing_on_dill": {},
        "multiprocessing_on_dill.context": context,
        "tensorboard": {"program": program},
        "tensorboard.program": {"TensorBoard": Board},
    }


def importable(tree: str) -> None:
    """Load the checkout as package `aprec`."""
    start = os.path.join(tree, "__init__.py")
    if not os.path.isfile(start):
        raise FileNotFoundError(f"{tree}: no checkout of the code base: {start} is missing")
    spec = importlib.util.spec_from_file_location("aprec", start, submodule_search_locations=[tree])
    assert spec is not None, "a path that ends in .py has a loader"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["aprec"] = module
    spec.loader.exec_module(module)
