"""A table's runs, per-user metrics, values and claims as pandas DataFrames, from existing records.

The only module that imports pandas, whose import takes longer than rendering a table.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from harness.commands.joined import requests_of
from harness.commands.reproduce import judged, load_results
from harness.commands.table_request import TableRequest
from harness.core.errors import StoreError
from harness.core.results import RunResult
from harness.report.formats import csv
from harness.runs.plan import Run
from harness.runs.probe_output import is_number
from harness.stats import metrics
from harness.stats.metrics import TieRule
from harness.tables.build import Table

USER_COLUMNS = ("upstream", "dataset", "system", "seed", "user", "metric", "value")


@dataclass(frozen=True)
class Loaded:
    """The requested runs of one recipe, as stored.

    Attributes:
        results: in the order of `request.runs`.
    """

    request: TableRequest
    results: tuple[RunResult, ...]

    @cached_property
    def table(self) -> Table:
        """The judged table of these runs."""
        return judged(self.request, self.results)


@dataclass(frozen=True)
class Numbers:
    """The numbers of a table; each DataFrame is created on first use.

    Attributes:
        parts: one per recipe; several for an artifact that joins the tables of other recipes.
        metrics: of `users`; by default those of each recipe.
        ties: the rank of an item with tied scores.
    """

    parts: tuple[Loaded, ...]
    metrics: tuple[str, ...] = ()
    ties: TieRule = "mean"

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row for each run: identity, status, training, options, and printed metrics.

        Options are columns named `option.epochs`, printed metrics `printed.HIT@10`.
        """
        return pd.DataFrame(
            [
                run_row(part.request.artifact, run, result)
                for part in self.parts
                for run, result in zip(part.request.runs, part.results, strict=True)
            ]
        )

    @cached_property
    def users(self) -> pd.DataFrame:
        """One row for each finished run, user and metric; `seed` is missing (NA) for deterministic systems.

        Columns: upstream, dataset, system, seed, user, metric, value; names are categories.
        """
        blocks = [
            block
            for part in self.parts
            for result in part.results
            for block in user_blocks(part.request, result, self.metrics, self.ties)
        ]
        if not blocks:
            return pd.DataFrame(columns=list(USER_COLUMNS))
        frame = pd.concat(blocks, ignore_index=True)
        names = ["upstream", "dataset", "system", "metric"]
        return frame.astype({**dict.fromkeys(names, "category"), "seed": "Int64"})

    @cached_property
    def values(self) -> pd.DataFrame:
        """The rows of table.csv: mean, interval, the paper's value and the verdict, by dataset, metric and system."""
        return self._read(csv.values(part.table) for part in self.parts)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The rows of table-claims.csv: gain, tests, intervals and the verdict of each claim on each dataset."""
        return self._read(csv.claims(part.table) for part in self.parts)

    @staticmethod
    def _read(texts: Iterable[str]) -> pd.DataFrame:
        return pd.concat([pd.read_csv(io.StringIO(text)) for text in texts], ignore_index=True)


def load_numbers(request: TableRequest, names: Sequence[str] = (), ties: TieRule = "mean") -> Numbers:
    """The numbers of a table from existing records; executes no run.

    Args:
        names: metrics of the per-user values, such as HIT@10; those of the recipe by default.
    Raises:
        ArgumentError: an unknown metric. RecipeError: a mistake in the recipe.
        StoreError: there is no record of this table yet.
    """
    for name in names:
        metrics.parse(name)
    parts = tuple(Loaded(part, tuple(load_results(part))) for part in requests_of(request))
    if all(result.status == "missing" for part in parts for result in part.results):
        fix = f"`harness reproduce {request.name}` creates them; `harness plan {request.name}` lists the runs"
        raise StoreError(request.artifact, "no record of this table yet", fix)
    return Numbers(parts, tuple(names), ties)


def run_row(artifact: str, run: Run, result: RunResult) -> dict[str, Any]:
    """One run as a row; an option that its command lacks is missing."""
    return {
        "key": result.key,
        "artifact": artifact,
        "upstream": run.upstream,
        "dataset": run.dataset,
        "system": run.system,
        "model": run.model,
        "loss": run.loss,
        "seed": pd.NA if result.seed is None else result.seed,
        "status": result.status,
        "reason": result.reason,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "seconds": result.seconds,
        "peak_memory_mb": result.peak_memory_mb,
        "profile": run.profile,
        **{f"option.{name}": value for name, value in run.options.items()},
        **{f"printed.{name}": float(text) for name, text in result.printed.items() if is_number(text)},
    }


def user_blocks(
    request: TableRequest, result: RunResult, names: Sequence[str], ties: TieRule
) -> Iterable[pd.DataFrame]:
    """The users' values of one run, a block for each metric; none for a run without ranks."""
    if result.ranks is None:
        return
    for name in names or request.recipe.metrics:
        values = metrics.per_user(result.ranks, name, ties)
        head = (request.recipe.upstream, result.dataset, result.system, pd.NA if result.seed is None else result.seed)
        row = dict(zip(USER_COLUMNS, (*head, result.ranks.users, name, values), strict=True))
        yield pd.DataFrame(row, copy=False)
