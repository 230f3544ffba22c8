"""Builds record.json: the run, its inputs, how it ended, and resolved versions.

docs/records.md describes every key.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from harness.executors.base import Outcome
from harness.runs.plan import Run
from harness.runs.validation import Validation

FORMAT = 2


def build_record(
    run: Run,
    protocol: Mapping[str, str],
    outcome: Outcome,
    validation: Validation,
    resolved: Mapping[str, Any],
    weights: Mapping[str, str] | None = None,
    criteria: str = "",
) -> dict[str, Any]:
    """record.json of an executed run.

    Args:
        protocol: of the recipe; part of every number's signature.
        criteria: hash of the recipe's claims, margin and correction when the run ended.
        resolved: packages, machine and the harness's own commit.
        weights: SHA-256 of files that it made for other runs, by name.
    """
    fault = None if validation.fault and validation.fault.of_recipe else validation.fault
    return {
        "format": FORMAT,
        "key": run.key,
        "artifact": run.artifact,
        "upstream": run.upstream,
        "dataset": run.dataset,
        "system": run.system,
        "model": run.model,
        "loss": run.loss,
        "seed": run.seed,
        "options": dict(run.options),
        "profile": run.profile,
        "status": "failed" if fault else "finished",
        "fault": {"kind": fault.kind, "reason": fault.reason} if fault else None,
        "inputs": dict(run.inputs),
        **({"command": list(run.command)} if list(run.command) != run.inputs["command"] else {}),
        "modules": validation.modules,
        "protocol": dict(protocol),
        **({"criteria": criteria} if criteria else {}),
        **({"protocols": {view: dict(words) for view, words in run.protocols.items()}} if run.protocols else {}),
        "exit_status": outcome.status,
        "seconds": round(outcome.seconds, 3),
        "ended": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "network": without_tags(validation.last("model")),
        "proof": without_tags(validation.last("loss")),
        "training": without_tags(validation.last("training")),
        "end": without_tags(validation.last("end")),
        "printed": validation.printed or None,
        "disagreements": list(validation.disagreements),
        "resolved": dict(resolved),
        **({"weights": dict(weights)} if weights else {}),
    }


def without_tags(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """An event's facts, None for no event."""
    return {k: v for k, v in event.items() if k not in ("event", "t")} or None
