"""What a record says of the machine that a run ran on; it can change last digits, and is no part of a key."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.core.config import Config
from harness.core.errors import SetupError
from harness.core.files import canonical_json, sha256_bytes
from harness.core.git import run_git
from harness.core.process import capture


def describe_machine(base_env: Mapping[str, str], device: str) -> dict[str, object]:
    """What a record says of the machine: platform, processor, GPU and driver."""
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
    """The processor's name, "" where the system does not tell."""
    try:
        lines: Sequence[str] = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def own_version(config: Config) -> dict[str, Any]:
    """The harness's own version, commit and whether its work tree was changed."""
    commit = run_git(config.root, "rev-parse", "HEAD")
    code = ("harness", "patches", "recipes", "dockerfiles", "harness.toml")
    dirty = run_git(config.root, "status", "--porcelain", "--", *code)
    return {
        "version": version("seqrec-harness"),
        "commit": commit.text if commit.status == 0 else None,
        "dirty": bool(dirty.text) if dirty.status == 0 else None,
    }


VECTORS = ("sse", "ssse", "avx", "amx", "fma", "f16c", "neon", "asimd", "sve", "bf16", "vnni")


def class_facts(base_env: Mapping[str, str], device: str, executor: str, image: str = "") -> dict[str, str]:
    """What can change the last digits of a run: processor with its vector instructions, C library, device, executor.

    Host name, kernel, number and speed of processors are none of it.

    Args:
        image: id of the container's image, "" for none.
    """
    cpu = cpu_facts()
    facts = {
        "machine": platform.machine(),
        **{name: cpu.get(name, "") for name in ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")},
        "vectors": " ".join(sorted(f for f in cpu.get("flags", cpu.get("Features", "")).split() if is_vector(f))),
        "libc": " ".join(platform.libc_ver()),
        "device": device,
        "executor": executor,
        "image": image,
    }
    if device == "cuda":
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        try:
            facts["gpu"] = "; ".join(sorted(set(capture(query, base_env).strip().splitlines())))
        except SetupError:
            facts["gpu"] = "unknown"
    return {name: value for name, value in facts.items() if value}


def machine_class(facts: Mapping[str, str]) -> str:
    """A machine's class: 8 hexadecimal digits over `class_facts`."""
    return sha256_bytes(canonical_json(dict(facts)).encode())[:8]


def is_vector(flag: str) -> bool:
    """Whether a processor's flag names vector instructions."""
    return flag.startswith(VECTORS)


def cpu_facts() -> dict[str, str]:
    """What the system says of the first processor; empty where it does not tell."""
    try:
        block = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {"model": platform.processor()}
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
