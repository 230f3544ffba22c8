"""Rebuild a published table of sequential recommendation from pinned code; `load` gives its numbers to pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.commands.frames import Numbers

__all__ = ["load"]


def load(
    artifact: str,
    *,
    where: str | Mapping[str, str | Iterable[str]] = "",
    seeds: str | Iterable[int] = "",
    metrics: Iterable[str] = (),
    profile: str = "",
    options: Mapping[str, object] | None = None,
    ties: Literal["mean", "optimistic", "pessimistic"] = "mean",
    results: Path | str = "",
    project: Path | str = "",
) -> Numbers:
    """The runs, per-user metrics, values and claims of a table as pandas DataFrames; executes no run.

    Args:
        artifact: `li2023/table2`, or an alias such as `table2`.
        where: `"dataset=lastfm,model=sasrec|s3rec"`, or `{"dataset": "lastfm", "model": ["sasrec", "s3rec"]}`.
        seeds: `"42-46"` or numbers; by default the recipe's.
        metrics: of the per-user values, such as `["HIT@10", "MRR"]`; those of the recipe by default.
        profile, options: as `--profile` and `--set`; runs with other options are never mixed in.
        ties: the rank of a held-out item with tied scores.
        results: folder with the records [default: the project's].
        project: folder with harness.toml [default: found upwards from here].
    Returns:
        an object with the DataFrames `runs`, `users`, `values` and `claims`; docs/numbers.md describes their columns.
    Raises:
        harness.core.errors.HarnessError: an unknown name, a mistake in a recipe, or no record of this table yet.
    """
    from harness.commands.frames import load_numbers
    from harness.commands.python_request import python_request

    request = python_request(artifact, where, seeds, profile, options or {}, results, project)
    return load_numbers(request, tuple(metrics), ties)
