"""Small runs and tables for tests, made from a seed; shared by the tests of tables, verdicts and rendering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.core.results import Claim, Published, Ranks, RunResult
from harness.tables.build import DatasetSpec, SystemSpec, TableSpec

PROTOCOL = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
N_ITEMS = 500


def ranks(places: Sequence[int], users: Sequence[int] | None = None, tied: Sequence[int] | None = None) -> Ranks:
    """Ranks of users 1, 2, ... (or `users`), best possible places given."""
    n = len(places)
    return Ranks(
        np.array(users if users is not None else range(1, n + 1), dtype=np.int64),
        np.array(places, dtype=np.int64) - 1,
        np.array(tied if tied is not None else [1] * n, dtype=np.int64),
        np.full(n, N_ITEMS, dtype=np.int64),
        dict(PROTOCOL),
    )


def hits(n_hits: int, n_users: int, *, first: int = 0, at: int = 1) -> Ranks:
    """Ranks with `n_hits` users, from the user numbered `first` on, at place `at`, and all others at 100."""
    places = [100] * n_users
    places[first : first + n_hits] = [at] * n_hits
    return ranks(places)


def run(system: str, seed: int | None, found: Ranks | None, **more: Any) -> RunResult:
    """A finished run on dataset d, or a failed one where no ranks were found.

    Misses lie at a place that depends on the seed: two seeds with the same ranks would count as one.
    """
    if found is not None and seed is not None:
        found = replace(found, above=np.where(found.above == 99, 99 + seed % 100, found.above))
    known: dict[str, Any] = {"key": f"{system}-{seed}", "dataset": "d", "status": "finished" if found else "failed"}
    return RunResult(**{**known, "system": system, "seed": seed, "ranks": found, **more})


def spec(**more: Any) -> TableSpec:
    """Popularity, a and b on dataset d with 100 users; b is claimed to beat a on HIT@10; seeds 1, 2, 3."""
    known: dict[str, Any] = {
        "artifact": "paper/table",
        "title": "A table",
        "metrics": ("HIT@10",),
        "datasets": (DatasetSpec("d", "Data", 100),),
        "systems": (SystemSpec("a", "A"), SystemSpec("b", "B"), SystemSpec("pop", "Popularity", is_floor=True)),
        "claims": (Claim("b", "a", "HIT@10"),),
        "seeds": (1, 2, 3),
    }
    return TableSpec(**{**known, **more})


def published(system: str, value: float, metric: str = "HIT@10", decimals: int = 4) -> Published:
    """A printed number on dataset d."""
    return Published("d", system, metric, value, decimals)


def awkward() -> tuple[TableSpec, list[RunResult], list[Published]]:
    """Three seeds, two metrics, names that formats trip over, a failed run, a missing system, an unusable dataset."""
    rng = np.random.default_rng(7)
    systems = (
        SystemSpec("a", r"A_1 & 50% #2 $x$ {y} ~z^2 \w | *q* <b>"),
        SystemSpec("b", "Größe-é + loss"),
        SystemSpec("c", "C, never run"),
        SystemSpec("pop", "Popularity", is_floor=True),
    )
    made = spec(
        title="Names_with & signs: 100 %",
        metrics=("HIT@10", "NDCG@10"),
        datasets=(DatasetSpec("d", "Data & more", 60), DatasetSpec("empty_one", "Nothing #1", 10)),
        systems=systems,
        claims=(Claim("b", "a", "HIT@10"), Claim("b", "a", "NDCG@10"), Claim("c", "a", "HIT@10")),
        signature={"upstream": "demo", "commit": "0123abcd", "protocol": "leave-one-out/full", "environment": "a_b"},
    )
    runs = [run("pop", None, ranks(rng.integers(1, 60, 60).tolist()))]
    for seed in (1, 2, 3):
        high = {1: 40, 2: 200, 3: 90}[seed]
        a = ranks(rng.integers(1, high, 60).tolist())
        runs.append(run("a", seed, a, epochs=10 * seed, best_epoch=9, epoch_cap=30, seconds=61.5 * seed))
        b = None if seed == 3 else ranks(rng.integers(1, 20, 60).tolist(), tied=rng.integers(1, 4, 60).tolist())
        runs.append(run("b", seed, b, reason="exit 137: out of memory_limit & more", epochs=5, peak_memory_mb=812.0))
    line = "HIT@10: upstream printed 0.5, its ranks give 0.250000"
    runs[1] = replace(
        run("a", 1, runs[1].ranks, epochs=10, best_epoch=9, epoch_cap=30, seconds=61.5), disagreements=(line,)
    )
    papers = [published("a", 0.25), published("a", 0.125, "NDCG@10"), published("b", 0.35, decimals=2)]
    return made, runs, [*papers, published("c", 0.3)]


def with_own() -> tuple[TableSpec, list[RunResult]]:
    """Two losses added to A and B, one of which never ran."""
    systems = (*spec().systems, SystemSpec("a/my_loss", "A, my_loss (gamma=3)"), SystemSpec("a/gbce", "A, gbce"))
    own = [Claim("a/my_loss", other, "HIT@10", own=True) for other in ("a", "a/gbce")]
    notes = ("my_loss (gamma=3): losses/mine_1.py, SHA-256 1a2b3c4d5e6f; added in place of the loss of A",)
    made = spec(systems=systems, claims=(*spec().claims, *own), footnotes=notes, seeds=(1, 2, 3, 4, 5))
    runs = [run("pop", None, hits(8, 100))]
    for seed in made.seeds:
        found = {"a": hits(10 + seed, 100), "b": hits(60 + seed, 100), "a/my_loss": hits(40 + seed, 100)}
        runs += [run(system, seed, ranks, epochs=3) for system, ranks in found.items()]
    return made, runs
