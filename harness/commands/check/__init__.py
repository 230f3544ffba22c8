"""`harness check`: verifies everything that was valid and writes the result as files."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.checks import as_json, feed, junit, markdown
from harness.checks.outcome import Check
from harness.commands.check import self_test, whole
from harness.commands.check.options import Options
from harness.commands.check.whole import Report, Reran
from harness.core.config import Config
from harness.core.files import json_text, write_whole


def run_check(
    config: Config, options: Options, report: Report = lambda _: None, reran: Reran = lambda _: None
) -> Check:
    """A complete check with the test of the checker; see `whole.run_check`."""
    return whole.run_check(config, options, report, reran, {"self-test": lambda: self_test.check(config, quick=True)})


def write_reports(check: Check, out: Path, nights: Iterable[Mapping[str, object]] | None = None) -> list[Path]:
    """Write check.json and the reports made from it; return the files.

    Args:
        nights: of the history with this one, for the feed; None to leave the feed unchanged.
    Raises:
        StoreError: the disk is full or not writable.
    """
    files = {
        "check.json": json_text(as_json.content(check)),
        "summary.md": markdown.render(check),
        "junit.xml": junit.render(check),
        "badge.json": json_text(as_json.badge(check, datetime.date.fromisoformat(check.night))),
    }
    if nights is not None:
        files["feed.xml"] = feed.render(list(nights))
    for name, text in files.items():
        write_whole(out / name, text)
    return [out / name for name in files]
