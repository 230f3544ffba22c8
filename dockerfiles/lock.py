"""Turn torch.in into hashed locks: torch-pypi.lock for every platform, torch-cpu.lock for the CPU build of PyTorch.

    python dockerfiles/lock.py CPU_WHEEL_SHA256

needs uv. The CPU build is published beside the package index, so its hash is an argument: that of the wheel for Linux
x86-64 and Python 3.11, as `pip hash` prints it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMPILE = ("uv", "pip", "compile", "--universal", "--generate-hashes", "--no-annotate", "--no-header", "--quiet")
GPU_ONLY = re.compile(r"(cuda-|nvidia-|triton==)")


def entries(lock: str) -> list[str]:
    """The packages of a lock, each with its hash lines."""
    return [entry.strip() for entry in re.split(r"\n(?=\S)", lock) if entry.strip()]


def main() -> None:
    """Write both locks."""
    command = [*COMPILE, "--python-version", "3.11", str(HERE / "torch.in")]
    universal = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (HERE / "torch-pypi.lock").write_text(universal)
    lean = [entry for entry in entries(universal) if not GPU_ONLY.match(entry)]
    cpu = f"torch==2.13.0+cpu \\\n    --hash=sha256:{sys.argv[1]}"
    lean = [cpu if entry.startswith("torch==") else entry for entry in lean]
    (HERE / "torch-cpu.lock").write_text("\n".join(lean) + "\n")


if __name__ == "__main__":
    main()
