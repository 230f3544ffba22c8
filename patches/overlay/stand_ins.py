"""Substitute modules for packages which an upstream imports but an environment cannot install; in memory only."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Mapping
from typing import Any


def install(contents: Mapping[str, Mapping[str, Any]]) -> None:
    """Make modules importable under their names.

    Args:
        contents: the attributes of each module, by its full name.
    """
    for name, content in contents.items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # other packages look for it
        module.__dict__.update(content)
        sys.modules[name] = module
