"""What is kept of missing runs: reasons of their own, nothing that every table says anyway."""

from __future__ import annotations

import json

from harness.core.results import NOT_RUN, RunResult
from harness.runs import gaps


def missing(key: str, reason: str) -> RunResult:
    return RunResult(key, "d", "a", 1, "missing", reason)


def test_only_reasons_of_their_own_are_kept() -> None:
    kept = gaps.written([missing("k1", "the mirror lacks a.txt"), missing("k2", NOT_RUN)])
    assert kept is not None
    assert json.loads(kept) == {"k1": "the mirror lacks a.txt"}
    assert gaps.written([missing("k2", NOT_RUN)]) is None
