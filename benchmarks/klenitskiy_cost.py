"""One epoch of SASRec+ on Beauty and its evaluations: the unmodified script of Klenitskiy and Vasilev 2023, then ours.

    HARNESS_GIT_MIRROR=... python benchmarks/klenitskiy_cost.py --threads 1

Both train one epoch, validate 10,000 users, then evaluate all users twice, on validation and test, in one environment,
with one seed, drawn from by one process. The authors' script runs from the unpatched checkout; what it imports and
is no longer installable is replaced by `tests/e2e/bare_sasrec_bert4rec`, which also writes the rank of each test
item. Ours runs what `klenitskiy2023/table2` runs. Times are processor seconds, since wall time depends on what else
the machine does; memory is the largest resident set. Needs Linux.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from harness.core import config
from harness.core.git import must_git
from harness.runs.source_tree import SourceTree
from harness.upstreams import checkout

UPSTREAM = "sasrec-bert4rec"
STAND_INS = Path(__file__).resolve().parent.parent / "tests" / "e2e" / "bare_sasrec_bert4rec"
LISTED = 100  # items of a user's list; the authors' script knows no place beyond
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a process took. An epoch is that of the script's own `training_time`: training, and one validation.

    Attributes:
        cpu_s, wall_s: of the whole process.
        epoch_cpu_s, epoch_wall_s: between the first printed line and that of the training time.
        epoch_mb, peak_mb: largest resident memory, in MB of 2**20 bytes, until the training's end and of all.
    """

    cpu_s: float
    wall_s: float
    epoch_cpu_s: float
    epoch_wall_s: float
    epoch_mb: float
    peak_mb: float


@dataclass(frozen=True)
class Left:
    """What a process left.

    Attributes:
        curve: NDCG@10 of the validation of its epoch.
        printed: metrics by name, validation and test.
        places: rank of each user's test item among the first hundred, in order of users; 0 if absent.
    """

    curve: float
    printed: Mapping[str, float]
    places: np.ndarray


def used(pid: int) -> tuple[float, float]:
    """Processor seconds of a living process so far, and its largest resident memory in MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / TICKS, int(peak) / 1024


def measured(words: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path) -> Cost:
    """Run to the end; its standard output goes to `log`, its errors to a file next to it.

    Raises:
        RuntimeError: it failed, or printed no training time.
    """
    began = monotonic()
    with log.open("w") as out, log.with_suffix(".err").open("w") as err:
        process = subprocess.Popen(words, cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=err, text=True)
        assert process.stdout is not None
        first = done = None
        with process.stdout as lines:
            for line in lines:
                out.write(line)
                if first is None:
                    first = (*used(process.pid), monotonic())
                if "training_time" in line:
                    done = (*used(process.pid), monotonic())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or first is None or done is None:
        raise RuntimeError(f"{words[0]} ended with {process.returncode}; see {log.with_suffix('.err')}")
    cpu = usage.ru_utime + usage.ru_stime
    epoch = (done[0] - first[0], done[2] - first[2])
    return Cost(cpu, monotonic() - began, *epoch, done[1], usage.ru_maxrss / 1024)


def printed_in(log: Path) -> dict[str, float]:
    """Metrics that the script printed."""
    found: dict[str, float] = {}
    for line in log.read_text().splitlines():
        if line.startswith("{'"):
            found.update(ast.literal_eval(line))
    return found


def by_authors(python: Path, tree: Path, data: Path, folder: Path, env: Mapping[str, str]) -> tuple[Cost, Left]:
    """The authors' script in a copy of its folder."""
    shutil.copytree(tree / "src", folder)
    words = [str(python), "run.py", "--config-name=SASRec", f"data_path={data}"]
    words += ["dataloader.num_workers=0", "trainer_params.max_epochs=1"]
    more = {"PYTHONPATH": str(STAND_INS), "SEED": "42", "PLACES": str(folder / "places.json")}
    cost = measured(words, folder, {**env, **more}, folder / "log.txt")
    with next(folder.rglob("metrics.csv")).open() as file:
        curve = [float(row["val_ndcg"]) for row in csv.DictReader(file) if row["val_ndcg"]]
    places = {int(user): place or 0 for user, place in json.loads((folder / "places.json").read_text()).items()}
    return cost, Left(curve[-1], printed_in(folder / "log.txt"), np.array([places[user] for user in sorted(places)]))


def by_harness(python: Path, tree: Path, data: Path, folder: Path, env: Mapping[str, str]) -> tuple[Cost, Left]:
    """What the recipe runs, with one epoch."""
    folder.mkdir()
    words = [str(python), "-m", "harness_overlay.sasrec_bert4rec.run", f"--data={data}", "--dataset=beauty"]
    words += [f"--out={folder}", "--model=sasrec", "--loss=ce-all", "--loss_options=form=lean", "--seed=42"]
    more = {"PYTHONPATH": str(tree), "HARNESS_PROBE_DIR": str(folder)}
    cost = measured([*words, "--epochs=1"], tree, {**env, **more}, folder / "log.txt")
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    (curve,) = [event["value"] for event in events if event["event"] == "epoch"]
    ranks = np.load(folder / "ranks-test.npz")
    places = (ranks["above_printed"] + 1)[np.argsort(ranks["user"])]
    return cost, Left(curve, printed_in(folder / "log.txt"), np.where(places <= LISTED, places, 0))


def table(authors: Cost, ours: Cost) -> str:
    """Both costs and their ratios, as Markdown."""
    names = {
        "epoch_cpu_s": "an epoch and its validation, processor s", "cpu_s": "the whole run, processor s",
        "epoch_wall_s": "an epoch and its validation, wall s", "wall_s": "the whole run, wall s",
        "epoch_mb": "peak memory until then, MB", "peak_mb": "peak memory, MB",
    }  # fmt: skip
    rows = ["| | authors' script | ours | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, label in names.items():
        one, other = getattr(authors, name), getattr(ours, name)
        rows.append(f"| {label} | {one:,.0f} | {other:,.0f} | {one / other:.1f} |")
    return "\n".join(rows)


def compared(authors: Left, ours: Left) -> str:
    """How far the results are from each other."""
    differ = authors.places != ours.places
    gaps = [abs(authors.printed[name] - ours.printed[name]) for name in authors.printed]
    known = (authors.places > 0) | (ours.places > 0)
    return (
        f"validation NDCG@10: {authors.curve!r} and {ours.curve!r}; largest difference of {len(gaps)} printed metrics: "
        f"{max(gaps):.2e}; places of test items in the lists of {LISTED}: {int((known & ~differ).sum()):,} of "
        f"{int(known.sum()):,} equal; users: {len(differ):,}"
    )


def main() -> None:
    """Measure one after the other and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dataset", default="beauty-b4r", help="of the recipe; another one for a trial")
    parser.add_argument("--out", type=Path, help="a new folder for what both leave; by default it is not kept")
    arguments = parser.parse_args()
    project = config.load()
    with tempfile.TemporaryDirectory(prefix="harness-cost-") as name:
        folder = (arguments.out or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=not arguments.out)
        where = f"dataset={arguments.dataset},system=popularity"
        words = [sys.executable, "-m", "harness", "reproduce", "klenitskiy2023/table2", "--where", where]
        env = {**os.environ, "HARNESS_RESULTS": str(folder / "warm")}
        subprocess.run(words, cwd=project.root, env=env, check=False, stdout=subprocess.DEVNULL)
        file = {"beauty-b4r": "beauty.txt"}.get(arguments.dataset, f"{arguments.dataset}.txt")
        data = next(project.cache.glob(f"data/*/{file}"))
        python = next(project.cache.glob("environments/lightning-*/bin/python"))
        source = SourceTree(project, UPSTREAM)
        bare = checkout.checkout(source.clone, source.pin, source.upstream.code, folder / "tree")
        threads = {f"{library}_NUM_THREADS": str(arguments.threads) for library in ("OMP", "MKL", "OPENBLAS")}
        plain = {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        env = {**os.environ, **threads, **plain}
        ours = by_harness(python, source.path, data, folder / "ours", env)
        authors = by_authors(python, bare, data, folder / "authors", env)
    commit = must_git(project.root, "rev-parse", "--short", "HEAD").text
    print(f"{table(authors[0], ours[0])}\n\n{compared(authors[1], ours[1])}; threads: {arguments.threads}; {commit}")
    print(f"load average {os.getloadavg()[0]:.1f}; {authors[0]}; {ours[0]}")


if __name__ == "__main__":
    main()
