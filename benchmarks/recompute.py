"""Every number of a table again, from the ranks of its runs: prints "no difference", or the differences, with exit 1.

    python benchmarks/recompute.py results/tables/li2023/table2/full

It imports nothing of the harness: NumPy, SciPy and statsmodels only, with the formulas of docs/statistics.md. It reads
table.csv, table-claims.csv and table-replication.csv in the folder, the ranks and records that they name, and the
recipe's margin, correction, claims and what it names of the paper. What is drawn at random (p_randomisation where it is
not exact, the bootstrap interval) is checked within the error of drawing. A table that is not judged has no tests
against printed values, and none are recomputed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from recompute_claims import claim_row, corrected
from recompute_formulas import Row, Sources, degree, read, value_row

UNJUDGED = ("mean", "low", "high", "n_seeds", "difference")
NUMBERS = (
    "gain", "relative", "paper_relative", "t", "p", "d_z", "low", "high", "n_users", "n_seeds", "wins", "ties",
    "losses", "p_mcnemar", "d_z_low", "d_z_high", "detectable", "p_users_seeds", "margin", "paper_gain",
    "prediction_low", "prediction_high", "size", "effect_ratio", "delta_relative_improvement", "trainings",
    "p_adjusted", "p_equal_adjusted", "overruled_by_seeds",
    "seeds_to_settle", "seeds_to_settle_low", "seeds_to_settle_high", "verdict",
)  # fmt: skip


def differences(where: str, row: Row, found: dict[str, Any], columns: Sequence[str]) -> Iterator[str]:
    """Where the table and the recomputation disagree beyond the digits of the table."""
    for column in columns:
        message, ours = row[column], found.get(column, "")
        if not same(message, ours):
            yield f"{where}: {column}: table {message or 'nothing'}, recomputed {ours}"


def same(message: str, ours: object) -> bool:
    """Equal text, or numbers that are equal to the digits of the table."""
    try:
        table, number = float(message), float(ours)  # type: ignore[arg-type]
    except ValueError:
        return message == str(ours)
    return math.isclose(table, number, rel_tol=2e-5, abs_tol=2e-8)


def drawn(where: str, row: Row, found: dict[str, Any]) -> Iterator[str]:
    """What the table draws at random, against draws of our own: within five standard errors of drawing."""
    d, n = found["by_user"], 4000
    rng = np.random.default_rng(1)
    if found["flips"] is None:
        totals = np.array([abs((d * rng.choice((-1.0, 1.0), len(d))).sum()) for _ in range(n)])
        p, message = float((totals >= abs(d.sum()) - 1e-9).mean()), float(row["p_randomisation"])
        if abs(p - message) > 5 * math.sqrt(max(message, 1 / n) * (1 - min(message, 1 - 1 / n)) / n) + 1e-3:
            yield f"{where}: p_randomisation: table {message}, recomputed {p}"
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
            columns = [c for c in found if row["verdict"] != "not judged" or c in UNJUDGED]
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
    path = folder / "table-replication.csv"
    for row in read(path) if path.exists() else ():
        as_a_whole = degree(sources, row["dataset"], row["metric"])
        yield from differences(f"{row['dataset']}, {row['metric']}", row, as_a_whole, list(as_a_whole))


def main() -> int:
    """Recompute the tables of some folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path, help="with table.csv, table-claims.csv, table-replication.csv")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="has recipes/ and results/runs/")
    asked = parser.parse_args()
    found = [line for folder in asked.folders for line in check(asked.root, folder)]
    sys.stdout.write("\n".join(found or ["no difference"]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
