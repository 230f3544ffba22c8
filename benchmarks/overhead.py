"""Overhead of the harness beyond the work itself, and of Snakemake for the same work, in one run on one machine.

A little project is made in a temporary folder: its upstream trains nothing, a shell script copies finished results to
where the probe would have written them. So all that is measured is starting, planning, locking, spawning, judging,
storing and the table. Snakemake runs the same script as often, as many at a time. Both times depend on what else the
machine does, hence the load and the CPU time beside them; compare the ratios. Nothing outside the
temporary folder is written but the file given with --json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from harness.core.files import sha256_file
from harness.core.git import must_git

N_USERS = 100
N_ITEMS = 60
PROTOCOL = {"split": "test", "ranking": "full", "seen": "excluded"}
HARNESS = (sys.executable, "-m", "harness")
HELP_REPEATS = 10
WARM_REPEATS = 3

SCRIPT = """#!/bin/sh
# "Training": seed and seconds to sleep come in, finished results go out.
[ "$2" = 0 ] || sleep "$2"
exec cp events.jsonl ranks-test.npz "$HARNESS_PROBE_DIR"
"""
CONFIG = """[environments.plain]
kind = "inherit"
packages = ["numpy"]

[upstreams.trivial]
url = "{url}"
commit = "{commit}"
code = ["/*"]
"""
RECIPE = """artifact: bench/trivial
title: Runs that cost nothing
upstream: trivial
environment: plain
protocol: {split: leave-one-out, ranking: full, seen: excluded}
metrics: [HIT@10, NDCG@10]
seeds: [0]
datasets: [made]
systems:
  nothing/bce: {model: nothing, loss: bce, label: bce}
command: [/bin/sh, train.sh, "{seed}", "{sleep}"]
options: {sleep: 0}
demonstration: true
"""
DATASETS = """datasets:
  made:
    upstream: trivial
    name: made
    label: Made
    users: %d
    items: %d
    interactions: %d
    sequences: data.txt
    files:
      - {name: data.txt, path: data.txt, sha256: %s}
"""
SNAKEFILE = """rule all:
    input: expand("results/{seed}/ranks-test.npz", seed=range(%d))

rule one:
    output: "results/{seed}/ranks-test.npz", "results/{seed}/events.jsonl"
    params: out=lambda wildcards: workflow.basedir + "/results/" + wildcards.seed
    shell: "export HARNESS_PROBE_DIR={params.out} && cd upstream && /bin/sh train.sh {wildcards.seed} 0"
"""
STORE_ONLY = """import sys
from pathlib import Path
from harness.core.config import load
from harness.runs.runner import Observer
from harness.commands.table_request import TableRequest
from harness.recipes.selection import Settings
seeds = tuple(map(int, sys.argv[1].split(",")))
job = TableRequest(load(Path(sys.argv[2])), "bench/trivial", Settings(seeds=seeds))
execution = job.execution(Observer())
sys.exit(bool(execution.find_missing(job.runs)))
"""


@dataclass(frozen=True)
class Timing:
    """The duration of a command: wall time, and CPU time of it and its child processes."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Line:
    """A measured quantity, ours and another's.

    Attributes:
        unit: s or ms; of all numbers but processor times, which go with the wall time before them.
        goal: the most that ours may be; None for a number that only explains.
        other: Snakemake's, or the bare command's; None where there is none.
    """

    what: str
    unit: str
    ours: float
    ours_cpu: float
    goal: float | None = None
    other: float | None = None
    other_cpu: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the other's."""
        return self.ours / self.other if self.other else None


@dataclass(frozen=True)
class Arguments:
    """What the command line says.

    Attributes:
        snakemake: its program; None to install it, "" to do without.
        run_s: seconds that the single warm run sleeps; 0 leaves it out.
    """

    runs: int
    jobs: int
    json: Path | None
    snakemake: str | None
    run_s: float


class BenchmarkError(Exception):
    """A measured command failed or lost runs, so its time means nothing."""


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print a Markdown table, write it as JSON if asked to."""
    arguments = parse(words)
    with tempfile.TemporaryDirectory(prefix="harness-overhead-") as scratch:
        report = measure(arguments, Path(scratch))
    print("\n".join(markdown(report)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def parse(words: Sequence[str] | None) -> Arguments:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="trivial runs")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, for both")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    parser.add_argument("--snakemake", help="its program; installed into the temporary folder by default")
    parser.add_argument("--no-snakemake", dest="snakemake", action="store_const", const="", help="measure us alone")
    parser.add_argument("--run-seconds", type=float, default=10.0, help="length of the single warm run; 0 for none")
    found = parser.parse_args(words)
    return Arguments(found.runs, found.jobs, found.json, found.snakemake, found.run_seconds)


def measure(arguments: Arguments, scratch: Path) -> dict[str, object]:
    """Every line, with what the numbers depend on.

    Raises:
        BenchmarkError: a command failed or runs were lost.
    """
    project = make_project(scratch / "project")
    snakemake = arguments.snakemake
    if snakemake is None:
        snakemake = install_snakemake(scratch / "venv")
    load = [os.getloadavg()]
    lines = [help_line(project), *run_lines(project, arguments, snakemake)]
    if arguments.run_s:
        lines += warm_lines(project, arguments.run_s)
    load.append(os.getloadavg())
    return {
        "runs": arguments.runs,
        "jobs": arguments.jobs,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "snakemake": version_of(snakemake) if snakemake else None,
        "load_before": load[0],
        "load_after": load[1],
        "lines": [asdict(line) | {"ratio": line.ratio} for line in lines],
    }


def make_project(root: Path) -> Path:
    """A project folder with one recipe and the repository of its upstream."""
    upstream = make_upstream(root.parent / "upstream")
    commit = must_git(upstream, "rev-parse", "HEAD").text
    n_interactions = sum(len(line.split()) - 1 for line in (upstream / "data.txt").read_text().splitlines())
    for path, text in {
        "harness.toml": CONFIG.format(url=upstream, commit=commit),
        "patches/trivial/series": "",
        "patches/overlay/__init__.py": "",
        "recipes/bench/trivial.yaml": RECIPE,
        "recipes/data/trivial.yaml": DATASETS % (N_USERS, N_ITEMS, n_interactions, sha256_file(upstream / "data.txt")),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def make_upstream(folder: Path) -> Path:
    """A Git repository with the script and the results that it hands out."""
    folder.mkdir(parents=True)
    (folder / "train.sh").write_text(SCRIPT, encoding="utf-8")
    sequences = [f"{user} {' '.join(str((user + i) % N_ITEMS + 1) for i in range(5))}" for user in range(N_USERS)]
    (folder / "data.txt").write_text("\n".join(sequences) + "\n", encoding="utf-8")
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events()), encoding="utf-8")
    above = np.arange(N_USERS, dtype=np.int32) % N_ITEMS
    np.savez_compressed(
        folder / "ranks-test.npz",
        user=np.arange(N_USERS, dtype=np.int64),
        protocol=np.array(json.dumps(PROTOCOL)),
        format=np.array(1),
        above_printed=above,
        tied_printed=np.ones_like(above),
        candidates_printed=np.full_like(above, N_ITEMS),
    )
    must_git(folder, "init", "--quiet", "--initial-branch=main")
    must_git(folder, "add", "--all")
    must_git(folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", "all")
    return folder


def events() -> Iterator[dict[str, object]]:
    """What the probe of a real upstream would have reported."""
    hit = sum(u % N_ITEMS < 10 for u in range(N_USERS)) / N_USERS
    yield {"event": "model", "t": 0.0, "name": "nothing", "parameters": 1}
    yield {"event": "loss", "t": 0.0, "computed": ["bce"], "value": 0.69}
    yield {"event": "epoch", "t": 0.0, "epoch": 0, "train_s": 0.0, "valid_s": 0.0, "metric": "HIT@10", "value": hit}
    yield {"event": "printed", "t": 0.0, "split": "test", "metrics": {"HIT@10": f"{hit:.4f}"}}
    yield {"event": "end", "t": 0.0, "epochs": 1, "best_epoch": 0, "peak_memory_mb": 1.0}


def install_snakemake(folder: Path) -> str:
    """Snakemake in a virtual environment of its own, from the package index."""
    run([sys.executable, "-m", "venv", str(folder)], folder.parent)
    run([str(folder / "bin" / "pip"), "install", "--quiet", "snakemake"], folder.parent)
    return str(folder / "bin" / "snakemake")


def version_of(snakemake: str) -> str:
    """Snakemake's version."""
    return subprocess.run([snakemake, "--version"], capture_output=True, text=True, check=True).stdout.strip()


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, good: Sequence[int] = (0,)) -> Timing:
    """Time a command that must succeed.

    Args:
        env: added to ours.
        good: exit statuses that count as success.
    Raises:
        BenchmarkError: with its last lines.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        list(command), cwd=cwd, env={**clean, **(env or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in good:
        tail = "\n    ".join(done.stdout.splitlines()[-15:])
        raise BenchmarkError(f"{' '.join(command[:5])} ended with status {done.returncode}:\n    {tail}")
    return Timing(wall_s, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def median(repeats: int, once: Callable[[int], Timing]) -> Timing:
    """Medians of several measurements; `once` gets the number of the measurement."""
    timings = [once(number) for number in range(repeats)]
    return Timing(statistics.median(t.wall_s for t in timings), statistics.median(t.cpu_s for t in timings))


def help_line(project: Path) -> Line:
    """`harness --help`, after one to warm the disk."""
    run([*HARNESS, "--help"], project)
    timing = median(HELP_REPEATS, lambda _: run([*HARNESS, "--help"], project))
    return Line(f"`harness --help` (median of {HELP_REPEATS})", "s", timing.wall_s, timing.cpu_s, goal=0.4)


def run_lines(project: Path, arguments: Arguments, snakemake: str) -> list[Line]:
    """Many trivial runs, then a rerun with all of them there, ours and Snakemake's in turns.

    Raises:
        BenchmarkError: a command failed or runs were lost.
    """
    n = arguments.runs
    prime(project)
    ours = [reproduce(project, range(n), arguments.jobs)]
    require_records(project, n)
    theirs: list[Timing | None] = [None, None]
    if snakemake:
        folder = make_snakemake(project.parent / "snakemake", project.parent / "upstream", n)
        command = [snakemake, "--cores", str(arguments.jobs), "--quiet", "all"]
        theirs[0] = run(command, folder)
        if len(list(folder.glob("results/*/ranks-test.npz"))) != n:
            raise BenchmarkError("Snakemake lost runs")
        ours.append(reproduce(project, range(n), arguments.jobs))
        theirs[1] = run(command, folder)
    else:
        ours.append(reproduce(project, range(n), arguments.jobs))
    store_only = run([sys.executable, "-c", STORE_ONLY, seed_text(range(n)), str(project)], project)
    return [
        line(f"{n} trivial runs, per run", "ms", ours[0], theirs[0], 20.0, 1000.0 / n),
        line(f"Rerun with all {n} there", "s", ours[1], theirs[1], 1.0),
        line("… of that without ranks, table and its files", "s", store_only, None, None),
    ]


def line(what: str, unit: str, ours: Timing, other: Timing | None, goal: float | None, factor: float = 1.0) -> Line:
    """A line from two timings, times `factor`."""
    others = (other.wall_s * factor, other.cpu_s * factor) if other else (None, None)
    return Line(what, unit, ours.wall_s * factor, ours.cpu_s * factor, goal, *others)


def prime(project: Path) -> None:
    """Make clone, tree and data with a run that is not counted, as the venv of Snakemake is made beforehand."""
    reproduce(project, range(10_000_000, 10_000_001), 1)


def reproduce(project: Path, seeds: range, jobs: int, sleep_s: float = 0.0) -> Timing:
    """`harness reproduce` of these seeds; a verdict (exit status 1) is not its business here."""
    command = [*HARNESS, "reproduce", "bench/trivial", "--jobs", str(jobs), "--seeds", seed_text(seeds)]
    if sleep_s:
        command += ["--set", f"sleep={sleep_s:g}"]
    return run(command, project, {"HARNESS_PROJECT": str(project)}, good=(0, 1))


def seed_text(seeds: range) -> str:
    """Seeds as the command line takes them."""
    return ",".join(map(str, seeds))


def require_records(project: Path, n: int) -> None:
    """Check that every run finished and is in the store.

    Raises:
        BenchmarkError: some are not.
    """
    contents = [json.loads(p.read_text(encoding="utf-8")) for p in project.glob("results/**/record.json")]
    finished = {c["seed"] for c in contents if c["status"] == "finished"}
    if lost := set(range(n)) - finished:
        reasons = {str(c["fault"]) for c in contents if c["fault"]}
        raise BenchmarkError(f"{len(lost)} of {n} runs are lost, such as seed {min(lost)}; faults: {reasons or 'none'}")


def make_snakemake(folder: Path, upstream: Path, n: int) -> Path:
    """A Snakemake project that does what ours does, as far as it can."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE % n, encoding="utf-8")
    (folder / "upstream").symlink_to(upstream)
    return folder


def warm_lines(project: Path, run_s: float) -> list[Line]:
    """One run of some seconds with everything made beforehand, against its bare command."""
    upstream, out = project.parent / "upstream", project.parent / "bare"
    out.mkdir()
    bare = median(
        WARM_REPEATS,
        lambda _: run(["/bin/sh", "train.sh", "0", f"{run_s:g}"], upstream, {"HARNESS_PROBE_DIR": str(out)}),
    )
    ours = median(WARM_REPEATS, lambda number: reproduce(project, range(number, number + 1), 1, run_s))
    goal = 0.01 * bare.wall_s + 1.0
    return [
        line(f"One run of {run_s:g} s, against its bare command", "s", ours, bare, bare.wall_s + goal),
        Line("… overhead", "s", ours.wall_s - bare.wall_s, ours.cpu_s - bare.cpu_s, goal),
    ]


def markdown(report: Mapping[str, object]) -> Iterator[str]:
    """The table, with what the numbers depend on."""
    lines = report["lines"]
    assert isinstance(lines, list)
    yield (
        f"{report['runs']} runs, {report['jobs']} at a time, {report['cores']} cores, Python {report['python']}, "
        f"Snakemake {report['snakemake'] or 'left out'}; load before {shown_load(report['load_before'])}, "
        f"after {shown_load(report['load_after'])}"
    )
    yield ""
    yield "| what | harness | (processor) | other | (processor) | ratio | goal | met |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for row in lines:
        cells = [row["what"], *(shown(row[k], row["unit"]) for k in ("ours", "ours_cpu", "other", "other_cpu"))]
        met = "" if row["goal"] is None else "yes" if row["ours"] <= row["goal"] else "NO"
        yield f"| {' | '.join(cells)} | {shown(row['ratio'], '')} | {shown(row['goal'], row['unit'])} | {met} |"


def shown(value: float | None, unit: str) -> str:
    """A number with its unit, empty for none."""
    return "" if value is None else f"{value:.2f} {unit}".strip()


def shown_load(load: object) -> str:
    """A load average over 1 min."""
    return f"{load[0]:.1f}" if isinstance(load, (tuple, list)) else "unknown"


if __name__ == "__main__":
    main()
