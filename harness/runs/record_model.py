"""record.json as typed values: required keys, types and ranges.

Unknown keys are kept and ignored: a later version may write more in the same format. A later format is refused,
and so are impossible values of known keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from harness.core.schema import one_problem
from harness.runs.keys import hashed

#: Formats that can be read. Format 2 has run keys of another form, and `formerly` for former keys of a record.
FORMATS = (1, 2)

FaultClass = Literal["setup", "patch", "environment", "training", "metrics"]
Name = Annotated[str, Field(min_length=1)]
Key = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Fault:
    """Why a run is not valid.

    Attributes:
        kind: setup, patch, environment, training or metrics.
        reason: one line.
        of_recipe: it contradicts its recipe, which its key does not cover: for another recipe, or for this one when
            corrected, it may be valid. So its record does not store this fault; it is found when the record is read.
    """

    kind: FaultClass
    reason: str
    of_recipe: bool = False


class Part(BaseModel, extra="allow", frozen=True, strict=True, allow_inf_nan=False):
    """A part of a record; unknown keys are kept."""


class StoredFault(Part):
    """Why a run failed."""

    kind: FaultClass
    reason: Name


class End(Part):
    """The probe's report at the end of a training."""

    epochs: Count | None = None
    best_epoch: Count | None = None
    peak_memory_mb: Amount | None = None


class Inputs(Part):
    """The inputs of a key."""

    command: list[str] = Field(min_length=1)


class Resolved(Part):
    """Resolved versions."""

    packages: dict[str, str] = {}


class Formerly(Part):
    """A record's key of an earlier format, with its inputs."""

    format: int
    key: Key
    inputs: dict[str, Any]


class StoredRecord(Part):
    """record.json; docs/records.md describes each key.

    Attributes:
        criteria: hash of the criteria of verdicts when it ended; "" in older records.
        training: the probe's facts of the epochs; None in older records.
        options, profile: requested for the run; empty in older records.
    """

    format: int
    key: Key
    artifact: str = ""
    upstream: Name
    dataset: Name
    system: Name
    model: str = ""
    loss: str = ""
    seed: Count | None
    status: Literal["finished", "failed"]
    fault: StoredFault | None
    inputs: Inputs
    protocol: dict[str, str] = {}
    exit_status: int | None = None
    seconds: Amount
    ended: str = ""
    network: dict[str, Any] | None = None
    proof: dict[str, Any] | None = None
    criteria: str = ""
    training: dict[str, Any] | None = None
    options: dict[str, str | int | float | bool] = {}
    profile: str = ""
    end: End | None = None
    printed: dict[str, str] | None = None
    disagreements: list[str]
    resolved: Resolved = Resolved()
    weights: dict[str, str] = {}
    formerly: list[Formerly] = []


def parse_json(raw: bytes) -> dict[str, Any]:
    """record.json as plain values.

    Raises:
        ValueError: not a JSON object, a number that is not finite, or text that cannot be encoded.
    """
    content = json.loads(raw, parse_constant=not_finite)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    json.dumps(content, ensure_ascii=False).encode()  # a lone surrogate such as \ud800 cannot be stored
    return content


def not_finite(text: str) -> None:
    """Refuse NaN and Infinity, which no record holds.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{text} is not a JSON number")


def parse_record(content: Mapping[str, Any]) -> StoredRecord:
    """The typed record.

    Raises:
        ValueError: the fault, in one line.
    """
    try:
        record = StoredRecord.model_validate(content)
    except ValidationError as error:
        found = error.errors()
        lacks = [str(p["loc"][-1]) for p in found if p["type"] == "missing" and len(p["loc"]) == 1]
        lines = [f"lacks {', '.join(lacks)}"] if lacks else []
        lines += [one_problem(dict(p), StoredRecord) for p in found if p["type"] != "missing" or len(p["loc"]) > 1]
        raise ValueError("; ".join(" ".join(line.split()) for line in lines[:3])) from error
    if (record.fault is None) != (record.status == "finished"):
        raise ValueError(f"is {record.status} {'without' if record.fault is None else 'with'} a fault")
    if record.status == "finished" and record.exit_status:
        raise ValueError(f"is finished with exit status {record.exit_status}")
    return record


def key_fault(record: StoredRecord, content: Mapping[str, Any]) -> str:
    """The fault of a record's keys, "" if they are the hashes of its inputs.

    Args:
        content: the record as read; the hash covers all of its inputs.
    """
    if hashed(record.format, content["inputs"]) != record.key:
        return "its inputs do not hash to its key"
    if any(hashed(former.format, former.inputs) != former.key for former in record.formerly):
        return "the inputs of a former key do not hash to it"
    return ""
