"""Compares a record's labels with the plan: keys do not contain dataset and system, so they could be edited."""

from __future__ import annotations

from harness.runs.plan import Run
from harness.runs.record_model import StoredRecord

FIXED = ("upstream", "dataset", "model", "loss")


def label_fault(run: Run, record: StoredRecord) -> str:
    """The label of a record that contradicts the plan, "" if none.

    A record made for another table may have another system name, and an unneeded seed.
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
            return f"is of {name} {said}, its key belongs to {name} {planned}"
    return ""
