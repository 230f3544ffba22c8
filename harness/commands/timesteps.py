"""Metrics that runs reported at every time step: from events to a figure and a CSV file beside the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.commands import request_file
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.errors import ArgumentError, StoreError
from harness.recipes import selection
from harness.report.figures import timesteps
from harness.report.figures.timesteps import Curve, Step
from harness.report.sentences import signature
from harness.runs.probe_output import read_events

EVENT = "position"


def steps(events: Iterable[Mapping[str, Any]], k: int) -> tuple[Step, ...]:
    """The time steps that a run reported, in order.

    Raises:
        ArgumentError: k exceeds the counted ranks.
    """
    found = []
    for event in events:
        if event.get("event") == EVENT:
            places = event["places"]
            if not 1 <= k <= len(places):
                raise ArgumentError("--at", f"{k} is not among the counted ranks", f"1 to {len(places)}")
            found.append(Step(event["position"], event["users"], sum(places[:k])))
    return tuple(sorted(found, key=lambda s: s.step))


def write(request: TableRequest, dataset: str, k: int) -> list[Path]:
    """Write the figure and its numbers for one dataset; return the files. Raises: as `drawn`."""
    drawing = request_file.Drawing(kind="timesteps", dataset=dataset, at=k)
    return request_file.keep(request, drawn(request, dataset, k), drawings=(drawing,))


def drawn(request: TableRequest, dataset: str, k: int) -> dict[str, bytes]:
    """The figure and its numbers for one dataset, by file name.

    Raises:
        ArgumentError: unknown dataset, or k beyond the counted ranks. StoreError: no run reported time steps.
    """
    selection.check_where(request.recipe, {"dataset": (dataset,)})
    curves, absent = [], []
    judged = request.store.look_up_all(request.runs).runs
    for run in (r for r in request.runs if r.dataset == dataset and not request.recipe.systems[r.system].floor):
        label, stored = request.recipe.systems[run.system].label, judged[run.key]
        usable = stored.record if stored.status == "finished" else None
        events = read_events(usable.folder / "events.jsonl") if usable else []
        if found := steps(events, k):
            curves.append(Curve(label, found))
        else:
            absent.append(label)
    if not curves:
        fix = f"`harness reproduce {request.name}` executes missing runs; not every recipe counts time steps"
        raise StoreError(request.recipe.artifact, f"no run on {dataset} reported time steps", fix)
    said = signature(table_spec(request))
    title = f"{request.recipe.title} ({request.data[dataset].label})" + (
        f"; not run: {', '.join(absent)}" if absent else ""
    )
    return {
        f"steps-{dataset}.svg": timesteps.svg(curves, k, title, said).encode(),
        f"steps-{dataset}.csv": timesteps.table(curves, k, said).encode(),
    }
