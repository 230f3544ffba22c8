"""Part `records`: each record is readable, its key matches its inputs, and its ranks give its metrics."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from harness.checks.outcome import Item, broken, held
from harness.core.errors import StoreError
from harness.executors.run_folder import RunFolder
from harness.runs.probe_output import DAMAGED
from harness.runs.store import Store
from harness.runs.stored import Record, judge
from harness.stats.metrics import agrees_with_printed

FIX = "restore it from the repository, or repeat the run with --retry-failed"


def check(store: Store) -> Iterator[Item]:
    """Every folder below results/runs."""
    owners: dict[str, str] = {}
    for folder in sorted(path for path in (store.results / "runs").glob("*") if path.is_dir()):
        key = folder.name
        try:
            record = store.read(key)
        except StoreError as error:
            yield broken(key, error.what, error.fix)
            continue
        if record is None:
            yield broken(key, "has no record.json", FIX)
            continue
        what = damage(record)
        for former in record.former_keys:
            if (owner := owners.setdefault(former, key)) != key:
                what = what or f"claims the former key {former}, as {owner} does"
        yield broken(key, what, FIX) if what else held(key)


def damage(record: Record) -> str:
    """The fault of a record, "" if none. A recorded failure of a run is not a fault."""
    content = record.typed
    stored = judge(record)
    if stored.status == "failed" and (content.status == "finished" or stored.reason != record.reason):
        return stored.reason
    if stored.ranks is None:
        return ""
    if what := torn(RunFolder(record.folder).ranks("test")):
        return what
    if not content.printed:
        return ""
    found = agrees_with_printed(stored.ranks, dict(content.printed))
    if found and not content.disagreements:
        return f"printed metrics disagree with the ranks: {found[0]}"
    if content.disagreements and not found:
        return f"has a disagreement that its ranks do not show: {content.disagreements[0]}"
    return ""


def torn(ranks: Path) -> str:
    """The column of a file of ranks with a wrong checksum, in any view; "" if none."""
    try:
        with zipfile.ZipFile(ranks) as file:
            bad = file.testzip()
    except DAMAGED as error:
        return f"{ranks.name} is damaged: {error}"
    return f"{ranks.name} is damaged: {bad} has a wrong checksum" if bad else ""
