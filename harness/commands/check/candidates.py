"""Candidates for reruns: the runs of stored tables with an accepted record, as this machine would execute them.

A run whose key differs from its record's is a candidate too: it is compared with the record that it replaces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.checks.order import Candidate
from harness.checks.outcome import Item, left_out
from harness.commands import request_file
from harness.commands.request_file import RequestFile
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.errors import ConfigError, HarnessError, SetupError, StoreError
from harness.core.files import canonical_json, sha256_bytes
from harness.environments.machine_class import machine_class
from harness.recipes.recipe import only_counts
from harness.runs.key_changes import key_changes
from harness.runs.plan import Run
from harness.runs.probe_output import read_events
from harness.runs.stored import Record, judge

PLACES = ("environment changed", "environment added", "environment removed")  # beginnings of changes that are not code


@dataclass(frozen=True)
class Rerun:
    """A candidate with everything needed to run it.

    Attributes:
        request: whose run it is.
        run: as this machine would run it.
        accepted: the record that it is compared with.
        changes: changed inputs since that record.
    """

    candidate: Candidate
    request: TableRequest
    run: Run
    accepted: Record
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """All reruns by the key of their accepted record, and the tables that this machine cannot run."""

    reruns: Mapping[str, Rerun]
    left_out: tuple[Item, ...]


def find(
    config: Config, artifacts: Sequence[str], where: Mapping[str, Sequence[str]], executor: str, epochs: int
) -> Candidates:
    """The runs of all stored tables, or of those of some artifacts.

    Args:
        where: which datasets, systems, models, losses and seeds.
        executor: "" for the one that a table was made with.
        epochs: of a prefix.
    Raises:
        RecipeError, ConfigError: a mistake in the sources of a table.
    """
    found: dict[str, Rerun] = {}
    lacking = []
    for folder in request_file.folders(config, artifacts):
        name = "/".join(folder.parts[-3:])
        try:
            asked = request_file.read(folder / request_file.FILE)
            if not only_counts(config.root, asked.artifact):
                for rerun in of_table(config, asked, where, executor, epochs):
                    found.setdefault(rerun.candidate.key, rerun)
        except (StoreError, SetupError, ConfigError) as error:
            lacking.append(left_out(f"runs of {name}", error.brief, error.fix))
    return Candidates(found, tuple(lacking))


def of_table(
    config: Config, asked: RequestFile, where: Mapping[str, Sequence[str]], executor: str, epochs: int
) -> Iterator[Rerun]:
    """The reruns of one table.

    Raises:
        SetupError: this machine has another environment than the records name.
    """
    stored = asked.request(config)
    changes = {"versions": {}, "executor": executor or asked.executor}
    changes |= {"environment": ""} if changes["executor"] != "local" else {}
    request = asked.model_copy(update=changes).request(config)
    for old, run in zip(stored.runs, request.runs, strict=True):
        if not is_wanted(run, where) or (accepted := accepted_record(stored, old)) is None:
            continue
        changed = key_changes(accepted.content["inputs"], run.inputs, request.workspace.pinned.equivalence.former_names)
        other_place = request.executor != stored.executor
        of_code = [change for change in changed if not change.startswith("environment ")]
        if changed and not of_code and not other_place:
            fix = "use the interpreter that the records name, or --executor docker"
            raise SetupError(asked.artifact, f"this machine's {'; '.join(changed)}", fix)
        shown_changes = tuple(of_code if other_place else changed)
        yield Rerun(candidate(request, run, accepted, shown_changes, epochs), request, run, accepted, shown_changes)


def is_wanted(run: Run, where: Mapping[str, Sequence[str]]) -> bool:
    """Whether a run was requested."""
    facts = {"dataset": run.dataset, "system": run.system, "model": run.model, "loss": run.loss, "seed": str(run.seed)}
    return all(facts.get(name) in values for name, values in where.items()) and run.depends_on is None


def accepted_record(request: TableRequest, run: Run) -> Record | None:
    """The valid record of a run, or the one that a run with changed code replaces, or None."""
    stored = request.store.look_up(run)
    if stored.ranks is not None:
        return stored.record
    if stored.status != "missing":
        return None
    near = []
    for record in request.store.relatives(run):
        changes = key_changes(record.content["inputs"], run.inputs)
        if record.content["seed"] == run.seed and all(change.startswith(("patch ", "overlay ")) for change in changes):
            near.append((len(changes), record.typed.ended, record))
    best = max(near, key=lambda row: (-row[0], row[1]), default=None)
    return best[2] if best and judge(best[2]).ranks is not None else None


def candidate(request: TableRequest, run: Run, accepted: Record, changes: Sequence[str], epochs: int) -> Candidate:
    """The facts that decide when a run is repeated."""
    record = accepted.typed
    return Candidate(
        key=record.key, upstream=run.upstream, dataset=run.dataset, system=run.system, seed=run.seed,
        machine=machine_class(request.class_facts(run)), full_s=max(record.seconds, 1.0),
        prefix_s=prefix_seconds(request, run, accepted, epochs), rekeyed=bool(changes), cell=cell_of(accepted),
    )  # fmt: skip


def cell_of(accepted: Record) -> str:
    """Identity of a cell's runs: 8 digits of a hash of their inputs without the seed."""
    inputs, seed = accepted.content["inputs"], str(accepted.content["seed"])
    command = [word.replace(seed, "") if "seed" in word or word == seed else word for word in inputs["command"]]
    return sha256_bytes(canonical_json({**inputs, "command": command}).encode())[:8]


def prefix_seconds(request: TableRequest, run: Run, accepted: Record, epochs: int) -> float | None:
    """Recorded seconds of a run's first epochs and of what follows its training; None if it has no prefix."""
    record = accepted.typed
    trained = record.end.epochs if record.end else None
    if not request.recipe.prefix or run.epoch_cap is None or not trained or min(trained, run.epoch_cap) <= epochs:
        return None
    ends = [float(e["t"]) for e in read_events(accepted.folder / "events.jsonl") if e.get("event") == "epoch"]
    if len(ends) <= epochs or not all(math.isfinite(end) for end in ends):
        return None
    return max(record.seconds - (ends[-1] - ends[epochs - 1]), 1.0)


def shortened(request: TableRequest, epochs: int) -> TableRequest:
    """The request whose runs train only the first epochs."""
    options = {**request.settings.options, request.recipe.epoch_cap: str(epochs)}
    return replace(request, settings=replace(request.settings, options=options))


def in_store(request: TableRequest, results: Path, jobs: int) -> TableRequest:
    """The request with another records folder, so that accepted records are never overwritten."""
    config = request.config.model_copy(update={"results": results})
    return replace(request, config=config, execution_options=replace(request.execution_options, jobs=jobs))


def reason(error: HarnessError) -> str:
    """An error in one line."""
    return f"{error.where}: {error.brief}"
