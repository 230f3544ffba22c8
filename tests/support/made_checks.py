"""A check with one finding of every kind, for tests of its reports."""

from __future__ import annotations

import json

from projects import ROOT

from harness.checks.outcome import Alarm, Check, Coverage, Part, RunCheck, broken, held, left_out, unreachable
from harness.core.errors import SourceError

SCHEMA = json.loads((ROOT / "harness" / "checks" / "check.schema.json").read_text(encoding="utf-8"))
RERUN = RunCheck("0123456789abcdef0123", "s3rec", "lastfm", "sasrec/bce", 42, "full", "held")
SILENCE = SourceError("https://index", "does not answer")
ALARM = Alarm("s3rec", "paths", "2026-11-20", "opened", (0.5, 0.4, 0.6), "a drop of 10 % in 90 nights")


def made() -> Check:
    """All outcomes that a report must show."""
    parts = (
        Part("pins", (held("s3rec", "archived"), broken("gsasrec", "pin is not there", "update the mirror", "gone"))),
        Part(
            "locks", (unreachable("a.lock", SourceError("https://index", "does not answer")), left_out("b", "offline"))
        ),
        Part("tables", (broken("li2023/table2/full", "table.md differs\n-0.1\n+0.2", "render it", "stale"),)),
    )
    runs = (
        RERUN,
        RunCheck(
            "1" * 20, "s3rec", "lastfm", "gru4rec/ce-all", 43, "prefix", "changed", moved=7, places=12.5,
            delta={"NDCG@10": -0.01}, changes=("overlay losses/in_torch.py changed",), again="harness check why 1111",
            code=1,
        ),
        RunCheck("2" * 20, "s3rec", "lastfm", "popularity", None, "full", "failed", changes=("a \x07bell",), code=4),
        RunCheck("3" * 20, "s3rec", "lastfm", "s3rec/bce", 42, "full", "unchecked"),
    )  # fmt: skip
    return Check(
        night="2026-11-29", began="2026-11-29T03:23:00+00:00", tier="nightly", commit="5" * 40, dirty=False,
        machine="9f3c21aa", parts=parts, runs=runs, alarms=(ALARM,), coverage=Coverage(215, 100, 214, "2026-11-01"),
        budget_s=5400, spent_s=3500,
    )  # fmt: skip
