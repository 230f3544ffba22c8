"""Every number of a table again, from the ranks of its runs: prints "no difference", or the differences, with exit 1.

    python benchmarks/recompute.py results/tables/li2023/table2/full

It imports nothing of the harness: NumPy, SciPy and statsmodels only, with the formulas of docs/statistics.md. Read are table.csv and
table-claims.csv in the folder, the ranks and records that they name, and the margin, correction and claims of the recipe.
What is drawn at random (p_randomisation where it is not exact, the bootstrap interval) is checked within the error of drawing.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import yaml
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

Floats = npt.NDArray[np.float64]
Row = dict[str, str]
ROUNDING, CAP, POWER = 1e-12, 1001, 0.8
METHODS = {"holm": "holm", "bonferroni": "bonferroni", "benjamini-hochberg": "fdr_bh"}
NUMBERS = (
    "gain", "relative", "paper_relative", "t", "p", "d_z", "low", "high", "n_users", "n_seeds", "wins", "ties", "losses",
    "p_mcnemar", "d_z_low", "d_z_high", "detectable", "p_users_seeds", "margin", "paper_gain", "prediction_low",
    "prediction_high", "size", "trainings", "p_adjusted", "p_equal_adjusted", "overruled_by_seeds", "seeds_to_settle",
    "seeds_to_settle_low", "seeds_to_settle_high", "verdict",
)  # fmt: skip


class Noise(NamedTuple):
    """Variance of one training's mean, degrees of freedom, trainings."""

    variance: float
    df: float
    n: int


class Run(NamedTuple):
    """The ranks of one run, by user id."""

    seed: int | None
    above: npt.NDArray[np.int64]
    tied: npt.NDArray[np.int64]


class Sources:
    """The table, its recipe and the runs behind it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.values = read(folder / "table.csv")
        self.claims = read(folder / "table-claims.csv")
        artifact = self.values[0]["artifact"]
        self.recipe: dict[str, Any] = yaml.safe_load((root / "recipes" / f"{artifact}.yaml").read_text("utf-8"))
        self.runs = root / "results" / "runs"
        self.margin = {"relative": 0.0, "absolute": 0.0, **self.recipe.get("margin", {"relative": 0.05})}
        self.cells = {(r["dataset"], r["system"], r["metric"]): r for r in self.values if r["metric"] != "minutes"}
        self._ranks: dict[str, Run] = {}

    def trainings(self, row: Row) -> list[Run]:
        """The runs of a cell in the order of the table; of those with equal ranks the first."""
        return distinct([self._run(key) for key in row["runs"].split(";") if key])

    def all_runs(self, row: Row) -> list[Run]:
        """The runs of a cell, repeated ones included."""
        return [self._run(key) for key in row["runs"].split(";") if key]

    def _run(self, key: str) -> Run:
        if key not in self._ranks:
            folder = self.runs / key
            columns = np.load(folder / "ranks-test.npz")
            order = np.argsort(columns["user"])
            seed = json.loads((folder / "record.json").read_text("utf-8"))["seed"]
            self._ranks[key] = Run(seed, columns["above_printed"][order], columns["tied_printed"][order])
        return self._ranks[key]

    def limit(self, value: float) -> float:
        """How far off still counts as equal."""
        return float(self.margin["relative"] * abs(value) + self.margin["absolute"])


def read(path: Path) -> list[Row]:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def distinct(runs: Sequence[Run]) -> list[Run]:
    """Runs without those whose ranks an earlier one has."""
    kept: list[Run] = []
    for run in runs:
        if not any(np.array_equal(run.above, k.above) and np.array_equal(run.tied, k.tied) for k in kept):
            kept.append(run)
    return kept


def metric(run: Run, name: str) -> Floats:
    """A metric of each user, ties by the mean rank."""
    kind, _, cut = name.partition("@")
    rank = 1 + run.above + (run.tied - 1) / 2
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


def needed(distance: float, variance: float, df: float, fixed: float, alpha: float) -> tuple[int, int, int]:
    """Seeds that would settle it: likely, low, high."""
    n = np.arange(3, CAP)
    found = []
    for scale in (1.0, df / stats.chi2.ppf(0.9, df), df / stats.chi2.ppf(0.1, df)):
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
    return {**found, **held(sources, row, mean, by_user, n_users, None if seedless else noise_of(values), seedless)}


def held(
    sources: Sources, row: Row, mean: float, by_user: float, n_users: int, noise: Noise | None, seedless: bool
) -> dict[str, object]:
    """A value against the printed one."""
    printed, margin = float(row["published"]), sources.limit(float(row["published"]))
    half_unit, off = 0.5 * 10.0 ** -len(row["published"].partition(".")[2]), abs(mean - printed)
    error, df, reach = by_user, n_users - 1.0, float(stats.t.ppf(0.975, n_users - 1) * by_user * math.sqrt(2))
    users = noise is None or noise.n < 3
    if noise is not None and noise.n >= 3:
        error, df, reach = math.sqrt(noise.variance / noise.n), noise.df, reach_of([noise])
    if seedless:
        error, reach, users = 0.0, 0.0, False
        p = float(off > margin + ROUNDING)
    else:
        p = float(stats.t.sf((margin + ROUNDING - off) / error, df)) if error > 0 else 1.0
    known = seedless or error > 0
    equal, outside, predicted = known and p < 0.05, known and p > 0.95, off <= reach + half_unit + ROUNDING
    word = "differs" if outside and not predicted else "inconclusive"
    word = "consistent" if predicted and known and reach <= 4 * margin else word
    word = "reproduced" if equal else word
    settled, seeds = equal or (outside and not predicted), None
    if noise is not None and not settled:
        seeds = needed(abs(margin - off), noise.variance, noise.df, 0.0, 0.05)
        seeds = (CAP, CAP, CAP) if off > margin and off - half_unit <= 1.96 * math.sqrt(noise.variance) else seeds
    ninety = float(stats.t.ppf(0.95, df)) * error
    return {
        "difference": mean - printed, "margin": margin, "tost_p": p, "tost_low": mean - ninety,
        "tost_high": mean + ninety, "tost_over": "nothing" if seedless else "users" if users else "seeds",
        "prediction_low": mean - reach, "prediction_high": mean + reach, **seeds_text(seeds),
        "verdict": f"{word} by users only" if users and word != "inconclusive" else word,
    }  # fmt: skip


def pair(sources: Sources, row: Row) -> tuple[list[Run], list[Run]] | None:
    """The trainings of both systems with the seeds that both have; None where there are none."""
    sides = [sources.all_runs(sources.cells[row["dataset"], row[side], row["metric"]]) for side in ("better", "worse")]
    if not all(sides):
        return None
    for one, other in ((0, 1), (1, 0)):
        if sides[one][0].seed is None:
            runs = distinct(sides[other])
            found = (runs, sides[one] * len(runs))
            return found if other == 0 else (found[1], found[0])
    seeds = [run.seed for run in sides[0] if any(run.seed == other.seed for other in sides[1])]
    both = [[next(run for run in side if run.seed == seed) for seed in seeds] for side in sides]
    kept = {run.seed for side in both for run in distinct(side)}
    return ([r for r in both[0] if r.seed in kept], [r for r in both[1] if r.seed in kept]) if seeds else None


def exact_sign_flip(d: Floats) -> float | None:
    """The sign-flip test where all differences have one size, or no more than 20 users have any; else None."""
    sizes = np.abs(d[np.abs(d) > ROUNDING])
    if not len(sizes):
        return 1.0
    if np.ptp(sizes) <= ROUNDING:
        return float(stats.binomtest(int((d > ROUNDING).sum()), len(sizes)).pvalue)
    if len(sizes) > 20:
        return None
    totals = np.zeros(1)
    for size in sizes:
        totals = np.concatenate([totals + size, totals - size])
    return float(np.mean(np.abs(totals) >= abs(d.sum()) - 1e-9))


def noncentral(t: float, df: float, probability: float) -> float:
    """Of the noncentral t distribution that is below t with this probability."""
    return float(optimize.brentq(lambda nc: stats.nct.cdf(t, df, nc) - probability, t - 12 - abs(t), t + 12 + abs(t)))


def claim_row(sources: Sources, row: Row) -> dict[str, object]:
    """A row of table-claims.csv, before correction."""
    found = pair(sources, row)
    if found is None:
        return {}
    better, worse = (np.stack([metric(run, row["metric"]) for run in side]) for side in found)
    d = better - worse
    n, n_users = d.shape
    by_user, gain = d.mean(axis=0), float(d.mean())
    t, p = stats.ttest_rel(better.mean(axis=0), worse.mean(axis=0))
    users = float(by_user.var(ddof=1) / n_users)
    random = [side for side in found if side[0].seed is not None]
    own = [x for side in random if (x := noise_of(np.stack([metric(r, row["metric"]) for r in distinct(side)])))]
    margin = sources.limit(float(worse.mean()))
    ways, floor = [(users, n_users - 1.0)], 0.0
    if own:
        pool = sorted([*own, *others(sources, row)])
        half = pool[len(pool) // 2 :]
        mean_half = float(np.mean([x.variance for x in half]))
        rest, parts = rest_of(d) / (n * n_users), [x.variance / x.n for x in own]
        between = [(sum(parts), welch(parts, own)), (mean_half * sum(1 / x.n for x in own), sum(x.df for x in half))]
        ways = [with_seeds(users, n_users - 1.0, max(0.0, s - rest), s, df) for s, df in between]
        fewest = min(x.n for x in own)
        exact = 2 / math.comb(2 * fewest, fewest) if len(own) > 1 else 2.0 ** (1 - fewest)
        floor = exact if len(pool) < 3 else 0.0
    p_both = max([floor, *(2 * stats.t.sf(abs(gain) / math.sqrt(v), df) for v, df in ways)])
    flips = exact_sign_flip(by_user)
    width, (variance, df) = max((math.sqrt(v) * stats.t.ppf(0.975, f), (v, f)) for v, f in ways)
    equal = max([floor, 2.0 ** (1 - n_users), *(stats.t.sf((margin - abs(gain)) / math.sqrt(v), f) for v, f in ways)])
    signs = {int(np.sign(x)) if abs(x) > ROUNDING else 0 for x in d.mean(axis=1)}
    wins, losses = int((by_user > ROUNDING).sum()), int((by_user < -ROUNDING).sum())
    dz_low, dz_high = (noncentral(float(t), n_users - 1, q) / math.sqrt(n_users) for q in (0.975, 0.025))
    power = noncentral(float(stats.t.ppf(0.975, df)), df, 1 - POWER) * math.sqrt(variance)
    rewards = np.isin(better, (0, 1)).all() and np.isin(worse, (0, 1)).all() and n == 1
    return {
        "gain": gain, "relative": gain / worse.mean() if worse.mean() else "", "t": t, "p": p, "low": gain - width,
        "high": gain + width, "d_z": t / math.sqrt(n_users), "n_users": n_users, "n_seeds": n, "wins": wins,
        "losses": losses, "ties": n_users - wins - losses, "d_z_low": dz_low, "d_z_high": dz_high, "detectable": power,
        "p_users_seeds": max(p_both, flips if flips is not None else 0.0), "p_equal": equal, "margin": margin,
        "prediction": reach_of(own), "own": own, "users": users, "direction": signs.pop() if len(signs) == 1 else 0,
        "trainings": (min(x.n for x in own) if len(own) == len(random) else 1) if random else 0,
        "p_mcnemar": mid_p(wins, losses) if rewards else "", "by_user": by_user, "flips": flips,
    }  # fmt: skip


def with_seeds(users: float, df_users: float, seeds: float, between: float, df: float) -> tuple[float, float]:
    """Variance of the mean and its degrees of freedom after Satterthwaite."""
    total = users + seeds
    return (total, total**2 / (users**2 / df_users + between**2 / df)) if seeds > 0 else (total, df_users)


def others(sources: Sources, row: Row) -> Iterator[Noise]:
    """The noise of the table's other random systems that no command line put in."""
    put_in = {r["better"] for r in sources.claims if r["claimed_by"] == "nobody"}
    for (dataset, system, name), cell in sources.cells.items():
        if (dataset, name) != (row["dataset"], row["metric"]) or system in (row["better"], row["worse"], *put_in):
            continue
        runs = sources.trainings(cell)
        if runs and (found := noise_of(np.stack([metric(run, name) for run in runs]))):
            yield found


def mid_p(wins: int, losses: int) -> float:
    """McNemar's mid-p, two-sided."""
    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return float(1 - stats.binom.pmf(fewer, n, 0.5)) if n else 1.0
    return float(2 * stats.binom.cdf(fewer, n, 0.5) - stats.binom.pmf(fewer, n, 0.5))


def corrected(sources: Sources, rows: Sequence[Row], found: Sequence[dict[str, Any]]) -> None:
    """Correct p over the families, and what follows from it: verdict, size, seeds needed."""
    correction = {"method": "holm", "family": "artifact", **(sources.recipe.get("correction") or {})}
    families: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        own = row["claimed_by"] == "nobody"
        name = "own" if own else row["dataset"] if correction["family"] == "dataset" else "all"
        families.setdefault(name, []).append(place)
    for name, places in families.items():
        tested = [place for place in places if found[place]]
        size = max(len(tested), declared(sources.recipe, name) if name != "own" else 0)
        for kind, to in (("p", "p_users"), ("p_users_seeds", "p_adjusted"), ("p_equal", "p_equal_adjusted")):
            ps = [found[place][kind] for place in tested] + [1.0] * (size - len(tested))
            if correction["method"] != "none" and ps:
                ps = list(multipletests(ps, method=METHODS[correction["method"]])[1])
            for place, p in zip(tested, ps, strict=False):
                found[place][to] = p
        alpha = 0.05 if correction["method"] == "none" else 0.05 / max(size, 1)
        for place in tested:
            settle(rows[place], found[place], alpha, sources)


def declared(recipe: dict[str, Any], dataset: str) -> int:
    """Tests of a recipe's family: of one dataset, or "all"."""
    total = 0
    for claim in recipe.get("claims", ()):
        about = claim.get("datasets") or recipe["datasets"]
        times = len(about) if dataset == "all" else int(dataset in about)
        total += len(claim.get("metrics") or recipe["metrics"]) * times
    return total


def settle(row: Row, found: dict[str, Any], alpha: float, sources: Sources) -> None:
    """Fill in the verdict, the size and the seeds needed."""
    gain, few = found["gain"], 0 < found["trainings"] < 3
    sure = found["p_adjusted"] < 0.05 and abs(gain) > ROUNDING
    word = {1: "direction only", -1: "opposite direction", 0: "inconclusive"}[found["direction"]]
    word = "no difference" if found["p_equal_adjusted"] < 0.05 else word
    word = ("supported" if gain > 0 else "contradicted") if sure else word
    if row["claimed_by"] == "nobody":
        word = {"supported": "better", "contradicted": "worse"}.get(word, word).replace("direction only", "inconclusive")
        word = word.replace("opposite direction", "inconclusive")
    strong = word in ("supported", "contradicted", "no difference", "better", "worse")
    found["verdict"] = f"{word} by users only" if few and strong else word
    users_sure = found["p_users"] < 0.05 and abs(gain) > ROUNDING
    found["overruled_by_seeds"] = "yes" if users_sure and found["own"] and not sure else "no"
    seeds = None
    if found["own"] and not sure and word != "no difference":
        variances = [x.variance for x in found["own"]]
        ways = [(abs(gain), alpha / 2)]
        ways += [(found["margin"] - abs(gain), alpha)] if abs(gain) < found["margin"] else []
        df = welch(variances, found["own"])
        seeds = min(needed(distance, sum(variances), df, found["users"], level) for distance, level in ways)
    found.update(seeds_text(seeds))
    found["prediction_low"], found["prediction_high"] = gain - found["prediction"], gain + found["prediction"]
    printed = [sources.cells[row["dataset"], row[side], row["metric"]]["published"] for side in ("better", "worse")]
    if all(printed):
        size_up(found, printed, few)


def size_up(found: dict[str, Any], printed: Sequence[str], few: bool) -> None:
    """The printed gain, and how ours compares with it."""
    paper = float(printed[0]) - float(printed[1])
    half_units = sum(0.5 * 10.0 ** -len(text.partition(".")[2]) for text in printed)
    near = abs(found["gain"] - paper) <= max(found["prediction"], found["margin"]) + half_units + ROUNDING
    word = "smaller than printed" if (found["gain"] - paper) * paper < 0 else "larger than printed"
    word = ("unclear" if found["prediction"] >= abs(found["gain"]) else "as printed") if near else word
    found["paper_gain"], found["size"] = paper, "unclear" if few else word
    found["paper_relative"] = paper / float(printed[1]) if float(printed[1]) else ""


def differences(where: str, row: Row, found: dict[str, Any], columns: Sequence[str]) -> Iterator[str]:
    """Where the table and the recomputation disagree beyond the digits of the table."""
    for column in columns:
        told, ours = row[column], found.get(column, "")
        if not same(told, ours):
            yield f"{where}: {column}: table {told or 'nothing'}, recomputed {ours}"


def same(told: str, ours: object) -> bool:
    """Equal text, or numbers that are equal to the digits of the table."""
    try:
        table, number = float(told), float(ours)  # type: ignore[arg-type]
    except ValueError:
        return told == str(ours)
    return math.isclose(table, number, rel_tol=2e-5, abs_tol=2e-8)


def drawn(where: str, row: Row, found: dict[str, Any]) -> Iterator[str]:
    """What the table draws at random, against draws of our own: within five standard errors of drawing."""
    d, n = found["by_user"], 4000
    rng = np.random.default_rng(1)
    if found["flips"] is None:
        totals = np.array([abs((d * rng.choice((-1.0, 1.0), len(d))).sum()) for _ in range(n)])
        p, told = float((totals >= abs(d.sum()) - 1e-9).mean()), float(row["p_randomisation"])
        if abs(p - told) > 5 * math.sqrt(max(told, 1 / n) * (1 - min(told, 1 - 1 / n)) / n) + 1e-3:
            yield f"{where}: p_randomisation: table {told}, recomputed {p}"
    elif not same(row["p_randomisation"], found["flips"]):
        yield f"{where}: p_randomisation: table {row['p_randomisation']}, recomputed {found['flips']}"
    means = np.array([d[rng.integers(0, len(d), len(d))].mean() for _ in range(n)])
    for column, q in (("bootstrap_low", 0.025), ("bootstrap_high", 0.975)):
        if abs(float(np.quantile(means, q)) - float(row[column])) > 0.25 * float(means.std()) + 1e-8:
            yield f"{where}: {column}: table {row[column]}, recomputed {np.quantile(means, q):.8f}"


def check(root: Path, folder: Path) -> Iterator[str]:
    """Every difference between the table in `folder` and the runs under `root`."""
    sources = Sources(root, folder)
    for (dataset, system, name), row in sources.cells.items():
        if row["runs"]:
            found = value_row(sources, row)
            columns = [c for c in found if c != "verdict" or row["verdict"] != "not judged"]
            yield from differences(f"{dataset}, {name}, {system}", row, found, columns)
    claims: list[dict[str, Any]] = [claim_row(sources, row) for row in sources.claims]
    corrected(sources, sources.claims, claims)
    for row, found in zip(sources.claims, claims, strict=True):
        where = f"{row['dataset']}, {row['metric']}, {row['better']} > {row['worse']}"
        if not found:
            yield from (f"{where}: gain: table {row['gain']}, recomputed none" for _ in range(bool(row["gain"])))
            continue
        judged = [c for c in NUMBERS if c != "verdict" or row["verdict"] != "not judged"]
        yield from differences(where, row, found, judged)
        yield from drawn(where, row, found)


def main() -> int:
    """Recompute the tables of some folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path, help="with table.csv and table-claims.csv")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="has recipes/ and results/runs/")
    asked = parser.parse_args()
    found = [line for folder in asked.folders for line in check(asked.root, folder)]
    sys.stdout.write("\n".join(found or ["no difference"]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
