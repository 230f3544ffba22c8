"""The part of Hydra that the code base uses: a decorator that passes a configuration to its script.

Hydra itself cannot be locked: a package that it needs is published as source only. A configuration is a YAML file of
the script's folder, changed by words of the command line: `key=value` for a key that the file has, `+key=value` for a
new one, both with dots for nested keys; a value is YAML. Everything else of Hydra's grammar is refused.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import yaml

Main = Callable[[Any], None]


class WordError(Exception):
    """A word that cannot be applied, in one line."""


def main(version_base: str | None, config_path: str, config_name: str) -> Callable[[Main], Callable[[], None]]:
    """A decorator: the decorated function is called without arguments and gets its configuration.

    Args:
        version_base: of Hydra; not used here.
        config_path: folder of the configurations, relative to the script.
        config_name: default without a word `--config-name=NAME`.
    """
    del version_base

    def decorate(function: Main) -> Callable[[], None]:
        @functools.wraps(function)
        def run() -> None:
            folder = os.path.join(os.path.dirname(function.__globals__["__file__"]), config_path)
            function(configured(folder, config_name, sys.argv[1:]))

        return run

    return decorate


def configured(folder: str, name: str, words: Sequence[str]) -> Any:
    """A configuration, changed by words.

    Raises:
        WordError: a word that is not `key=value`, a missing key, or with `+` an existing one.
        FileNotFoundError: no such configuration.
    """
    from omegaconf import OmegaConf

    changes = []
    for word in words:
        if word.startswith("--config-name="):
            name = word.partition("=")[2]
        else:
            changes.append(word)
    config = OmegaConf.load(os.path.join(folder, f"{name}.yaml"))
    for word in changes:
        key, equals, value = word.partition("=")
        new, key = key.startswith("+"), key.removeprefix("+")
        if not equals or not key or key.startswith(("+", "~", "-")):
            raise WordError(f"{word!r}: expected key=value or +key=value")
        there = OmegaConf.select(config, key, default=OmegaConf) is not OmegaConf
        if there == new:
            raise WordError(f"{word!r}: the configuration {name} {'has' if there else 'lacks'} this key")
        OmegaConf.update(config, key, yaml.safe_load(value), force_add=True)
    OmegaConf.set_struct(config, True)
    return config
