"""The runs behind a table and the formulas of docs/statistics.md, for recompute.py; imports nothing of the harness."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import yaml
from scipy import stats  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Row = dict[str, str]
ROUNDING, CAP, POWER = 1e-12, 1001, 0.8


class Noise(NamedTuple):
    """Variance of one training's mean, degrees of freedom, trainings."""

    variance: float
    df: float
    n: int


class Run(NamedTuple):
    """The mean ranks of one run in the order of user ids, by the prefix of the metrics made from them."""

    seed: int | None
    ranks: dict[str, Floats]


class Sources:
    """The table, its recipe and the runs behind it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.values = read(folder / "table.csv")
        self.claims = read(folder / "table-claims.csv")
        artifact = self.values[0]["artifact"]
        self.recipe: dict[str, Any] = yaml.safe_load((root / "recipes" / f"{artifact}.yaml").read_text("utf-8"))
        self.runs = root / "results" / "runs"
        self.margin = {"relative": 0.0, "absolute": 0.0, **self.recipe.get("margin", {"relative": 0.05})}
        ranked = [r for r in self.values if r["metric"].rpartition("-")[2].partition("@")[0] in ("HIT", "NDCG", "MRR")]
        self.cells = {(r["dataset"], r["system"], r["metric"]): r for r in ranked}
        self._ranks: dict[str, Run] = {}

    def trainings(self, row: Row) -> list[Run]:
        """The runs of a cell in the order of the table, which names none whose ranks an earlier one has."""
        return [self._run(key) for key in row["runs"].split(";") if key]

    def pool(self, row: Row, *apart: str) -> list[Noise]:
        """The noise of the other random systems of a cell, without `apart` and without added losses."""
        put_in = {r["better"] for r in self.claims if r["claimed_by"] == "nobody"}
        found = []
        for (dataset, system, name), cell in self.cells.items():
            if (dataset, name) == (row["dataset"], row["metric"]) and system not in (*apart, *put_in):
                runs = self.trainings(cell)
                if runs and (noise := noise_of(np.stack([metric(run, name) for run in runs]))):
                    found.append(noise)
        return found

    def _run(self, key: str) -> Run:
        if key not in self._ranks:
            folder = self.runs / key
            columns = np.load(folder / "ranks-test.npz")
            order = np.argsort(columns["user"])
            seed = json.loads((folder / "record.json").read_text("utf-8"))["seed"]
            views = {"": "printed", **({"sampled": "sampled"} if "above_sampled" in columns else {})}
            ranks = {name: 1 + columns[f"above_{v}"] + (columns[f"tied_{v}"] - 1) / 2 for name, v in views.items()}
            self._ranks[key] = Run(seed, {name: rank[order] for name, rank in ranks.items()})
        return self._ranks[key]

    def limit(self, value: float) -> float:
        """How far off still counts as equal."""
        return float(self.margin["relative"] * abs(value) + self.margin["absolute"])


def read(path: Path) -> list[Row]:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def metric(run: Run, name: str) -> Floats:
    """A metric of each user, ties by the mean rank."""
    view, _, plain = name.rpartition("-")
    kind, _, cut = plain.partition("@")
    rank = run.ranks[view]
    inside = rank <= int(cut) if cut else np.ones(len(rank), dtype=bool)
    value = {"HIT": np.ones(len(rank)), "NDCG": 1 / np.log2(rank + 1)}.get(kind, 1 / rank)
    return np.where(inside, value, 0.0)


def rest_of(d: Floats) -> float:
    """Mean square of what neither seed nor user explains."""
    left = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0, keepdims=True) + d.mean()
    return float(np.square(left).sum() / ((d.shape[0] - 1) * (d.shape[1] - 1)))


def noise_of(values: Floats) -> Noise | None:
    """The noise between trainings, shape (n_seeds, n_users)."""
    if len(values) < 2:
        return None
    variance = max(float(np.var(values.mean(axis=1), ddof=1)), rest_of(values) / values.shape[1])
    return Noise(variance, len(values) - 1, len(values)) if math.sqrt(variance) > ROUNDING else None


def welch(variances: Sequence[float], noises: Sequence[Noise]) -> float:
    """Degrees of freedom of a sum of variances."""
    return sum(variances) ** 2 / sum(v**2 / n.df for v, n in zip(variances, noises, strict=True))


def reach_of(noises: Sequence[Noise]) -> float:
    """Half the prediction interval of one more training of each."""
    if not noises:
        return 0.0
    parts = [n.variance * (1 + 1 / n.n) for n in noises]
    return float(stats.t.ppf(0.975, welch(parts, noises)) * math.sqrt(sum(parts)))


def noisier_half(pool: Sequence[Noise]) -> Noise:
    """The mean variance of the noisier half, rounded up."""
    half = sorted(pool)[len(pool) // 2 :]
    return Noise(float(np.mean([x.variance for x in half])), sum(x.df for x in half), sum(x.n for x in half))


def scales(df: float) -> tuple[float, float, float]:
    """Factors of the variance: 1, and the ends of its 80 % interval."""
    return 1.0, df / float(stats.chi2.ppf(0.9, df)), df / float(stats.chi2.ppf(0.1, df))


def beyond(distance: float, noise: Noise, systems: int, least: int) -> list[int]:
    """Seeds until a distance lies outside the prediction interval: likely, low, high."""
    n = np.arange(max(least, 3), CAP)
    reach = stats.t.ppf(0.975, systems * (n - 1)) * np.sqrt(noise.variance * (1 + 1 / n))
    return [int(next(iter(n[reach * math.sqrt(scale) < distance]), CAP)) for scale in scales(noise.df)]


def needed(distance: float, variance: float, df: float, fixed: float, alpha: float) -> tuple[int, int, int]:
    """Seeds that would settle it: likely, low, high."""
    n = np.arange(3, CAP)
    found = []
    for scale in scales(df):
        spread = np.sqrt(fixed + variance * scale / n)
        enough = n[(stats.t.ppf(1 - alpha, n - 1) + stats.t.ppf(POWER, n - 1)) * spread <= distance]
        found.append(int(enough[0]) if len(enough) else CAP)
    return found[0], found[1], found[2]


def seeds_text(seeds: tuple[int, int, int] | None) -> dict[str, object]:
    """The three columns."""
    texts = [f">{CAP - 1}" if n >= CAP else n for n in seeds] if seeds else [""] * 3
    return dict(zip(("seeds_to_settle", "seeds_to_settle_low", "seeds_to_settle_high"), texts, strict=True))


def value_row(sources: Sources, row: Row) -> dict[str, object]:
    """A cell of table.csv."""
    runs = sources.trainings(row)
    values = np.stack([metric(run, row["metric"]) for run in runs])
    seedless, n, n_users = runs[0].seed is None, len(runs), values.shape[1]
    means, mean = values.mean(axis=1), float(values.mean())
    by_user = stats.sem(values.mean(axis=0))
    over_seeds = n > 1 and means.std(ddof=1) > ROUNDING
    error, df = (stats.sem(means), n - 1) if over_seeds else (by_user, n_users - 1)
    half = float(stats.t.ppf(0.975, df) * error)
    found: dict[str, object] = {"mean": mean, "low": mean - half, "high": mean + half, "n_seeds": n}
    if not row["published"]:
        return {**found, "verdict": "unpublished"}
    noise = None if seedless else noise_of(values)
    pool = [*sources.pool(row, row["system"]), *([noise] if noise else [])]
    return {**found, **held(sources, row, mean, by_user, n_users, noise, pool, seedless)}


def held(
    sources: Sources,
    row: Row,
    mean: float,
    by_user: float,
    n_users: int,
    noise: Noise | None,
    pool: Sequence[Noise],
    seedless: bool,
) -> dict[str, object]:
    """A value against the printed one."""
    printed, margin = float(row["published"]), sources.limit(float(row["published"]))
    half_unit, off = 0.5 * 10.0 ** -len(row["published"].partition(".")[2]), abs(mean - printed)
    error, df, reach = by_user, n_users - 1.0, float(stats.t.ppf(0.975, n_users - 1) * by_user * math.sqrt(2))
    users, far = noise is None or noise.n < 3, reach
    if noise is not None and noise.n >= 3:
        error, df, reach = math.sqrt(noise.variance / noise.n), noise.df, reach_of([noise])
        far = beyond_noise(noise, pool)
    if seedless:
        error, reach, users, far = 0.0, 0.0, False, 0.0
        p = float(off > margin + ROUNDING)
    else:
        p = float(stats.t.sf((margin + ROUNDING - off) / error, df)) if error > 0 else 1.0
    known = seedless or error > 0
    equal, outside, predicted = known and p < 0.05, known and p > 0.95, off <= reach + half_unit + ROUNDING
    differs = outside and off > far + half_unit + ROUNDING
    word = "differs" if differs else "inconclusive"
    word = "consistent" if predicted and known and reach <= 4 * margin else word
    word = "reproduced" if equal else word
    seeds = None
    if noise is not None and not equal and not differs:
        seeds = needed(abs(margin - off), noise.variance, noise.df, 0.0, 0.05)
        if off > margin:
            least, half = math.ceil(7 / len(pool)), noisier_half(pool)
            both = beyond(off - half_unit, half, (len(pool) + 1) // 2, least), beyond(off - half_unit, noise, 1, least)
            likely, low, high = map(max, seeds, *both)
            seeds = likely, low, high
    ninety = float(stats.t.ppf(0.95, df)) * error
    return {
        "difference": mean - printed, "margin": margin, "tost_p": p, "tost_low": mean - ninety,
        "tost_high": mean + ninety, "tost_over": "nothing" if seedless else "users" if users else "seeds",
        "prediction_low": mean - reach, "prediction_high": mean + reach,
        "differs_beyond": far if math.isfinite(far) else "", **seeds_text(seeds),
        "verdict": f"{word} by users only" if users and word != "inconclusive" else word,
    }  # fmt: skip


def beyond_noise(noise: Noise, pool: Sequence[Noise]) -> float:
    """How far off one more training may be, by either estimate of the noise; infinite with too few trainings."""
    q = 0.975 if len(pool) > 1 else 0.995
    reaches = (stats.t.ppf(q, x.df) * math.sqrt(x.variance * (1 + 1 / noise.n)) for x in (noise, noisier_half(pool)))
    return float(max(reaches)) if sum(x.n for x in pool) >= 7 else math.inf


def degree(sources: Sources, dataset: str, name: str) -> dict[str, object]:
    """All values of a metric against the printed ones; of systems with one printed value the one further off."""
    found: dict[str, tuple[float, float]] = {}
    for (of, system, metric_name), row in sources.cells.items():
        if (of, metric_name) == (dataset, name) and row["published"] and row["runs"]:
            ours = float(np.mean([metric(run, name).mean() for run in sources.trainings(row)]))
            both = (ours, float(row["published"]))
            place = json.dumps(sources.recipe["systems"].get(system, {}).get("published"), sort_keys=True)
            found[place] = max(found.get(place, both), both, key=lambda pair: abs(pair[0] - pair[1]))
    ours_all, printed = zip(*found.values(), strict=True)
    tau = float(stats.kendalltau(ours_all, printed).statistic) if len(found) > 1 else math.nan
    rmse = math.sqrt(np.mean(np.square(np.subtract(ours_all, printed))))
    return {"values": len(found), "rmse": rmse, "kendall_tau": tau if math.isfinite(tau) else ""}
