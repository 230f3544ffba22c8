"""Turn *.in into hashed locks: NAME.in into NAME.lock for every platform, torch.in into torch-pypi.lock.

    python dockerfiles/lock.py [NAME ...] [--cpu-wheel SHA256]

needs uv; all of them by default. Pins that a lock has already stay as they are where the .in file allows it. The CPU
build of PyTorch is published beside the package index, so torch-cpu.lock needs the hash of its wheel for Linux x86-64
and Python 3.11, as `pip hash` prints it; without one that lock keeps the wheel it has. lightning-cpu.lock has the same
wheel.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
COMPILE = ("uv", "pip", "compile", "--universal", "--generate-hashes", "--no-annotate", "--no-header", "--quiet")
GPU_ONLY = re.compile(r"(cuda-|nvidia-|triton==)")
LOCKS = {"torch": "torch-pypi.lock", "tf": "tf-pypi.lock", "lightning": "lightning-pypi.lock"}  # others: NAME.lock
CPU_LOCK = HERE / "torch-cpu.lock"


def entries(lock: str) -> list[str]:
    """The packages of a lock, each with its hash lines."""
    return [entry.strip() for entry in re.split(r"\n(?=\S)", lock) if entry.strip()]


def write_lock(name: str) -> Path:
    """Write the lock of one .in file for every platform."""
    lock = HERE / LOCKS.get(name, f"{name}.lock")
    command = [*COMPILE, "--no-build", "--python-version", "3.11", "--output-file", str(lock), str(HERE / f"{name}.in")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return lock


def write_cpu_lock(lock: Path, target: Path, wheel: str) -> None:
    """Write the lock of PyTorch's CPU build: the other one without what only GPUs need.

    Args:
        lock: the one for every platform.
        target: what to write.
        wheel: SHA-256 of the CPU build's wheel, "" to keep the one that torch-cpu.lock has.
    """
    pinned = [entry for entry in entries(CPU_LOCK.read_text()) if entry.startswith("torch==")] if not wheel else []
    cpu = pinned[0] if pinned else f"torch==2.13.0+cpu \\\n    --hash=sha256:{wheel}"
    lean = [entry for entry in entries(lock.read_text()) if not GPU_ONLY.match(entry)]
    target.write_text("\n".join(cpu if entry.startswith("torch==") else entry for entry in lean) + "\n")


def write_tf_locks(lock: Path) -> None:
    """Write TensorFlow's other locks: the CPU build differs in one name, a GPU needs libraries besides."""
    wanted = (HERE / "tf.in").read_text()
    full = next(line for line in wanted.splitlines() if line.startswith("tensorflow=="))
    cpu = compiled(full.replace("tensorflow", "tensorflow-cpu"), "--no-deps").strip()
    lean = [cpu if entry.startswith("tensorflow==") else entry for entry in entries(lock.read_text())]
    (HERE / "tf-cpu.lock").write_text("\n".join(lean) + "\n")
    gpu = compiled(
        wanted.replace("tensorflow==", "tensorflow[and-cuda]=="), "--python-platform", "x86_64-manylinux_2_28"
    )
    (HERE / "tf-cuda.lock").write_text("\n".join(entries(gpu)) + "\n")


def compiled(text: str, *options: str) -> str:
    """The hashed lock of these requirements; for every platform unless the options name one."""
    everywhere = [word for word in COMPILE if word != "--universal" or "--python-platform" not in options]
    command = [*everywhere, "--python-version", "3.11", *options, "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def main() -> None:
    """Write the locks asked for."""
    known = sorted(path.stem for path in HERE.glob("*.in"))
    parser = argparse.ArgumentParser(description="Turn *.in into hashed locks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--cpu-wheel", default="", metavar="SHA256", help="hash of the wheel of PyTorch's CPU build")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    for name in asked.names or known:
        lock = write_lock(name)
        if name in ("torch", "lightning"):
            write_cpu_lock(lock, HERE / f"{name}-cpu.lock", asked.cpu_wheel)
        if name == "tf":
            write_tf_locks(lock)


if __name__ == "__main__":
    main()
