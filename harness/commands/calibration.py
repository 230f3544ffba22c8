"""Predicted probabilities that runs reported: from events to two figures and two CSV files beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.commands import request_file
from harness.commands.table_request import TableRequest
from harness.commands.table_spec import table_spec
from harness.core.errors import StoreError
from harness.core.results import Published
from harness.recipes import selection
from harness.report.figures import calibration as shown
from harness.report.sentences import signature
from harness.runs.probe_output import read_events
from harness.runs.stored import Record

SIGMOID = ("bce", "gbce")
SUM, FIRST = "sum_of_probabilities", "mean_predicted_probability@1"  # names in recipes/papers


def write(request: TableRequest, dataset: str) -> list[Path]:
    """Write both figures and their numbers for one dataset; return the files. Raises: as `drawn`."""
    drawing = request_file.Drawing(kind="calibration", dataset=dataset)
    return request_file.keep(request, drawn(request, dataset), drawings=(drawing,))


def drawn(request: TableRequest, dataset: str) -> dict[str, bytes]:
    """Both figures and their numbers for one dataset, by file name.

    Raises:
        ArgumentError: unknown dataset. StoreError: no run reported predicted probabilities.
    """
    selection.check_where(request.recipe, {"dataset": (dataset,)})
    printed_values = {(p.system, p.metric): p for p in request.published if p.dataset == dataset and not p.beside}
    ranks, means, absent = [], [], []
    judged = request.store.look_up_all(request.runs).runs
    for run in (r for r in request.runs if r.dataset == dataset and not request.recipe.systems[r.system].floor):
        label, stored = request.recipe.systems[run.system].label, judged[run.key]
        record = stored.record
        if record is None or stored.status != "finished":
            absent.append(label)
            continue
        events = {str(e.get("event")): e for e in read_events(record.folder / "events.jsonl")}
        ranks += by_rank(label, events.get("probabilities"), printed_values.get((run.system, SUM)))
        means += calibrated(label, events.get("calibration"), record, printed_values.get((run.system, FIRST)))
    if not means:
        fix = f"`harness reproduce {request.name}` executes missing runs; not every recipe reports probabilities"
        raise StoreError(request.recipe.artifact, f"no run on {dataset} reported predicted probabilities", fix)
    return laid_out(request, dataset, ranks, means, absent)


def by_rank(label: str, event: Mapping[str, Any] | None, printed_values: Published | None) -> list[shown.ByRank]:
    """One user's probabilities, or None if no run reported them."""
    if not event:
        return []
    printed = f"{printed_values.value:.{printed_values.decimals}f}" if printed_values else ""
    return [shown.ByRank(label, str(event["user"]), tuple(event["by_rank"]), float(event["sum"]), printed)]


def calibrated(
    label: str, event: Mapping[str, Any] | None, record: Record, printed_values: Published | None
) -> list[shown.Calibrated]:
    """Means over users at every cut-off, if a run reported them, with what theory says of its loss."""
    if not event:
        return []
    options = (record.content.get("proof") or {}).get("options") or {}
    theory = None
    if record.content["loss"] in SIGMOID and "k" in options:
        theory = shown.theorem(int(options["k"]), float(options.get("t", 0.0)), int(event["items"]))
    printed = printed_values.value if printed_values else None
    return [shown.Calibrated(label, tuple(event["precision"]), tuple(event["probability"]), theory, printed)]


def laid_out(
    request: TableRequest,
    dataset: str,
    ranks: Sequence[shown.ByRank],
    means: Sequence[shown.Calibrated],
    absent: Sequence[str],
) -> dict[str, bytes]:
    """The reported values as figures and CSV."""
    said = signature(table_spec(request))
    words = [
        request.data[dataset].label,
        *([f"profile {request.settings.profile}"] if request.settings.profile else []),
    ]
    words += [f"{name} {value}" for name, value in sorted(request.settings.options.items())]
    words += [f"not run: {', '.join(absent)}"] if absent else []
    place = "; ".join(words)
    files: dict[str, bytes] = {}
    if ranks:
        figure = shown.by_rank_figure(ranks, f"Predicted probability by rank ({place})", said)
        files |= {f"probabilities-{dataset}{ending}": content for ending, content in figure.items()}
        files[f"probabilities-{dataset}.csv"] = shown.by_rank_table(ranks, said).encode()
    figure = shown.calibration_figure(means, f"Predicted probability and precision ({place})", said)
    files |= {f"calibration-{dataset}{ending}": content for ending, content in figure.items()}
    files[f"calibration-{dataset}.csv"] = shown.calibration_table(means, said).encode()
    return files
