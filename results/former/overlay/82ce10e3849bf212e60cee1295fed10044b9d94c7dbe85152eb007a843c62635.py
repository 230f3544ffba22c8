"""Makes the gsasrec code base importable as `aprec`, its own name, with stand-ins for what no longer installs.

The code base calls itself `aprec`, and its checkout has any name. Stand-ins, all in memory; nothing is written:
    tensorboard.program       the code base starts a server on all network interfaces with it; nothing is started here
    faiss                     imported at the top of a module, used for approximate search only, which nothing here does
    multiprocessing_on_dill   published as source only; the standard library's forks do the same for these objects
    lightfm                   published as source only; see `aprec_mf`
Keras 2 is asked for (TF_USE_LEGACY_KERAS), because the models hand `training` on in a way that Keras 3 refuses.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import multiprocessing.context
import os
import sys
import types

from . import aprec_mf

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "TRANSFORMERS_VERBOSITY": "error"}


class Board:
    """A TensorBoard that listens nowhere."""

    def configure(self, argv=None):
        """Take the arguments and do nothing."""

    def launch(self):
        """What the code base prints as an address."""
        return "nowhere (no server is started)"


def prepare(tree):
    """Everything above, for the checkout `tree`; to be called before TensorFlow is imported.

    Raises:
        FileNotFoundError: `tree` is no checkout of the code base.
    """
    settle_environment()
    for name, content in stand_ins().items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # other packages look for it
        module.__dict__.update(content)
        sys.modules[name] = module
    importable(tree)


def settle_environment():
    """Keras 2, the number of threads that the run has, little chatter, no optional kernels with other sums."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", **QUIET)


def stand_ins():
    """Names and contents of the modules that stand in."""
    context = {"ForkProcess": multiprocessing.context.ForkProcess, "ForkContext": multiprocessing.context.ForkContext}
    program = types.ModuleType("tensorboard.program")
    program.TensorBoard = Board
    return {
        "faiss": {},
        "lightfm": {"LightFM": aprec_mf.LightFM},
        "multiprocessing_on_dill": {},
        "multiprocessing_on_dill.context": context,
        "tensorboard": {"program": program},
        "tensorboard.program": {"TensorBoard": Board},
    }


def importable(tree):
    """The checkout as package `aprec`."""
    start = os.path.join(tree, "__init__.py")
    if not os.path.isfile(start):
        raise FileNotFoundError(f"{tree}: no checkout of the code base: {start} is missing")
    spec = importlib.util.spec_from_file_location("aprec", start, submodule_search_locations=[tree])
    module = importlib.util.module_from_spec(spec)
    sys.modules["aprec"] = module
    spec.loader.exec_module(module)
