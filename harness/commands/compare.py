"""`harness compare`: tests two systems of a recipe, or two single runs, on existing records, as a table does.

No run is executed. The result is a table of the two with comparisons and no claim, so that rendering, correction
and warnings equal those of every other table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.commands import table_spec
from harness.commands.reproduce import load_results
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.errors import ArgumentError, HarnessError, StoreError, did_you_mean, near_misses
from harness.core.results import Claim, Ranks, RunResult
from harness.recipes import recipe
from harness.runs import store
from harness.runs.stored import Record, judge
from harness.runs.validation import disagreements, marks
from harness.tables.build import ClaimVerdict, DatasetSpec, Note, SystemSpec, Table, TableSpec
from harness.tables.ties import judged_table

KEY = re.compile(r"[0-9a-f]{4,20}")
USUAL = ("HIT@10", "NDCG@10")
BY_USERS_ONLY: dict[ClaimVerdict, ClaimVerdict] = {
    "better": "better by users only", "worse": "worse by users only", "no difference": "no difference by users only",
}  # fmt: skip


def runs(config: Config, a: str, b: str, metrics: Sequence[str], wilcoxon: bool = False) -> Table:
    """Two runs by key, on the users common to both.

    Raises:
        StoreError: no such record, or one without ranks. MetricsError: other users.
        ArgumentError: one run, or runs of two datasets or of two protocols.
    """
    found = [usable(store.find_record(config, key)) for key in (a, b)]
    records = [record for record, _ in found]
    if records[0].content["key"] == records[1].content["key"]:
        raise ArgumentError("compare", f"{a} and {b} are one run", "give two different runs")
    upstreams = [str(record.content["upstream"]) for record in records]
    names = [run_label(record) for record in records]
    if upstreams[0] != upstreams[1]:
        names = [f"{name}, {upstream}" for name, upstream in zip(names, upstreams, strict=True)]
    if names[0] == names[1]:
        names = [f"{name}, run {record.content['key'][:8]}" for name, record in zip(names, records, strict=True)]
    dataset = records[0].content["dataset"]
    results = [as_result(record, ranks, dataset) for record, ranks in found]
    if len({record.content["dataset"] for record in records}) > 1:
        shown = " and ".join(str(record.content["dataset"]) for record in records)
        raise ArgumentError("compare", f"the runs are of different datasets: {shown}", "give two runs of one dataset")
    n_trained = sum(record.typed.seed is not None for record in records)
    spec = TableSpec(
        artifact="compare",
        title=f"{names[0]} against {names[1]}",
        metrics=tuple(metrics or USUAL),
        datasets=(DatasetSpec(dataset, dataset),),
        systems=tuple(SystemSpec(r.system, name) for r, name in zip(results, names, strict=True)),
        claims=tuple(Claim(results[0].system, results[1].system, metric, own=True) for metric in metrics or USUAL),
        compared=True,
        wilcoxon=wilcoxon,
        signature={"upstream": " and ".join(dict.fromkeys(upstreams)), **protocol(results)},
        footnotes=other_protocols(results, n_trained == len(records)),
    )
    table = judged_table(spec, results)
    return of_one_training(table) if n_trained else table


def systems(request: TableRequest, a: str, b: str, metrics: Sequence[str], wilcoxon: bool = False) -> Table:
    """Two systems of a recipe on every dataset and seed that both have finished, or on those asked for.

    Args:
        request: of the artifact, or named "" for the one that has both.
    Raises:
        ArgumentError: no artifact has both, or several have. StoreError: no records to compare yet.
    """
    request = replace(request, name=request.name or the_artifact(request.config, a, b)).with_known_spelling()
    if request.settings.seeds is None:
        request = replace(
            request, settings=replace(request.settings, seeds=seeds_of(request, a, b) or request.recipe.seeds)
        )
    known = request.recipe.systems
    for name in (a, b):
        if name not in known:
            raise ArgumentError(
                "compare", f"{request.recipe.artifact} has no system {name!r}", near_misses(name, known)
            )
    results = [r for r in load_results(request) if r.system in (a, b)]
    there = [r for r in results if r.status == "finished"]
    shared = {r.dataset for r in there if r.system == a} & {r.dataset for r in there if r.system == b}
    if not shared:
        fix = f"`harness plan {request.recipe.artifact}` shows what is missing"
        raise StoreError("compare", f"no dataset on which both {a} and {b} have a finished run", fix)
    whole = table_spec.table_spec(request)
    spec = replace(
        whole,
        title=f"{known[a].label} against {known[b].label}",
        compared=True,
        wilcoxon=wilcoxon,
        metrics=tuple(metrics or whole.metrics),
        datasets=tuple(d for d in whole.datasets if d.key in shared),
        systems=tuple(replace(whole.system(name), is_floor=False) for name in (a, b)),
        claims=tuple(Claim(a, b, metric, own=True) for metric in metrics or whole.metrics),
    )
    return judged_table(spec, results, [p for p in request.published if p.system in (a, b)])


def the_artifact(config: Config, a: str, b: str) -> str:
    """The one artifact whose recipe has both systems.

    Raises:
        ArgumentError: none, or several.
    """
    found = [name for name in recipe.artifacts(config.root) if {a, b} <= set(systems_of(config, name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArgumentError("compare", f"{a} and {b} are in several artifacts: {', '.join(found)}", "add --artifact")
    known = {system for name in recipe.artifacts(config.root) for system in systems_of(config, name)}
    lines = [f"{name} is unknown {did_you_mean(name, known)}".strip() for name in (a, b) if name not in known]
    fix = "; ".join([*lines, "`harness plan ARTIFACT` shows the systems of an artifact"]) if lines else ""
    raise ArgumentError(
        "compare", f"no artifact has both {a} and {b}", fix or "give two systems of one recipe, or two runs"
    )


def systems_of(config: Config, artifact: str) -> list[str]:
    """Systems of a recipe; none if it has mistakes, which the commands that use it report."""
    try:
        return list(recipe.load_recipe(config.root, artifact, {}).systems)
    except HarnessError:
        return []


def seeds_of(request: TableRequest, *names: str) -> tuple[int, ...]:
    """Seeds of finished records of these systems, in order."""
    own = [r.content for r in request.store.records if r.finished and r.content["upstream"] == request.recipe.upstream]
    seeds = {c["seed"] for c in own if c["system"] in names and c["seed"] is not None}
    by_name = [{c["seed"] for c in own if c["system"] == name} for name in names]
    return tuple(sorted(s for s in seeds if all(s in found or None in found for found in by_name)))


def usable(record: Record) -> tuple[Record, Ranks]:
    """The record with its ranks, if it has ranks to compare.

    Raises:
        StoreError: it failed, or is not valid.
    """
    stored = judge(record)
    if stored.ranks is None:
        why = stored.reason or "it made weights for other runs and has no ranks"
        raise StoreError(str(record.content["key"]), f"this run failed: {why}", "compare finished runs")
    return record, stored.ranks


def run_label(record: Record) -> str:
    """A run's system, with its seed."""
    seed = record.content["seed"]
    return str(record.content["system"]) + ("" if seed is None else f", seed {seed}")


def as_result(record: Record, ranks: Ranks, dataset: str) -> RunResult:
    """A record as a run without seed, so that it represents only itself."""
    key, typed = record.typed.key, record.typed
    lines = disagreements(ranks, typed.printed or {}, typed.disagreements)
    return RunResult(key, dataset, key, None, "finished", ranks=ranks, disagreements=lines, marks=marks(typed))


def of_one_training(table: Table) -> Table:
    """The table of single runs with verdicts by users only, since there is one seed."""
    claims = tuple(replace(row, verdict=BY_USERS_ONLY.get(row.verdict, row.verdict)) for row in table.claims)
    notes = (*table.notes, *(Note("one seed", dataset.key) for dataset in table.spec.datasets))
    return replace(table, claims=claims, notes=notes)


def other_protocols(results: Sequence[RunResult], trained: bool) -> tuple[str, ...]:
    """A line that names differences between two runs' protocols, or none.

    Args:
        trained: both are; for a baseline without training only the ranking must be the same.
    Raises:
        ArgumentError: they are of another split, or one of them is of sampled candidates.
    """
    first, second = (dict(r.ranks.protocol) if r.ranks else {} for r in results)
    names = [n for n in sorted({*first, *second}) if first.get(n) != second.get(n) and (trained or n == "ranking")]
    other = "; ".join(f"{name} {first.get(name, 'unknown')} against {second.get(name, 'unknown')}" for name in names)
    if {"split", "ranking"} & {*names}:
        raise ArgumentError("compare", f"the runs' protocols differ: {other}", "give two runs of one protocol")
    return (f"The runs differ in protocol, so a difference may come from it: {other}.",) if names else ()


def protocol(results: Sequence[RunResult]) -> dict[str, str]:
    """The protocol of the ranks, as far as both runs agree."""
    first, second = (dict(r.ranks.protocol) if r.ranks else {} for r in results)
    return {name: value for name, value in first.items() if second.get(name) == value}
