"""Users' values of the LastFM runs that are kept in results/runs: what real systems give, to test statistics on."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from harness.core.results import Ranks
from harness.runs.probe_output import read_ranks
from harness.stats import metrics
from harness.stats.estimates import Floats, in_order_of

RUNS = Path(__file__).resolve().parents[2] / "results" / "runs"
DATASET = "lastfm"
#: Pairs that differ little, clearly and very much.
PAIRS = (("sasrec/ce-all", "s3rec/ce-all"), ("sasrec/ce-all", "sasrec/bce"), ("sasrec/ce-all", "popularity"))


@cache
def ranks() -> dict[tuple[str, int | None], Ranks]:
    """Ranks of each finished run of Table 2 by its own settings on this machine, by system and seed; no controls."""
    found = {}
    for path in sorted(RUNS.glob("*/record.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        own = (record["status"], record["dataset"], record["artifact"]) == ("finished", DATASET, "li2023/table2")
        patience = [word for word in record["inputs"]["command"] if word.startswith("--patience")]
        contained = "base" in record["inputs"]["environment"]
        if own and not contained and patience in ([], ["--patience=10"]):
            assert (record["system"], record["seed"]) not in found
            found[record["system"], record["seed"]] = read_ranks(path.parent / "ranks-test.npz")
    return found


def values(system: str, metric: str, seed: int | None = 42) -> Floats:
    """Users' values of one run, in one order of users for all; popularity has no seed."""
    found = ranks()[system, None if system == "popularity" else seed]
    users = np.sort(found.users)
    return in_order_of(users, found.users, metrics.per_user(found, metric))


def mean_values(system: str, metric: str) -> Floats:
    """Users' means over five seeds."""
    return np.mean([values(system, metric, seed) for seed in range(42, 47)], axis=0)


def seed_differences(one: str, other: str, metric: str) -> Floats:
    """First minus second system, shape (5, n_users)."""
    return np.stack([values(one, metric, s) - values(other, metric, s) for s in range(42, 47)])
