"""Claims of a table from the ranks of its runs, for recompute.py: nothing of the harness is imported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from recompute_formulas import (
    POWER,
    ROUNDING,
    Floats,
    Noise,
    Row,
    Run,
    Sources,
    metric,
    needed,
    noise_of,
    noisier_half,
    reach_of,
    rest_of,
    seeds_text,
    welch,
)
from scipy import optimize, stats  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

METHODS = {"holm": "holm", "bonferroni": "bonferroni", "benjamini-hochberg": "fdr_bh"}


def pair(sources: Sources, row: Row) -> tuple[list[Run], list[Run]] | None:
    """The trainings of both systems with the seeds that both have; None where there are none."""
    sides = [sources.trainings(sources.cells[row["dataset"], row[side], row["metric"]]) for side in ("better", "worse")]
    if not all(sides):
        return None
    for one, other in ((0, 1), (1, 0)):
        if sides[one][0].seed is None:
            runs = sides[other]
            found = (runs, sides[one] * len(runs))
            return found if other == 0 else (found[1], found[0])
    seeds = [run.seed for run in sides[0] if any(run.seed == other.seed for other in sides[1])]
    both = [[next(run for run in side if run.seed == seed) for seed in seeds] for side in sides]
    return (both[0], both[1]) if seeds else None


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

    def beyond(nc: float) -> float:
        below = float(stats.nct.cdf(t, df, nc))
        return (below if math.isfinite(below) else float(nc < t)) - probability  # SciPy gives NaN far out

    return float(optimize.brentq(beyond, t - 12 - abs(t), t + 12 + abs(t)))


def claim_row(sources: Sources, row: Row) -> dict[str, object]:
    """A row of table-claims.csv, before correction."""
    found = pair(sources, row)
    if found is None:
        return {}
    better, worse = (np.stack([metric(run, row["metric"]) for run in side]) for side in found)
    d = better - worse
    by_user, n_users = d.mean(axis=0), d.shape[1]
    random = [side for side in found if side[0].seed is not None]
    own = [x for side in random if (x := noise_of(np.stack([metric(r, row["metric"]) for r in side])))]
    signs = {int(np.sign(x)) if abs(x) > ROUNDING else 0 for x in d.mean(axis=1)}
    wins, losses = int((by_user > ROUNDING).sum()), int((by_user < -ROUNDING).sum())
    hits = len(d) == 1 and bool(np.isin(better, (0, 1)).all() and np.isin(worse, (0, 1)).all())
    return {
        "n_users": n_users, "n_seeds": len(d), "wins": wins, "losses": losses, "ties": n_users - wins - losses,
        "relative": d.mean() / worse.mean() if worse.mean() else "", "p_mcnemar": mid_p(wins, losses) if hits else "",
        "prediction": reach_of(own), "own": own, "direction": signs.pop() if len(signs) == 1 else 0,
        "trainings": trainings(sources, row, own, len(random)), "by_user": by_user,
        **over_users(by_user), **over_both(sources, row, d, own, sources.limit(float(worse.mean()))),
    }  # fmt: skip


def trainings(sources: Sources, row: Row, own: Sequence[Noise], n_random: int) -> int:
    """Number of trainings of a claim; released weights are one, and 0 means deterministic."""
    systems = [sources.recipe["systems"].get(row[side], {}) for side in ("better", "worse")]
    if any(system.get("checkpoint") and not system.get("seeded", True) for system in systems):
        return 1
    return (min(x.n for x in own) if len(own) == n_random else 1) if n_random else 0


def over_users(by_user: Floats) -> dict[str, object]:
    """The paired t-test and d_z; without a spread t has no value, and p is that of equal signs by chance."""
    n, gain = len(by_user), float(by_user.mean())
    if np.ptp(by_user) <= ROUNDING:
        none = 0.0 if abs(gain) <= ROUNDING else ""
        p = 1.0 if abs(gain) <= ROUNDING else 2.0 ** (1 - n)
        return {"t": none, "d_z": none, "d_z_low": none, "d_z_high": none, "p": p}
    t, p = stats.ttest_1samp(by_user, 0)
    low, high = (noncentral(float(t), n - 1, q) / math.sqrt(n) for q in (0.975, 0.025))
    return {"t": float(t), "d_z": float(t) / math.sqrt(n), "d_z_low": low, "d_z_high": high, "p": float(p)}


def over_both(sources: Sources, row: Row, d: Floats, own: Sequence[Noise], margin: float) -> dict[str, object]:
    """The test over users and seeds, uncorrected."""
    by_user, n_users, gain = d.mean(axis=0), d.shape[1], float(d.mean())
    users = float(by_user.var(ddof=1) / n_users) if np.ptp(by_user) > ROUNDING else 0.0
    ways, floor = spreads(sources, row, d, own, users) if own else ([(users, n_users - 1.0)], 0.0)
    flips = exact_sign_flip(by_user)
    width, (variance, df) = max((math.sqrt(v) * stats.t.ppf(0.975, f), (v, f)) for v, f in ways)
    apart = max(two_sided(gain, v, f) for v, f in ways)
    equal = max(float(stats.t.sf((margin - abs(gain)) / math.sqrt(v), f)) if v > 0 else 1.0 for v, f in ways)
    reach = noncentral(float(stats.t.ppf(0.975, df)), df, 1 - POWER) if variance > 0 else 0.0
    return {
        "gain": gain, "low": gain - width, "high": gain + width, "margin": margin, "users": users, "flips": flips,
        "p_users_seeds": max(floor, apart, flips if flips is not None else 0.0),
        "p_equal": max(floor, 2.0 ** (1 - n_users), equal), "detectable": reach * math.sqrt(variance),
    }  # fmt: skip


def two_sided(gain: float, variance: float, df: float) -> float:
    """p of a gain."""
    if abs(gain) <= ROUNDING:
        return 1.0
    return float(2 * stats.t.sf(abs(gain) / math.sqrt(variance), df)) if variance > 0 else 0.0


def spreads(
    sources: Sources, row: Row, d: Floats, own: Sequence[Noise], users: float
) -> tuple[list[tuple[float, float]], float]:
    """Variance and degrees of freedom with either noise, and the smallest p allowed."""
    n, n_users = d.shape
    pool = [*own, *sources.pool(row, row["better"], row["worse"])]
    half = noisier_half(pool)
    rest, parts = rest_of(d) / (n * n_users), [x.variance / x.n for x in own]
    between = [(sum(parts), welch(parts, own)), (half.variance * sum(1 / x.n for x in own), half.df)]
    ways = [with_seeds(users, n_users - 1.0, max(0.0, s - rest), s, df) for s, df in between]
    fewest = min(x.n for x in own)
    exact = 2 / math.comb(2 * fewest, fewest) if len(own) > 1 else 2.0 ** (1 - fewest)
    return ways, exact if len(pool) < 3 else 0.0


def with_seeds(users: float, df_users: float, seeds: float, between: float, df: float) -> tuple[float, float]:
    """Variance of the mean and its degrees of freedom after Satterthwaite."""
    total = users + seeds
    return (total, total**2 / (users**2 / df_users + between**2 / df)) if seeds > 0 else (total, df_users)


def mid_p(wins: int, losses: int) -> float:
    """McNemar's mid-p, two-sided."""
    n, fewer = wins + losses, min(wins, losses)
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
        word = {"supported": "better", "contradicted": "worse"}.get(word, word).replace(
            "direction only", "inconclusive"
        )
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
    found["effect_ratio"] = found["gain"] / paper if paper else ""
    known = found["relative"] != "" and found["paper_relative"] != ""
    found["delta_relative_improvement"] = found["paper_relative"] - found["relative"] if known else ""
