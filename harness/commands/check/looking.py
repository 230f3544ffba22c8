"""The history of single runs, and acceptance of intended changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from harness.checks.detectors import streams_of
from harness.checks.history import DIGEST, History, Line, of_key
from harness.core.config import Config
from harness.core.errors import ArgumentError
from harness.environments.machine import own_version
from harness.runs.store import find_record
from harness.runs.stored import Record


def accept(
    config: Config, history: History, keys: Sequence[str], because: str, machine: str, night: date
) -> list[Line]:
    """Accept the last rerun of each run as its reference; return the new lines of the history.

    Args:
        keys: of runs, or their first characters.
        machine: a machine class, "" for every class that the run was seen on.
    Raises:
        ArgumentError: no reason, or no rerun of such a run.
    """
    if not because.strip():
        raise ArgumentError("--because", "is empty", "give the reason why the change is intended")
    commit = str(own_version(config)["commit"] or "")
    accepted: list[Line] = []
    for key in keys:
        seen = [
            n for n in of_key(history.lines, key) if (not machine or n["class"] == machine) and DIGEST[n["depth"]] in n
        ]
        if not seen:
            raise ArgumentError("KEY", f"no rerun of {key!r} is in the history", "`harness check history` lists them")
        last = {(str(n["key"]), str(n["class"]), str(n["depth"])): n for n in seen}
        accepted += [
            {
                "format": 1, "night": night.isoformat(), "key": n["key"], "class": n["class"], "depth": n["depth"],
                "digest": n[DIGEST[n["depth"]]], "because": because, "commit": commit, "streams": list(streams_of(n)),
            }
            for n in last.values()
        ]  # fmt: skip
    history.accept(accepted)
    return accepted


def chosen_lines(history: History, name: str) -> list[Line]:
    """The reruns of a run by the first characters of its key, or of a system; all without a name.

    Raises:
        ArgumentError: there is none.
    """
    found = [n for n in history.lines if not name or str(n["key"]).startswith(name) or n["system"] == name]
    if not found:
        raise ArgumentError("NAME", f"the history has no run or system {name!r}", "give a run key or a system")
    return found


def summary_line(line: Line) -> str:
    """A rerun in one line."""
    seed = "" if line["seed"] is None else f" seed {line['seed']}"
    moved = f", {line['moved']} users moved by {line['places']:g} at most" if line.get("moved") else ""
    what = "; ".join([*line.get("changes", ()), *([line["confirmed"]] if line.get("confirmed") else [])])
    run = f"{line['key'][:8]} {line['dataset']} {line['system']}{seed}"
    return (
        f"{line['night']} {line['outcome']:<9} {line['class']} {line['depth']:<6} {run}{moved}{': ' * bool(what)}{what}"
    )


def why(config: Config, history: History, key: str) -> Iterator[str]:
    """The last comparison of one run, with its reference.

    Raises:
        ArgumentError: nothing in the history. StoreError: no such record.
    """
    line = chosen_lines(history, key)[-1]
    yield summary_line(line)
    record = find_record(config, str(line["key"]))
    yield f"record: {record.folder}, made {record.typed.ended} on {record.content['resolved'].get('cpu', 'unknown')}"
    yield f"class {line['class']} now; {machine_of(record)} then; harness {line['harness'] or 'not in Git'}"
    printed = record.typed.printed or {}
    for name, value in sorted(line.get("metrics", {}).items()):
        if name in printed:
            yield f"{name}: {printed[name]} in the record, {value} in the rerun"
    anchor = history.anchor(str(line["key"]), str(line["class"]), str(line["depth"]))
    yield f"anchor on this class: {anchor or 'none'}; rerun: {line.get(DIGEST[line['depth']], 'none')}"
    seed = "" if line["seed"] is None else f",seed={line['seed']}"
    where = f"system={line['system']},dataset={line['dataset']}{seed}"
    yield f"again: harness check --only reruns --where {where} --depth {line['depth']}"


def machine_of(record: Record) -> str:
    """The machine class of a record; a legacy name by CPU if the record has none."""
    resolved = record.content["resolved"]
    return str(resolved.get("class") or f"legacy:{resolved.get('cpu', 'unknown')}")
