"""The machine facts of a record; the machine can change last digits, but is not part of a key."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.core.config import Config
from harness.core.errors import SetupError
from harness.core.git import run_git
from harness.core.process import capture
from harness.core.project_folders import SHIPPED, base_of


def describe_machine(base_env: Mapping[str, str], device: str) -> dict[str, object]:
    """The machine facts of a record: platform, processor, GPU and driver."""
    facts: dict[str, object] = {
        "platform": platform.platform(terse=True),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "cpu": cpu_name(),
    }
    if device == "cuda":
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        try:
            facts["gpus"] = capture(query, base_env).strip().splitlines()
        except SetupError as error:
            facts["gpus"] = [f"unknown: {error.what.splitlines()[0]}"]
    return facts


def cpu_name() -> str:
    """The processor's name, "" if unknown."""
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def own_version(config: Config) -> dict[str, Any]:
    """The harness's own version, commit and whether its work tree was changed."""
    root = base_of(config.root) or config.root
    if root.name == SHIPPED:  # an installed package, whose folder may lie in anybody's repository
        return {"version": version("seqrec-harness"), "commit": None, "dirty": None}
    commit = run_git(root, "rev-parse", "HEAD")
    code = ("harness", "patches", "recipes", "dockerfiles", "harness.toml")
    dirty = run_git(root, "status", "--porcelain", "--", *code)
    return {
        "version": version("seqrec-harness"),
        "commit": commit.text if commit.status == 0 else None,
        "dirty": bool(dirty.text) if dirty.status == 0 else None,
    }
