"""Keep one issue for each alarm of a check: opened with it, closed when it is closed or accepted.

    python scripts/alarm_issues.py .cache/check/check.json

It calls GitHub's `gh`, which a runner has; for another host, this is the file to replace. The first line of an issue is
a marker, so an alarm that goes on has one issue, and no night adds a comment unless the alarm's state changes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def marker(alarm: dict[str, Any]) -> str:
    """First line of the issue of an alarm."""
    return f"<!-- harness check: {alarm['stream']}, {alarm['metric']} -->"


def message(alarm: dict[str, Any]) -> str:
    """What an issue says of an alarm: since when, how large, and the command that shows the nights."""
    middle, low, high = alarm["size"]
    return (
        f"{alarm['stream']}, {alarm['metric']}: {alarm['state']}, since {alarm['onset']}, "
        f"size {middle:+.4f} [{low:+.4f}, {high:+.4f}].\n\n"
        f"`harness check history '{alarm['stream'].partition(' on ')[0]}'` lists the nights, "
        "`harness check why KEY` explains one run, `harness check accept KEY --because TEXT` accepts a change."
    )


def gh(*arguments: str, text: str = "") -> str:
    """Output of `gh issue` with these arguments and this standard input."""
    done = subprocess.run(["gh", "issue", *arguments], input=text, capture_output=True, text=True, check=True)
    return done.stdout


def update(alarms: list[dict[str, Any]]) -> None:
    """Open, comment on and close issues as the alarms ask for."""
    if not alarms:
        return
    listed = json.loads(gh("list", "--state", "open", "--limit", "500", "--json", "number,body"))
    numbers = {str(issue["body"]).partition("\n")[0].strip(): str(issue["number"]) for issue in listed}
    for alarm in alarms:
        number = numbers.get(marker(alarm))
        if alarm["state"] in ("opened", "open") and number is None:
            title = f"Alarm: {alarm['stream']}, {alarm['metric']}"
            gh("create", "--title", title, "--body-file", "-", text=f"{marker(alarm)}\n{message(alarm)}\n")
        elif alarm["state"] in ("closed", "accepted") and number is not None:
            gh("comment", number, "--body-file", "-", text=message(alarm))
            gh("close", number)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    if file.is_file():  # absent where a check ended before its reports
        update(json.loads(file.read_text(encoding="utf-8"))["alarms"])
