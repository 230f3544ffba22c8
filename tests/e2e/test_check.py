"""`harness check` as a user runs it, on the demonstration: what was planted is named, with its exit code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_checks import SCHEMA
from projects import Project

Check = Callable[[subprocess.CompletedProcess[str], int], str]
FEW = ("--where", "loss=bce", "--seeds", "42,43", "--profile", "quick")
LOOK = ("check", "--artifact", "demo", "--offline", "--skip", "findings,prose,self-test,reruns,locks")


@pytest.fixture(scope="module")
def reproduced(shared_project: Project) -> Project:
    """A project with a small table of the demonstration."""
    done = shared_project.run("reproduce", "demo", *FEW)
    assert done.returncode in (0, 1), done.stderr
    return shared_project


@pytest.fixture
def results(reproduced: Project) -> Iterator[Path]:
    """Its results, which are as they were after each test."""
    files = {path: path.read_bytes() for path in reproduced.results.rglob("*") if path.is_file()}
    yield reproduced.results
    for path in set(reproduced.results.rglob("*")) - set(files):
        if path.is_file():
            path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def found(project: Project, *more: str, code: int = 0) -> dict[str, Any]:
    """check.json of a check with this exit code."""
    done = project.run(*LOOK, *more)
    assert done.returncode == code, done.stdout + done.stderr
    content: dict[str, Any] = json.loads((project.folder / ".cache" / "check" / "check.json").read_text())
    jsonschema.validate(content, SCHEMA)
    assert content["exit"] == code
    return content


def bad(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Part, name and outcome of what did not hold."""
    return [
        (part["part"], item["name"], item["outcome"])
        for part in content["parts"]
        for item in part["items"]
        if item["outcome"] not in ("held", "unchecked")
    ]


@pytest.mark.usefixtures("results")
def test_what_was_just_made_holds_and_reports_are_written(reproduced: Project) -> None:
    content = found(reproduced)
    assert bad(content) == []
    assert {part["part"] for part in content["parts"]} == {"pins", "patches", "data", "records", "tables"}
    folder = reproduced.folder / ".cache" / "check"
    names = {"check.json", "summary.md", "junit.xml", "feed.xml", "badge.json"}
    assert {path.name for path in folder.iterdir()} >= names
    again = reproduced.folder / "again"
    done = reproduced.run("check", "report", str(folder / "check.json"), "--out", str(again))
    assert done.returncode == 0, done.stderr
    assert all((again / name).read_bytes() == (folder / name).read_bytes() for name in names - {"feed.xml"})


def test_one_digit_of_a_table_is_found(reproduced: Project, results: Path) -> None:
    (table,) = results.rglob("table.csv")
    text = table.read_text()
    at = text.index("0.", text.index("HIT@10")) + 3
    table.write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    content = found(reproduced, code=1)
    assert [row[::2] for row in bad(content)] == [("tables", "stale")]
    (item,) = next(part for part in content["parts"] if part["part"] == "tables")["items"]
    assert "table.csv is not what the records give" in item["what"]
    assert "\n-demo/demo" in item["what"]


def test_a_table_without_its_request_and_a_file_too_many_are_found(reproduced: Project, results: Path) -> None:
    (request,) = results.rglob("request.json")
    (request.parent / "old.md").write_text("left over")
    assert "old.md is not named by request.json" in str(found(reproduced, code=1))
    (request.parent / "old.md").unlink()
    request.unlink()
    assert "has no request.json" in str(found(reproduced, code=1))


def test_a_damaged_record_is_found_by_two_parts(reproduced: Project, results: Path) -> None:
    path = min((results / "runs").glob("*/record.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "printed": {**content["printed"], "HIT@10": "0.9999"}}))
    rows = bad(found(reproduced, code=1))
    assert ("records", path.parent.name, "broken") in rows
    assert {part for part, _, _ in rows} == {"records", "tables"}


@pytest.mark.usefixtures("results")
def test_parts_are_chosen_and_a_dry_run_looks_at_nothing(reproduced: Project) -> None:
    content = found(reproduced, "--only", "records")
    assert [part["part"] for part in content["parts"]] == ["records"]
    done = reproduced.run("check", "--tier", "smoke", "--dry-run", "--date", "2026-11-29", "--budget", "2h")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "night 2026-11-29, tier smoke, 120 minutes"
    assert "part tables" in done.stdout
    assert "part pins" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tier", "weakly"), "did you mean 'weekly'"),
        (("--only", "pin"), "did you mean 'pins'"),
        (("--skip", "tabels"), "did you mean 'tables'"),
        (("--budget", "soon"), "write 90m, 2h or 300s"),
        (("--date", "yesterday"), "write YYYY-MM-DD"),
        (("--depth", "deep"), "known: auto, prefix, full"),
        (("--only", "pins", "--skip", "pins"), "leaves no part"),
        (("report", "nothing.json"), "name a check.json"),
    ],
)
def test_mistakes_are_told_with_exit_code_2(
    shared_project: Project, one_error: Check, words: tuple[str, ...], message: str
) -> None:
    assert message in one_error(shared_project.run("check", *words), 2)
