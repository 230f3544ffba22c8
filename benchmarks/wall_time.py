"""Wall time that the harness adds to one real training, compared with the unpatched upstream, alternating.

    HARNESS_GIT_MIRROR=... python benchmarks/wall_time.py --rounds 3 --epochs 20

Both train SASRec with its own loss on LastFM, in the same environment, on the same data, one thread. Environment, clone
and source tree are warm: made before the first measurement. The harness's time is that of the whole command, from its
start to the written table. Goal: at most 1 % + 1 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import config
from harness.upstreams import checkout
from harness.upstreams.pins import clone_of, pin_of

SYSTEM = "sasrec/bce"


def seconds(command: Sequence[str], cwd: Path, env: Mapping[str, str], allowed: Sequence[int]) -> float:
    """Wall seconds of a command.

    Raises:
        RuntimeError: it ended with another status than those allowed.
    """
    start = time.monotonic()
    done = subprocess.run(list(command), cwd=cwd, env=dict(env), capture_output=True, text=True, check=False)
    taken = time.monotonic() - start
    if done.returncode not in allowed:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return taken


def with_harness(project: config.Config, epochs: int, folder: Path) -> float:
    """Seconds of `harness reproduce` of one run, into an empty store."""
    env = {**os.environ, "HARNESS_RESULTS": str(folder), "HARNESS_CACHE": str(project.cache)}
    where = f"dataset=lastfm,system={SYSTEM}"
    words = ["reproduce", "li2023/table2", "--where", where, "--seeds", "42", "--set", f"epochs={epochs}"]
    return seconds([sys.executable, "-m", "harness", *words], project.root, env, allowed=(0, 1))


def bare(project: config.Config, epochs: int, tree: Path, folder: Path) -> float:
    """Seconds of the upstream's own command on the unpatched code, and of nothing else."""
    python = next(project.cache.glob("environments/torch-*/bin/python"))
    data = next(project.cache.glob("data/*/LastFM.txt")).parent
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "TQDM_MININTERVAL": "30"}
    words = ["run_finetune_full.py", f"--data_dir={data}/", f"--output_dir={folder}/", "--data_name=LastFM", "--ckp=0"]
    words += ["--seed=42", f"--epochs={epochs}", "--no_cuda"]
    return seconds([str(python), *words], tree, env, allowed=(0,))


def main() -> None:
    """Measure by turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    project = config.load()
    with tempfile.TemporaryDirectory(prefix="harness-wall-") as name:
        folder = Path(name)
        pin = pin_of(project, "s3rec")
        tree = checkout.checkout(clone_of(project, "s3rec"), pin, ("/*.py",), folder / "tree")
        with_harness(project, 1, folder / "warm")
        ours, theirs = [], []
        for i in range(arguments.rounds):
            theirs.append(bare(project, arguments.epochs, tree, folder / f"bare{i}"))
            ours.append(with_harness(project, arguments.epochs, folder / f"ours{i}"))
    added = statistics.median(o - t for o, t in zip(ours, theirs, strict=True))
    base = statistics.median(theirs)
    print("| bare, s | harness, s | added, s | goal: 1 % + 1 s |\n| ---: | ---: | ---: | ---: |")
    print(f"| {base:.2f} | {statistics.median(ours):.2f} | {added:+.2f} | {0.01 * base + 1:.2f} |")
    print(f"\nload average {os.getloadavg()[0]:.1f}; rounds: bare {theirs}, harness {ours}")


if __name__ == "__main__":
    main()
