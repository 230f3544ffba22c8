"""Makes the code base importable, with substitutes for three packages, and gives it a working folder.

Its modules are in `src`; Lightning writes checkpoints below the current folder, so the run's output folder becomes the
current one, and the source tree is not changed. Substitutes, in memory only:
    hydra         see `configuration`
    clearml       experiment tracking, which the script only imports unless its configuration names a project
    recommenders  see `measures`
"""

from __future__ import annotations

import os
import sys
from typing import Any

from .. import stand_ins
from . import configuration, measures

SCRIPT = os.path.join("src", "run.py")


def prepare(tree: str, out: str) -> str:
    """Install everything above for the checkout `tree`; must be called before anything of it is imported.

    Returns:
        The path of its script.
    Raises:
        FileNotFoundError: `tree` is not a checkout of the code base.
    """
    script = os.path.join(tree, SCRIPT)
    if not os.path.isfile(script):
        raise FileNotFoundError(f"{tree}: no checkout of the code base: {SCRIPT} is missing")
    stand_ins.install(absent_packages())
    sys.path[:0] = [os.path.dirname(script), tree]
    os.chdir(out)
    return script


def absent_packages() -> dict[str, dict[str, Any]]:
    """Names and contents of the substitute modules."""
    named = ("map_at_k", "ndcg_at_k", "recall_at_k")
    return {
        "hydra": {"main": configuration.main},
        "clearml": {"Task": None},
        "recommenders": {},
        "recommenders.evaluation": {},
        "recommenders.evaluation.python_evaluation": {name: getattr(measures, name) for name in named},
    }
