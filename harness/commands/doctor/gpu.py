"""Checks the GPU and its driver against the CUDA version of the locked packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from harness.commands.doctor.check import DoctorRequest, Line
from harness.core.errors import ConfigError, SetupError
from harness.core.process import capture
from harness.core.project_folders import find
from harness.environments.venv import most_specific_lock

QUERY = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
SMI_S = 15.0
DRIVER = "CUDA driver"
MODULE = Path("/proc/driver/nvidia/version")


def gpus(asked: DoctorRequest) -> Iterable[Line]:
    """The GPUs, then their driver against each lock for CUDA."""
    try:
        names = capture(QUERY, asked.config.base_env, SMI_S).strip().splitlines()
        smi_output = capture(["nvidia-smi"], asked.config.base_env, SMI_S)
    except SetupError as error:
        loaded = "the kernel has NVIDIA's driver, but " if MODULE.exists() else ""
        fix = "install NVIDIA's driver with nvidia-smi, or use --device cpu"
        yield Line("NVIDIA GPU", False, f"{loaded}nvidia-smi {error.what.strip().splitlines()[-1]}", fix, asked.gpus)
        return
    yield Line("NVIDIA GPU", True, "; ".join(names))
    yield driver(driver_cuda(smi_output), needs(asked), asked.gpus)


def driver_cuda(smi_output: str) -> str:
    """The newest CUDA that the driver supports by nvidia-smi; "" if unknown."""
    found = re.search(r"CUDA Version\s*:\s*(\d+\.\d+)", smi_output)
    return found[1] if found else ""


def needs(asked: DoctorRequest) -> dict[str, str]:
    """The CUDA version of each environment's lock, such as 13.0, by environment."""
    found = {}
    for name, environment in asked.config.file.environments.items():
        python = f"py{asked.config.images.python.replace('.', '')}"
        try:
            lock = most_specific_lock(environment.locks, ("cuda", "linux", "x86_64", python), name)
        except ConfigError:
            continue
        if cuda := lock_cuda(find(asked.config.root, lock).read_text(encoding="utf-8")):
            found[name] = cuda
    return found


def lock_cuda(lock: str) -> str:
    """The CUDA of a lock's runtime library, such as 13.0; "" if it brings none."""
    found = re.search(r"^nvidia-cuda-runtime(?:-cu\d+)?==(\d+\.\d+)", lock, re.MULTILINE)
    return found[1] if found else ""


def driver(has: str, wanted: dict[str, str], needed: bool) -> Line:
    """A driver's CUDA against those of the locks.

    Libraries need a driver of their major version or a newer one. An older minor version works
    too, except for code that is compiled on the GPU.
    """
    texts = [f"{name} brings {cuda}" for name, cuda in sorted(wanted.items())]
    said = f"driver for CUDA {has or 'unknown'}; {', '.join(texts) or 'no environment brings CUDA'}"
    major = int(has.partition(".")[0] or 0)
    short = [name for name, cuda in sorted(wanted.items()) if major < int(cuda.partition(".")[0])]
    if has and short:
        newest = max(wanted[name] for name in short)
        return Line(DRIVER, False, said, f"install a driver for CUDA {newest.partition('.')[0]} or newer", needed)
    minor = [name for name, cuda in wanted.items() if has and number(has) < number(cuda)]
    caution = f"if {', '.join(minor)} fails on the GPU, update the driver" if minor else ""
    return Line(
        DRIVER,
        bool(has),
        said,
        caution if has else "`nvidia-smi` reports no CUDA version: reinstall the driver",
        needed,
    )


def number(version: str) -> tuple[int, ...]:
    """A version for comparing."""
    return tuple(int(part) for part in version.split("."))
