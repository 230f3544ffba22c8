"""Classes of machines: 8 digits that identify everything that can change the last digits of a run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from harness.core.errors import SetupError
from harness.core.files import canonical_json, sha256_bytes
from harness.core.process import capture

VECTORS = ("sse", "ssse", "avx", "amx", "fma", "f16c", "neon", "asimd", "sve", "bf16")
IDENTITY = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")


def class_facts(base_env: Mapping[str, str], device: str, executor: str, image: str = "") -> dict[str, str]:
    """Processor with its vector instructions, C library, device and executor.

    Host name, kernel, number and speed of processors are excluded. An image has its own C library.

    Args:
        image: id of the container's image, "" for none.
    """
    cpu = cpu_facts()
    facts = {
        "machine": platform.machine(),
        **{name: cpu.get(name, "") for name in IDENTITY},
        "vectors": " ".join(
            sorted(f for f in cpu.get("flags", cpu.get("Features", "")).split() if f.startswith(VECTORS))
        ),
        "libc": "" if image else " ".join(platform.libc_ver()),
        "device": device,
        "gpu": gpu(base_env) if device == "cuda" else "",
        "executor": executor,
        "image": image,
    }
    return {name: value for name, value in facts.items() if value}


def machine_class(facts: Mapping[str, str]) -> str:
    """A machine's class: 8 hexadecimal digits over `class_facts`."""
    return sha256_bytes(canonical_json(dict(facts)).encode())[:8]


def cpu_facts() -> dict[str, str]:
    """The system's facts of the first processor."""
    try:
        block = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {"model": platform.processor()}
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def gpu(base_env: Mapping[str, str]) -> str:
    """Names and drivers of the GPUs, each once."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return "; ".join(sorted(set(capture(query, base_env).strip().splitlines())))
    except SetupError:
        return "unknown"
