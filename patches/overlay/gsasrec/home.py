"""Makes the gsasrec code base importable, with substitutes for packages that cannot be installed.

Substitutes, in memory only:
    tensorboard.program       the code base uses it to start a server on all network interfaces; here none is started
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
    """A TensorBoard without a server."""

    def configure(self, argv: Any = None) -> None:
        """Take the arguments and do nothing."""

    def launch(self) -> str:
        """The text that the code base prints as an address."""
        return "nowhere (no server is started)"


def prepare(tree: str) -> None:
    """Install everything above for the checkout `tree`; must be called before TensorFlow is imported.

    Raises:
        FileNotFoundError: `tree` is not a checkout of the code base.
    """
    home.settle_environment()
    stand_ins.install(absent_packages())
    home.importable(tree)


def absent_packages() -> dict[str, dict[str, Any]]:
    """Names and contents of the substitute modules."""
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
