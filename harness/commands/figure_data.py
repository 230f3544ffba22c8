"""The data of figures from records: users' differences from ranks, curves from events.

Nothing is judged here. A curve that is missing or truncated is shown as far as it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from harness.core.files import canonical_json, sha256_bytes
from harness.core.results import Claim, Published, RunResult
from harness.executors.run_folder import RunFolder
from harness.report.figures.data import Curve, FigureData
from harness.report.formats import csv
from harness.runs.probe_output import read_events
from harness.runs.store import Store
from harness.stats.estimates import Floats
from harness.tables.build import Table, TableSpec
from harness.tables.claims import user_differences
from harness.tables.comparable_runs import select_comparable

UNVALIDATED = "training loss"  # what a run that stops on its own loss reports in place of a metric


def figure_data(
    table: Table, results: Sequence[RunResult], store: Store, published: Sequence[Published] = ()
) -> FigureData:
    """The data of a judged table's figures.

    Args:
        results: those that the table was built from.
        store: holds their records.
    """
    counted = {line.key for block in table.seeds for line in block.lines if line.values}
    runs = [run for run in results if run.status != "missing"]
    found = (curve(run, read_events(RunFolder(store.folder(run.key)).events), run.key in counted) for run in runs)
    curves = tuple(own for own in found if own is not None)
    return FigureData(table, differences(table.spec, results), curves, tuple(published))


def digest(data: FigureData) -> str:
    """SHA-256 of the data of figures; unlike pixels and paths, it does not depend on library versions."""
    curves = [
        [c.dataset, c.system, c.seed, c.metric, c.chosen, c.counted, *map(numbers, (c.epochs, c.values, c.losses))]
        for c in data.curves
    ]
    drawn = {
        "table": sha256_bytes(csv.values(data.table).encode()),
        "claims": sha256_bytes(csv.claims(data.table).encode()),
        "differences": sorted(
            [dataset, claim.better, claim.worse, claim.metric, numbers(values)]
            for (dataset, claim), values in data.differences.items()
        ),
        "curves": curves,
        "published": [vars(number) for number in data.published],
    }
    return sha256_bytes(canonical_json(drawn).encode())


def numbers(values: Floats) -> str:
    """SHA-256 of numbers to 12 digits, since the last digits of a float depend on the processor."""
    return sha256_bytes(",".join(f"{value:.12g}" for value in values).encode())


def differences(spec: TableSpec, results: Sequence[RunResult]) -> dict[tuple[str, Claim], Floats]:
    """Users' differences by dataset and claim; nothing for runs that cannot be compared."""
    return {
        (dataset.key, claim): own
        for dataset in spec.datasets
        for taken in [select_comparable(spec, dataset, results)]
        for claim in spec.claims
        if claim.metric in spec.metrics and (own := user_differences(taken, claim)) is not None
    }


def curve(run: RunResult, events: Sequence[Mapping[str, Any]], counted: bool = True) -> Curve | None:
    """A run's curve from the events of its epochs, or None."""
    epochs = list(_epochs(events))
    if not epochs:
        return None
    metric = next((str(e["metric"]) for e in epochs if e.get("metric") not in ("", None, UNVALIDATED)), "")
    numbers, values, losses = (
        np.array([_number(e.get(name)) for e in epochs], dtype=np.float64) for name in ("epoch", "value", "loss")
    )
    if not metric:
        values = np.full_like(values, np.nan)
    return Curve(
        run.dataset, run.system, run.seed, metric, numbers, values, losses, chosen=run.best_epoch, counted=counted
    )


def _epochs(events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (e for e in events if e.get("event") == "epoch" and np.isfinite(_number(e.get("epoch"))))


def _number(value: Any) -> float:
    """A number of an event; NaN if it is not one. Events hold non-finite numbers by name."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
