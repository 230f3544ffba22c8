"""Whether a record says of its run what the plan says; no key names dataset and system, so they could be edited."""

from __future__ import annotations

from harness.runs.plan import Run
from harness.runs.record_model import StoredRecord

FIXED = ("upstream", "dataset", "model", "loss")


def label_fault(run: Run, record: StoredRecord) -> str:
    """Where a record says something else of its run than the plan does, "" if nowhere.

    A record that was made for another table may call the system by another name, and have a seed where none is needed.
    """
    names = [*FIXED]
    same_table = record.artifact == run.artifact
    if same_table and record.system not in run.also:
        names.append("system")
    if same_table or None not in (run.seed, record.seed):
        names.append("seed")
    for name in names:
        said, planned = getattr(record, name), getattr(run, name)
        if said != planned:
            return f"is of {name} {said}, its key is that of {name} {planned}"
    return ""
