"""Makes a checkout importable as `aprec`, the package name of both code bases, and configures TensorFlow.

Keras 2 is requested (TF_USE_LEGACY_KERAS), because the models pass `training` in a way that Keras 3 refuses.
"""

from __future__ import annotations

import importlib.util
import os
import sys

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "TRANSFORMERS_VERBOSITY": "error"}


def settle_environment() -> None:
    """Set Keras 2, the run's number of threads and little logging; no optional kernels, which sum in another order."""
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    os.environ.update(TF_USE_LEGACY_KERAS="1", TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS="1", **QUIET)


def importable(tree: str) -> None:
    """Load the checkout as package `aprec`.

    Raises:
        FileNotFoundError: `tree` is not a checkout of the code base.
    """
    start = os.path.join(tree, "__init__.py")
    if not os.path.isfile(start):
        raise FileNotFoundError(f"{tree}: no checkout of the code base: {start} is missing")
    spec = importlib.util.spec_from_file_location("aprec", start, submodule_search_locations=[tree])
    assert spec is not None, "a path that ends in .py has a loader"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["aprec"] = module
    spec.loader.exec_module(module)
