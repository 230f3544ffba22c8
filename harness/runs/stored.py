"""A stored record, and the stored state of a planned run: finished, failed or missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from harness.core.errors import MetricsError
from harness.core.results import Ranks, Status
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import read_ranks
from harness.runs.record_model import StoredRecord, parse_record
from harness.runs.validation import record_fault
from harness.stats.comparability import Shared


@dataclass(frozen=True)
class Record:
    """A stored record.

    Attributes:
        content: record.json; see docs/records.md for its keys.
    """

    folder: Path
    content: Mapping[str, Any]

    @cached_property
    def typed(self) -> StoredRecord:
        """The content as typed values.

        Raises:
            ValueError: it is not valid; `Store.read` returns no such record.
        """
        return parse_record(self.content)

    @property
    def finished(self) -> bool:
        """Whether it succeeded; a failed run is kept with its fault. `judge` says whether it is valid."""
        return self.typed.status == "finished"

    @property
    def reason(self) -> str:
        """Fault class and reason of a failed run, else ""."""
        fault = self.typed.fault
        return f"{fault.kind}: {fault.reason}" if fault else ""

    @property
    def former_keys(self) -> list[str]:
        """Former keys of this record, in earlier formats or of records with equal ranks merged into it."""
        return [former.key for former in self.typed.formerly]


@dataclass(frozen=True, eq=False)
class Stored:
    """The stored state of a run, judged.

    Attributes:
        reason: why it failed, is not valid or is missing; "" if finished.
        record: None if there is no readable one.
        ranks: None unless finished; a run that made weights for others has none.
        kept: whether it must not be replaced, since a later version of the harness wrote it.
    """

    status: Status
    reason: str = ""
    record: Record | None = None
    ranks: Ranks | None = None
    kept: bool = False


class Judged(NamedTuple):
    """Runs that were judged together.

    Attributes:
        runs: stored state of each, by key.
        common: shared properties of each dataset's runs.
    """

    runs: dict[str, Stored]
    common: dict[str, Shared]


def judge(record: Record, run: Run | None = None, common: Shared | None = None) -> Stored:
    """Whether a record is valid, by `runs.validation`; see `record_fault` for `run` and `common`."""
    ranks: Ranks | MetricsError
    try:
        ranks = read_ranks(RunFolder(record.folder).ranks("test"))
    except MetricsError as error:
        ranks = error
    if reason := record_fault(run, record.typed, record.content, ranks, common):
        return Stored("failed", reason, record)
    return Stored("finished", "", record, None if isinstance(ranks, MetricsError) else ranks)
