"""Makes the gsasrec code base importable, with stand-ins for packages that do not install.

Stand-ins, all in memory; nothing is written:
    tensorboard.program       the code base starts a server on all network interfaces with it; here none is started
    faiss                     imported at the top of a module, used for approximate search only, which no run here does
    multiprocessing_on_dill   published as source only; the standard library's forks do the same for these objects
    lightfm                   published as source only; see `aprec.mf`
"""

from __future__ import annotations

import multiprocessing.context
import types
from typing import Any

from .. import stand_ins
from ..aprec import home, mf


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
    home.settle_environment()
    stand_ins.install(absent_packages())
    home.importable(tree)


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
