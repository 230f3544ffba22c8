"""Writes and reads check.json, defined by check.schema.json; writes badge.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar

from harness.checks.outcome import Alarm, Check, Coverage, Item, Part, RunCheck
from harness.core.errors import ArgumentError

FORMAT = 1
Kept = TypeVar("Kept")


def content(check: Check) -> dict[str, Any]:
    """A check as plain values of JSON."""
    return {
        "format": FORMAT,
        "night": check.night,
        "began": check.began,
        "tier": check.tier,
        "commit": check.commit,
        "dirty": check.dirty,
        "class": check.machine,
        "exit": check.exit,
        "strict": check.strict,
        "budget_s": round(check.budget_s, 1),
        "spent_s": round(check.spent_s, 1),
        "cut": check.cut,
        "parts": [
            {"part": part.part, "outcome": part.outcome, "items": [values(item) for item in part.items]}
            for part in check.parts
        ],
        "runs": [values(run) for run in check.runs],
        "sets": [],
        "alarms": [values(alarm) for alarm in check.alarms],
        "coverage": values(check.coverage),
    }


def values(found: Item | RunCheck | Alarm | Coverage) -> dict[str, Any]:
    """The fields of one result, without further fields of the history."""
    made = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "line"}
    return {
        name: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
        for name, value in made.items()
    }


def from_content(data: Mapping[str, Any]) -> Check:
    """The check of a check.json.

    Raises:
        ArgumentError: it is not a check.json, or has another format.
    """
    try:
        if data["format"] != FORMAT:
            raise ArgumentError("check.json", f"is of format {data['format']!r}, known: {FORMAT}", "update the harness")
        return Check(
            night=data["night"], began=data["began"], tier=data["tier"], commit=data["commit"], dirty=data["dirty"],
            machine=data["class"],
            parts=tuple(Part(p["part"], tuple(kept(Item, item) for item in p["items"])) for p in data["parts"]),
            runs=tuple(kept(RunCheck, run) for run in data["runs"]),
            alarms=tuple(kept(Alarm, alarm) for alarm in data["alarms"]),
            coverage=kept(Coverage, data["coverage"]), budget_s=data["budget_s"], spent_s=data["spent_s"],
            strict=data["strict"], cut=data["cut"],
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ArgumentError(
            "check.json", f"is not readable: {error}", "give a file that `harness check` wrote"
        ) from error


def kept(kind: Callable[..., Kept], data: Mapping[str, Any]) -> Kept:
    """One result from its values."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


def badge(check: Check, today: date) -> dict[str, Any]:
    """The content of a shields.io badge: runs repeated in the last 30 days, and the age of this night."""
    days = (today - date.fromisoformat(check.night)).days
    age = "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"
    looked = f"{check.coverage.in_30_days}/{check.coverage.runs}" if check.coverage.runs else "tables"
    bad = check.exit in (1, 4)
    return {
        "schemaVersion": 1,
        "label": "broken" if bad else "held",
        "message": f"{looked}, {age}",
        "color": "red" if bad else "yellow" if check.exit else "green",
    }
