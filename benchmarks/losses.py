"""Cost of a loss in its lean and naive forms: seconds of a forward and backward pass, and peak memory.

    python benchmarks/losses.py                         # every case on the CPU, and on a GPU where there is one
    python benchmarks/losses.py --cases beauty --loss ce-all --rounds 5

Each measurement is a process of its own, the forms by turns, so that both meet the same machine. Memory is what the
process grew by over its inputs: hidden states, table, targets. Time is the best of all passes. Where the naive form
would hold more than the machine has, the size of its scores alone is reported instead. Values and gradients of
the forms are compared on the way. Goals for ce-all: an eighth of the memory at no more time, 1.27 million items within
16 GB.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

PATCHES = Path(__file__).resolve().parent.parent / "patches"
MB = 2**20


@dataclass(frozen=True)
class Case:
    """A batch: sequences × positions, table of items, and k where negatives are drawn."""

    name: str
    loss: str
    sequences: int
    positions: int
    items: int
    dimensions: int = 64
    k: int = 0

    @property
    def scores_mb(self) -> float:
        """What the naive form must hold at once, at least, in float32: scores, or rows of negatives."""
        numbers = self.sequences * self.positions * (self.k * self.dimensions or self.items)
        if self.loss == "sampled-ce":  # a sequence's positions share their negatives
            numbers = self.sequences * self.k * (self.dimensions + self.positions)
        return numbers * 4 / MB

    def __str__(self) -> str:
        drawn = f", {self.k} negatives" if self.k else ""
        return f"{self.loss}, {self.name}: {self.sequences} × {self.positions}, {self.items:,} items{drawn}"


CASES = (
    Case("beauty", "ce-all", 256, 50, 12_101),
    Case("ml-20m", "ce-all", 128, 200, 26_744),
    Case("gowalla-part", "ce-all", 64, 8, 1_271_638),
    Case("gowalla", "ce-all", 256, 50, 1_271_638),
    Case("beauty", "gbce", 256, 50, 12_101, k=256),
    Case("beauty", "sampled-ce", 256, 50, 12_101, k=3000),
)


@dataclass(frozen=True)
class Pass:
    """One measurement.

    Attributes:
        seconds: best forward and backward pass. peak_mb: growth over the inputs.
        value: the loss. slope: sum of absolute gradients, to compare forms by.
    """

    seconds: float
    peak_mb: float
    value: float
    slope: float


def measure(case: Case, form: str, device: str, passes: int) -> Pass:
    """Time and memory of one form, in this process, which should do nothing else."""
    sys.path.insert(0, str(PATCHES))
    losses = importlib.import_module("overlay.losses.in_torch").LOSSES
    generator = torch.Generator().manual_seed(1)
    shape = (case.sequences, case.positions)
    hidden = torch.randn((*shape, case.dimensions), generator=generator).to(device).requires_grad_()
    table = (torch.randn((case.items, case.dimensions), generator=generator) * 0.3).to(device).requires_grad_()
    targets = torch.randint(case.items, shape, generator=generator).to(device)
    mask = torch.ones(shape, dtype=torch.bool, device=device)
    options: dict[str, Any] = {"form": form}
    if case.k:
        drawn = (case.sequences, case.k) if case.loss == "sampled-ce" else (*shape, case.k)
        options["negatives"] = torch.randint(case.items, drawn, generator=generator).to(device)
    before, seconds = held_mb(device), []
    for _ in range(passes):
        hidden.grad = table.grad = None
        start = time.perf_counter()
        value = losses[case.loss](hidden, table, targets, mask, **options)
        value.backward()
        seconds.append(time.perf_counter() - start + 0 * float(value))  # reading the value waits for a GPU
    grown = peak_mb(device) - before
    assert hidden.grad is not None
    assert table.grad is not None
    return Pass(min(seconds), grown, float(value), float(hidden.grad.abs().sum() + table.grad.abs().sum()))


def held_mb(device: str) -> float:
    """Memory that is held now."""
    if device == "cuda":
        return float(torch.cuda.memory_allocated()) / MB
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def peak_mb(device: str) -> float:
    """The most memory that was ever held."""
    if device == "cuda":
        return float(torch.cuda.max_memory_allocated()) / MB
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def apart(case: Case, form: str, device: str, options: argparse.Namespace) -> Pass:
    """`measure` in a process of its own.

    Raises:
        RuntimeError: it failed, with its last lines.
    """
    words = ["--child", json.dumps([CASES.index(case), form, device, options.passes, options.threads])]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{case}, {form}: status {done.returncode}\n{done.stderr[-1500:]}")
    return Pass(**json.loads(done.stdout.splitlines()[-1]))


def free_mb(device: str) -> float:
    """Memory that a case may take."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0]) / MB
    available = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]
    return int(available) / 1024


def line(case: Case, device: str, options: argparse.Namespace) -> list[str]:
    """One row of the table: the forms by turns, the best of all rounds."""
    forms = ["naive", "lean", *(["fused"] if device == "cuda" and case.loss == "ce-all" and has_liger() else [])]
    fits = 4 * case.scores_mb < free_mb(device)
    found: dict[str, list[Pass]] = {form: [] for form in forms if form != "naive" or fits}
    for _ in range(options.rounds if fits else 1):
        for form, passes in found.items():
            passes.append(apart(case, form, device, options))
    best = {form: (min(p.seconds for p in passes), max(p.peak_mb for p in passes)) for form, passes in found.items()}
    cells = [str(case), device]
    for form in ("naive", "lean"):
        cells += [f"{best[form][0]:.2f}", f"{best[form][1]:,.0f}"] if form in best else ["–", too_large(case)]
    if "naive" not in best:
        return [*cells, "", "", ""]
    lean, naive = found["lean"][0], found["naive"][0]
    apart_by = max(abs(lean.value / naive.value - 1), abs(lean.slope / naive.slope - 1))
    ratios = (best["lean"][0] / best["naive"][0], best["lean"][1] / best["naive"][1])
    return [*cells, f"{ratios[0]:.2f}", f"{ratios[1]:.3f}", f"{apart_by:.0e}"] + [
        f"fused: {best['fused'][0]:.2f} s, {best['fused'][1]:,.0f} MB" for form in forms if form == "fused"
    ]


def too_large(case: Case) -> str:
    """What the naive form would need, at least."""
    return f"(over {case.scores_mb:,.0f})"


def has_liger() -> bool:
    """Whether the fused form is available."""
    return importlib.util.find_spec("liger_kernel") is not None


TITLES = (
    "case",
    "on",
    "naive s",
    "MB",
    "lean s",
    "MB",
    "time lean/naive",
    "memory lean/naive",
    "values and gradients differ by",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the cases asked for and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="names, by comma; all by default")
    parser.add_argument("--loss", default="", help="ce-all, gbce or sampled-ce; all by default")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each form, by turns")
    parser.add_argument("--passes", type=int, default=3, help="passes in each process")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="", help="cpu or cuda; both where there is a GPU")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        index, form, device, passes, threads = json.loads(options.child)
        torch.set_num_threads(threads)
        print(json.dumps(asdict(measure(CASES[index], form, device, passes))))
        return
    devices = [options.device] if options.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    names = set(options.cases.split(",")) if options.cases else {case.name for case in CASES}
    chosen = [c for c in CASES if c.name in names and options.loss in ("", c.loss)]
    if not chosen:
        parser.error(f"no such case; known: {', '.join(str(case) for case in CASES)}")
    print(f"{options.threads} threads, best of {options.rounds} × {options.passes} passes\n")
    print(f"| {' | '.join(TITLES)} |\n|{' --- |' * 2}{' ---: |' * (len(TITLES) - 2)}")
    for device in devices:
        for case in chosen:
            print(f"| {' | '.join(line(case, device, options))} |", flush=True)


if __name__ == "__main__":
    main()
