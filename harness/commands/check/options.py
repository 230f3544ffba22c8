"""The options of a check: tiers, parts, budget; mistakes are reported before anything is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from harness.checks.outcome import PARTS
from harness.core.errors import ArgumentError, near_misses

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
DEPTHS = ("auto", "prefix", "full")
RUN_FACTS = ("dataset", "system", "model", "loss", "seed")


class Tier(NamedTuple):
    """The parts of a tier and its maximum duration."""

    parts: tuple[str, ...]
    budget_s: float


NIGHTLY = tuple(part for part in PARTS if part != "images")
TIERS: Mapping[str, Tier] = {
    "smoke": Tier(tuple(part for part in NIGHTLY if part not in ("pins", "locks", "data")), 8 * 60),
    "nightly": Tier(NIGHTLY, 90 * 60),
    "weekly": Tier(PARTS, 5 * 3600),
}


@dataclass(frozen=True)
class Options:
    """One request for a check.

    Attributes:
        parts: of PARTS, in their order.
        artifacts: check their tables and runs; those of harness.toml if none is named.
        where: which runs are repeated, by RUN_FACTS.
        night: UTC date that reruns are scheduled for.
        history: folder of the history; None for no history.
        read_only: the history is read, and nothing is added to it.
        job: URL of the CI job, for the history.
    """

    tier: str
    parts: tuple[str, ...]
    budget_s: float
    night: date
    out: Path
    history: Path | None = None
    artifacts: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    depth: str = "auto"
    jobs: int = 1
    offline: bool = False
    strict: bool = False
    read_only: bool = False
    executor: str = ""
    job: str = ""

    @property
    def weekly(self) -> bool:
        """Whether there is time to download and to install."""
        return self.tier == "weekly"


def chosen_parts(tier: str, only: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """The parts of a tier, or those named, without those left out.

    Raises:
        ArgumentError: an unknown tier or part, or nothing left.
    """
    if tier not in TIERS:
        raise ArgumentError("--tier", f"unknown tier {tier!r}", near_misses(tier, TIERS))
    for flag, names in (("--only", only), ("--skip", skip)):
        if unknown := [name for name in names if name not in PARTS]:
            raise ArgumentError(flag, f"unknown part {unknown[0]!r}", near_misses(unknown[0], PARTS))
    found = tuple(part for part in PARTS if part in (only or TIERS[tier].parts) and part not in skip)
    if not found:
        raise ArgumentError("--skip", "leaves no part", "leave out fewer")
    return found


def chosen_runs(where: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The alternatives `a|b` of each name.

    Raises:
        ArgumentError: an unknown name.
    """
    if unknown := [name for name in where if name not in RUN_FACTS]:
        raise ArgumentError("--where", f"unknown name {unknown[0]!r}", near_misses(unknown[0], RUN_FACTS))
    return {name: tuple(value.split("|")) for name, value in where.items()}


def seconds(text: str) -> float:
    """`90m`, `2h`, `45s` or a number of seconds, in seconds.

    Raises:
        ArgumentError: any other text.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match:
        raise ArgumentError("--budget", f"{text!r} is not a duration", "write 90m, 2h or 300s")
    return float(match[1]) * UNITS[match[2] or "s"]


def day(text: str) -> date:
    """A date in ISO 8601 format.

    Raises:
        ArgumentError: any other text.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentError("--date", f"{text!r} is not a date", "write YYYY-MM-DD") from error
