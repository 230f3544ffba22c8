"""Why runs of a table are missing, kept beside the table: a fresh clone lacks the mirror and the machine that told why.

The file holds reasons by run key, so a reason goes with its run: a run that has a record by now, or another key, has
none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core.errors import HarnessError, StoreError
from harness.core.files import json_text
from harness.core.results import NOT_RUN, RunResult
from harness.runs.record_model import parse_json

FILE = "gaps.json"


def read(folder: Path) -> dict[str, str]:
    """Reasons by run key as a table's folder keeps them; none where it keeps none.

    Raises:
        StoreError: the file is damaged.
    """
    path, fix = folder / FILE, "restore it, or delete it: `harness reproduce` finds the reasons anew"
    try:
        found = parse_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(str(path), f"cannot be read: {error}", fix) from error
    if odd := [key for key, reason in found.items() if not isinstance(reason, str)]:
        raise StoreError(str(path), f"cannot be read: the reason of {odd[0]} is no text", fix)
    return found


def reasons(kept: Mapping[str, str], met: Mapping[str, HarnessError], root: Path) -> dict[str, str]:
    """Reasons by run key: those that were met now, in one line each, before those that were kept.

    Args:
        root: the project's folder, which no table names.
    """
    lines = {key: str(error).splitlines()[0].replace(f"{root}/", "") for key, error in met.items()}
    return {**kept, **lines}


def written(results: Iterable[RunResult]) -> bytes | None:
    """The file for these runs; None where no run is missing for a reason of its own."""
    missing = [result for result in results if result.status == "missing" and result.reason]
    found = {result.key: result.reason for result in missing if result.reason != NOT_RUN}
    return json_text(found).encode() if found else None
