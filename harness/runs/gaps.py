"""The reasons of a table's missing runs, stored beside the table, since other machines cannot determine them.

The file holds reasons by run key. A run that has a record by now, or another key, has none.
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
    """The stored reasons of a table by run key; none without a file.

    Raises:
        StoreError: the file is damaged.
    """
    path, fix = folder / FILE, "restore it, or delete it: `harness reproduce` determines the reasons again"
    try:
        found = parse_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(str(path), f"is not readable: {error}", fix) from error
    if invalid := [key for key, reason in found.items() if not isinstance(reason, str)]:
        raise StoreError(str(path), f"is not readable: the reason of {invalid[0]} is not a text", fix)
    return found


def reasons(kept: Mapping[str, str], met: Mapping[str, HarnessError], root: Path) -> dict[str, str]:
    """Reasons by run key: current ones, in one line each, have priority over stored ones.

    Args:
        root: the project's folder, removed from texts.
    """
    lines = {key: str(error).splitlines()[0].replace(f"{root}/", "") for key, error in met.items()}
    return {**kept, **lines}


def written(results: Iterable[RunResult]) -> bytes | None:
    """The file for these runs; None if no missing run has a specific reason."""
    missing = [result for result in results if result.status == "missing" and result.reason]
    found = {result.key: result.reason for result in missing if result.reason != NOT_RUN}
    return json_text(found).encode() if found else None
