"""Turn torch.in and tf.in into hashed locks.

    python dockerfiles/lock.py tf
    python dockerfiles/lock.py torch CPU_WHEEL_SHA256

needs uv. torch-pypi.lock and tf-pypi.lock are for every platform, torch-cpu.lock and tf-cpu.lock for the CPU builds on
Linux x86-64, tf-cuda.lock has the libraries of a GPU besides. The CPU build of PyTorch is published beside the package
index, so its hash is an argument: that of the wheel for Python 3.11, as `pip hash` prints it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMPILE = ("uv", "pip", "compile", "--generate-hashes", "--no-annotate", "--no-header", "--quiet", "--python-version")
PYTHON = "3.11"
GPU_ONLY = re.compile(r"(cuda-|nvidia-|triton==)")


def compiled(text: str, *options: str) -> str:
    """The hashed lock of these requirements."""
    command = [*COMPILE, PYTHON, *options, "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def entries(lock: str) -> list[str]:
    """The packages of a lock, each with its hash lines."""
    return [entry.strip() for entry in re.split(r"\n(?=\S)", lock) if entry.strip()]


def write(name: str, packages: list[str]) -> None:
    """Write a lock."""
    (HERE / name).write_text("\n".join(packages) + "\n")


def torch(cpu_wheel: str) -> None:
    """Write the locks of torch.in."""
    universal = entries(compiled((HERE / "torch.in").read_text(), "--universal"))
    write("torch-pypi.lock", universal)
    cpu = f"torch==2.13.0+cpu \\\n    --hash=sha256:{cpu_wheel}"
    write("torch-cpu.lock", [cpu if e.startswith("torch==") else e for e in universal if not GPU_ONLY.match(e)])


def tf() -> None:
    """Write the locks of tf.in; the CPU build has another name and is the same otherwise."""
    wanted = (HERE / "tf.in").read_text()
    universal = entries(compiled(wanted, "--universal"))
    write("tf-pypi.lock", universal)
    full = next(line for line in wanted.splitlines() if line.startswith("tensorflow=="))
    cpu = compiled(full.replace("tensorflow", "tensorflow-cpu"), "--universal", "--no-deps").strip()
    write("tf-cpu.lock", [cpu if e.startswith("tensorflow==") else e for e in universal])
    gpu = wanted.replace("tensorflow==", "tensorflow[and-cuda]==")
    write("tf-cuda.lock", entries(compiled(gpu, "--python-platform", "x86_64-manylinux_2_28")))


def main() -> None:
    """Write the locks asked for."""
    match sys.argv[1:]:
        case ["tf"]:
            tf()
        case ["torch", cpu_wheel]:
            torch(cpu_wheel)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
