"""One issue for each alarm: through a program `gh` on the path that keeps issues in a file, as the host would."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from alarm_issues import marker, update

GH = """#!{python}
import json, sys
from pathlib import Path
file = Path({file!r})
issues = json.loads(file.read_text())
kind, *rest = sys.argv[2:]
if kind == "list":
    print(json.dumps([issue for issue in issues if issue["open"]]))
elif kind == "create":
    body = sys.stdin.read()
    issues.append({{"number": len(issues) + 1, "title": rest[1], "body": body, "open": True, "comments": []}})
elif kind == "comment":
    issues[int(rest[0]) - 1]["comments"].append(sys.stdin.read())
elif kind == "close":
    issues[int(rest[0]) - 1]["open"] = False
file.write_text(json.dumps(issues))
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the issues of a host whose `gh` is on the path."""
    file = tmp_path / "issues.json"
    file.write_text("[]")
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(GH.format(python=sys.executable, file=str(file)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return file


def alarm(state: str, stream: str = "sasrec/bce on lastfm") -> dict[str, Any]:
    """An alarm of check.json."""
    size = [0.5, 0.25, 0.75]
    return {"stream": stream, "metric": "paths", "onset": "2026-11-20", "state": state, "size": size, "power": ""}


def test_an_alarm_has_one_issue_that_is_closed_with_it(host: Path) -> None:
    nights = [[alarm("opened")], [alarm("open")], [alarm("open"), alarm("opened", "s3rec")], [alarm("closed")], []]
    seen = []
    for night in nights:
        update(night)
        issues = json.loads(host.read_text())
        seen.append([(issue["open"], len(issue["comments"])) for issue in issues])
    assert seen == [[(True, 0)], [(True, 0)], [(True, 0)] * 2, [(False, 1), (True, 0)], [(False, 1), (True, 0)]]
    first = issues[0]
    assert first["title"] == "Alarm: sasrec/bce on lastfm, paths"
    assert first["body"].startswith(f"{marker(alarm('open'))}\n")
    assert "since 2026-11-20, size +0.5000 [+0.2500, +0.7500]" in first["body"]
    assert "harness check history 'sasrec/bce'" in first["body"]


def test_an_alarm_that_comes_back_has_a_new_issue(host: Path) -> None:
    for state in ("opened", "accepted", "opened"):
        update([alarm(state)])
    assert [issue["open"] for issue in json.loads(host.read_text())] == [False, True]


def test_a_night_without_alarms_asks_the_host_for_nothing(host: Path) -> None:
    host.unlink()  # `gh` would fail
    update([])
