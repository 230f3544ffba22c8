"""check.json against its schema, and the Markdown, JUnit, Atom and badge that are made from it."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from made_checks import ALARM, RERUN, SCHEMA, made

from harness.checks import as_json, feed, junit, markdown
from harness.checks.outcome import Part, broken, exit_code, held, left_out, unreachable
from harness.core.errors import ArgumentError, SourceError

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
LOST = unreachable("index", SourceError("https://index", "does not answer"))


def test_check_json_follows_its_schema_and_comes_back() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    content = json.loads(json.dumps(as_json.content(made())))
    VALIDATOR.validate(content)
    assert as_json.from_content(content) == made()
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**content, "exit": 7})
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**content, "runs": [{**content["runs"][0], "outcome": "fine"}]})


@pytest.mark.parametrize("content", [{}, {"format": 2}, {"format": 1, "night": "2026-11-29"}])
def test_what_is_no_check_json_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ArgumentError):
        as_json.from_content(content)


@pytest.mark.parametrize(
    ("items", "runs", "strict", "code"),
    [
        ([held("a"), left_out("b", "offline")], [], False, 0),
        ([held("a"), left_out("b", "offline")], [], True, 1),
        ([LOST], [], False, 3),
        ([LOST], [dataclasses.replace(RERUN, outcome="failed", code=4)], False, 4),
        ([LOST, broken("c", "differs")], [dataclasses.replace(RERUN, outcome="failed", code=4)], False, 1),
        ([broken("c", "is gone", outcome="gone")], [], False, 1),
        ([held("a")], [dataclasses.replace(RERUN, outcome="unchecked")], False, 0),
        ([held("a")], [dataclasses.replace(RERUN, outcome="unchecked")], True, 1),
    ],
)
def test_exit_codes(items: list[object], runs: list[object], strict: bool, code: int) -> None:
    parts = [Part("tables", tuple(items))]  # type: ignore[arg-type]
    assert exit_code(parts, runs, (), strict) == code  # type: ignore[arg-type]
    assert exit_code(parts, runs, (ALARM,), strict) == 1  # type: ignore[arg-type]
    closed = dataclasses.replace(ALARM, state="closed")
    assert exit_code(parts, runs, (closed,), strict) == code  # type: ignore[arg-type]


def test_the_summary_says_first_what_needs_a_person() -> None:
    text = markdown.render(made())
    head, _, rest = text.partition("## Parts")
    for expected in (
        "1 of 3 reruns held on class 9f3c21aa, 6 findings need attention",
        "**alarm** s3rec, paths: since 2026-11-20",
        "**changed** lastfm gru4rec/ce-all seed 43 (prefix)",
        "7 users' ranks changed, by at most 12.5; overlay losses/in_torch.py changed → harness check why 1111",
        "**pins: gone** gsasrec: pin is not there → update the mirror",
        "**locks: unchecked** a.lock: https://index: does not answer",
        "**tables: stale** li2023/table2/full: table.md differs → render it",
        "  -0.1",
        "100 of 215 runs in 7 days, 214 in 30 days; the least recently checked system was checked on 2026-11-01.",
    ):
        assert expected in head
    assert "b: unchecked; offline" in rest
    assert "s3rec: held; archived" in rest


def test_the_summary_of_a_quiet_night_is_one_sentence_and_a_failed_self_test_comes_first() -> None:
    calm = dataclasses.replace(made(), parts=(Part("tables", (held("a"), held("b"))),), runs=(RERUN,), alarms=())
    assert markdown.sentence(calm).startswith(
        "1 of 1 reruns held on class 9f3c21aa, 2 tables are current, nothing to do"
    )
    distrusted = dataclasses.replace(calm, parts=(*calm.parts, Part("self-test", (broken("1", "changed"),))))
    assert markdown.sentence(distrusted).startswith("**The checker failed") or markdown.sentence(distrusted).startswith(
        "**the checker failed its own test"
    )


def test_a_long_summary_is_cut_and_what_is_cut_is_counted() -> None:
    many = tuple(broken(f"table {i}", "differs " * 20) for i in range(2000))
    text = markdown.render(dataclasses.replace(made(), parts=(Part("tables", many),)))
    assert len(text) <= 60_100
    assert text.rstrip().endswith("more lines are in check.json.")


def test_junit_has_a_suite_a_part_and_counts_that_add_up() -> None:
    suites = Xml.fromstring(junit.render(made()).partition("\n")[2])
    assert [suite.get("name") for suite in suites] == ["pins", "locks", "tables", "reruns", "alarms"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        assert all(case.get("classname") and case.get("name") and case.get("time") for case in cases)
        for kind, counted in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert suite.get(counted) == str(sum(case.find(kind) is not None for case in cases))
    states = {case.get("name"): [child.tag for child in case] for case in suites.iter("testcase")}
    assert states["gsasrec"] == ["failure"]
    assert states["a.lock"] == ["skipped"]
    assert states["lastfm gru4rec/ce-all seed 43 (prefix)"] == ["failure"]
    assert states["lastfm popularity (full)"] == ["error"]
    assert states["lastfm sasrec/bce seed 42 (full)"] == []
    assert states["s3rec paths"] == ["failure"]


NIGHTS = [
    {"night": "2026-11-27", "broken": {}, "alarms": []},
    {"night": "2026-11-28", "broken": {"tables: a": "table.md differs"}, "alarms": []},
    {"night": "2026-11-29", "broken": {"tables: a": "table.md differs"}, "alarms": [
        {"stream": "s3rec", "metric": "paths", "onset": "2026-11-20", "state": "opened"}]},
    {"night": "2026-11-30", "broken": {}, "alarms": [
        {"stream": "s3rec", "metric": "paths", "onset": "2026-11-20", "state": "open"}]},
]  # fmt: skip


def test_the_feed_is_atom_tells_each_thing_once_and_is_stable() -> None:
    text = feed.render(NIGHTS)
    assert text == feed.render([*NIGHTS])
    root = Xml.fromstring(text.partition("\n")[2])
    atom = f"{{{feed.ATOM}}}"
    assert root.tag == f"{atom}feed"
    assert all(root.find(f"{atom}{name}") is not None for name in ("id", "title", "updated", "author"))
    entries = root.findall(f"{atom}entry")
    titles = [str(entry.findtext(f"{atom}title")) for entry in entries]
    assert titles == [
        "Nights ran in week 49 of 2026", "Valid again: tables: a", "Alarm opened: s3rec, paths",
        "No longer valid: tables: a", "Nights ran in week 48 of 2026",
    ]  # fmt: skip
    ids = [entry.findtext(f"{atom}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    assert all(entry.findtext(f"{atom}updated") for entry in entries)
    later = feed.render([*NIGHTS, {"night": "2026-12-01", "broken": {}, "alarms": []}])
    assert set(ids) <= {
        e.findtext(f"{atom}id") for e in Xml.fromstring(later.partition("\n")[2]).findall(f"{atom}entry")
    }


def test_the_example_is_what_these_reports_write() -> None:
    folder = Path(__file__).resolve().parents[3] / "examples" / "nightly"
    content = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    VALIDATOR.validate(content)
    check = as_json.from_content(content)
    assert (folder / "summary.md").read_text(encoding="utf-8") == markdown.render(check)
    assert (folder / "junit.xml").read_text(encoding="utf-8") == junit.render(check)
    assert markdown.sentence(check) in (folder / "log.txt").read_text(encoding="utf-8")
    nights = [json.loads(line) for line in (folder / "history-nights.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (folder / "feed.xml").read_text(encoding="utf-8") == feed.render(nights)


def test_the_badge_shows_coverage_and_age() -> None:
    night = dataclasses.replace(made(), parts=(), runs=(), alarms=())
    assert as_json.badge(night, date(2026, 11, 30))["message"] == "214/215, 1 day ago"
    assert as_json.badge(night, date(2026, 11, 29))["color"] == "green"
    assert as_json.badge(made(), date(2026, 12, 9)) == {
        "schemaVersion": 1, "label": "broken", "message": "214/215, 10 days ago", "color": "red"
    }  # fmt: skip
