"""The content key of a run: a hash of everything that can change its numbers.

It covers the upstream's commit, the effect of each patch, the overlay modules that the run can load, the lock,
the data by hash, and the command with its seed, device and threads. Modules and patches that are declared equivalent
to older ones are included in their oldest form. Labels (artifact, system) are excluded, so tables that need the same
run share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core.files import canonical_json, sha256_bytes
from harness.runs.equivalence import Equivalence
from harness.runs.overlay import Overlay

FORMAT = 2
KEY_DIGITS = 20


@dataclass(frozen=True)
class Pinned:
    """The pinned content that every run of a recipe shares, by hash.

    Attributes:
        patches: hash of each patch's effect on the pinned files, by name.
        overlay: its modules; a run's key has those that it can load.
        environments: of systems with another environment, by name.
        beside: commits of further repositories in the source tree, under `beside`; empty if none.
        environment: a lock's hash, or the versions of an inherited interpreter.
        equivalence: declared equivalences of modules and patches.
    """

    commit: str
    patches: Mapping[str, str]
    overlay: Overlay
    environment: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    beside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    equivalence: Equivalence = field(default_factory=Equivalence)


def content_key(inputs: Mapping[str, Any]) -> str:
    """The content key of a run's inputs."""
    return hashed(FORMAT, inputs)


def hashed(key_format: int, inputs: Mapping[str, Any]) -> str:
    """The key of inputs in a format, the current or an earlier one."""
    return sha256_bytes(canonical_json({"format": key_format, **inputs}).encode())[:KEY_DIGITS]


def keyed(artifact: str, pinned: Pinned, inputs: Mapping[str, Any], code: str = "") -> dict[str, Any]:
    """The fields of a run that follow from its execution: key with inputs, words and modules.

    Args:
        inputs: without the overlay. code: text of a custom loss, which may import the overlay.
    """
    names = pinned.overlay.closure(inputs["command"], f"recipes/{artifact}.yaml: command", code)
    found = pinned.equivalence.applied({**inputs, "overlay": pinned.overlay.forms(names)})
    modules = {name: pinned.overlay.modules[name].sha256 for name in names}
    return {"key": content_key(found), "inputs": found, "words": tuple(inputs["command"]), "modules": modules}
