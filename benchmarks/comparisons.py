"""Cost of the statistics: seven systems on three metrics, every pair, every test, compared with ranx.

Ranks are made up: each user's held-out item has a difficulty, each system its own errors, so that systems agree as real
ones do. From the ranks on, all is measured: metrics, encoding, 21 pairs on HIT@10, NDCG@10 and MRR with paired t,
randomisation (10,000 resamples), McNemar, bootstrap (10,000) and smallest detectable difference, Holm over the 63
t-tests and TOST of the 21 means. Each measurement is a process of its own, which also tells its peak memory; its start
and the making of ranks are not counted in its time. ranx is given the same ranks and makes its report of the same pairs
and metrics with Student's paired test, and with Fisher's randomisation test (1,000 resamples, its default), after a
first report of a few users that compiles it. Times depend on what else the machine does, hence the load and the
CPU time as well. Ours runs in one thread, so on an otherwise idle machine wall time equals CPU time,
which is what the goals are held against; ratios are of processor times too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

N_SYSTEMS, N_ITEMS = 7, 30_000
METRICS = ("HIT@10", "NDCG@10", "MRR")
#: The most seconds that a measurement may take, ranks and start included.
LIMIT_S = 900
#: Users -> the most seconds and megabytes that ours may take.
GOALS = {6_040: (2.0, 500.0), 281_000: (5.0, 500.0)}


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print a Markdown table, write it as JSON if asked to."""
    arguments = parse(words)
    if arguments.measure:
        measure: Callable[[int, int], dict[str, float]] = MEASURED[arguments.measure]
        print(json.dumps(measure(arguments.users[0], arguments.resamples)))
        return
    load = os.getloadavg()[0]
    rows = []
    for users in arguments.users:
        rows.append(measured("harness", sys.executable, users, arguments.resamples))
        if arguments.ranx:
            rows += [measured(f"ranx-{test}", arguments.ranx, users, 1000) for test in ("student", "fisher")]
    report: dict[str, object] = {
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "rows": rows,
    }
    print("\n".join(markdown(report)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=list(GOALS), help="how many, one measurement for each")
    parser.add_argument("--resamples", type=int, default=10_000, help="of randomisation test and bootstrap")
    parser.add_argument("--ranx", metavar="PYTHON", help="interpreter that has ranx; left out by default")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    parser.add_argument("--measure", choices=list(MEASURED), help=argparse.SUPPRESS)
    return parser.parse_args(words)


def measured(what: str, python: str, users: int, resamples: int) -> dict[str, object]:
    """One measurement in a separate process; a failed one is reported."""
    words = [python, __file__, "--measure", what, "--users", str(users), "--resamples", str(resamples)]
    row: dict[str, object] = {"what": what, "users": users, "resamples": resamples}
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return {**row, "failed": f"not done within {LIMIT_S} s"}
    if done.returncode:
        return {**row, "failed": (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]}
    return {**row, **json.loads(done.stdout.splitlines()[-1])}


def made_ranks(n_users: int) -> list[npt.NDArray[np.int64]]:
    """Ranks of each system, shape (n_users,): about one in six within the first ten, most users differ by little."""
    rng = np.random.default_rng(17)
    difficulty = rng.normal(5.0, 2.3, n_users)
    found = []
    for system in range(N_SYSTEMS):
        log_rank = difficulty - 0.03 * system + rng.normal(0, 0.7, n_users)
        found.append(np.clip(np.exp(log_rank), 1, N_ITEMS).astype(np.int64))
    return found


class Clock:
    """Wall and CPU time since its creation, and the process's peak memory."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Seconds and megabytes."""
        status = Path("/proc/self/status").read_text(encoding="utf-8")  # ru_maxrss may be that of who started it
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return {"wall_s": time.perf_counter() - self.wall, "cpu_s": time.process_time() - self.cpu, "peak_mb": peak}


def measure_harness(n_users: int, resamples: int) -> dict[str, float]:
    """Ours."""
    from harness.stats import comparison, corrections, estimates, metrics

    ranks = [rank.astype(np.float64) for rank in made_ranks(n_users)]
    clock = Clock()
    options = comparison.Options(resamples=resamples, alpha=estimates.ALPHA / 63)
    p_values = []
    for metric in METRICS:
        kind, k, _ = metrics.parse(metric)
        function = {"HIT": metrics.hit_at_k, "NDCG": metrics.ndcg_at_k}.get(kind)
        values = {f"system {i}": function(r, k) if function else metrics.mrr(r) for i, r in enumerate(ranks)}
        pairs = itertools.combinations(values.values(), 2)
        p_values += [comparison.compare(a, b, options).t.p for a, b in pairs]
        for of in values.values():
            own = estimates.mean_over_seeds([of])
            estimates.tost(own.mean, own.standard_error, own.df, round(own.mean, 4), 0.00005, 0.05 * own.mean)
    corrections.adjust(p_values)
    return clock.read()


def measure_ranx(n_users: int, resamples: int, test: str) -> dict[str, float]:
    """ranx on runs of ten items: complete rankings would be too large, so its MRR is MRR@10, which is cheaper."""
    import ranx  # type: ignore[import-not-found, unused-ignore]

    def report(n: int) -> Clock:
        names = [str(user) for user in range(n)]
        qrels = ranx.Qrels({name: {"it": 1} for name in names})
        runs = []
        for system, ranks in enumerate(made_ranks(n_users)):
            rows = {name: run_of(rank) for name, rank in zip(names, ranks[:n].tolist(), strict=True)}
            runs.append(ranx.Run(rows, name=f"system {system}"))
        clock = Clock()
        ranx.compare(qrels, runs, ["hit_rate@10", "ndcg@10", "mrr"], stat_test=test, n_permutations=resamples)
        return clock

    report(min(n_users, 50))
    return report(n_users).read()


def run_of(rank: int) -> dict[str, float]:
    """A user's first ten items with their scores; the held-out item is `it`."""
    items = [f"n{place}" for place in range(1, 11)]
    if rank <= len(items):
        items[rank - 1] = "it"
    return {item: 20.0 - place for place, item in enumerate(items)}


MEASURED: dict[str, Callable[[int, int], dict[str, float]]] = {
    "harness": measure_harness,
    "ranx-student": lambda n_users, resamples: measure_ranx(n_users, resamples, "student"),
    "ranx-fisher": lambda n_users, resamples: measure_ranx(n_users, resamples, "fisher"),
}


def markdown(report: dict[str, object]) -> Iterator[str]:
    """The table, with what the numbers depend on."""
    rows = report["rows"]
    assert isinstance(rows, list)
    yield (
        f"{N_SYSTEMS} systems, {len(METRICS)} metrics, 21 pairs, {report['cores']} cores; "
        f"load before {report['load_before']:.1f}, after {report['load_after']:.1f}"
    )
    yield ""
    yield "| what | users | resamples | time | (processor) | peak memory | times ours (processor) | goal | met |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    ours: dict[int, float] = {}
    for row in rows:
        head = f"| {row['what']} | {row['users']:,} | {row['resamples']:,} |"
        if "failed" in row:
            yield f"{head} failed: {row['failed']} | | | | | |"
            continue
        ours.setdefault(row["users"], row["cpu_s"])
        goal, met = GOALS.get(row["users"]) if row["what"] == "harness" else None, ""
        if goal:
            met = "yes" if row["cpu_s"] <= goal[0] and row["peak_mb"] <= goal[1] else "NO"
        shown = f"{goal[0]:.0f} s, {goal[1]:.0f} MB" if goal else ""
        yield (
            f"{head} {row['wall_s']:.2f} s | {row['cpu_s']:.2f} s | {row['peak_mb']:.0f} MB "
            f"| {row['cpu_s'] / ours[row['users']]:.1f} | {shown} | {met} |"
        )


if __name__ == "__main__":
    main()
