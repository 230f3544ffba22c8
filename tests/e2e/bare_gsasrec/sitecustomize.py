"""Stand-ins for what the gsasrec code base imports and no longer installs, for the control; nothing of the overlay.

Python imports this before anything else, where its folder is on PYTHONPATH.
"""

from __future__ import annotations

import importlib.machinery
import multiprocessing.context
import os
import sys
import types

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="2")


class Board:
    """A TensorBoard without a server."""

    def configure(self, argv=None):
        """Nothing."""

    def launch(self):
        """Nothing."""


class Here:
    """A process that is this one: TensorFlow has its threads by now, and a fork of it may wait forever."""

    def __init__(self, target, args=()):
        self.target, self.args = target, args

    def start(self):
        """Call it."""
        self.target(*self.args)

    def join(self):
        """It has ended."""


def stand_in(name, **content):
    """Put a module into place."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(content)
    sys.modules[name] = module
    return module


program = stand_in("tensorboard.program", TensorBoard=Board)
stand_in("tensorboard", program=program)
stand_in("faiss")
stand_in("lightfm", LightFM=object)
stand_in("multiprocessing_on_dill")
stand_in(
    "multiprocessing_on_dill.context",
    ForkProcess=multiprocessing.context.ForkProcess,
    ForkContext=multiprocessing.context.ForkContext,
)
