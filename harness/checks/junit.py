"""junit.xml: a suite for each part and one for the reruns, so that any CI shows what a check found."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from harness.checks.markdown import alarm_text
from harness.checks.outcome import Check, Item, RunCheck

FAILURES = ("broken", "stale", "gone", "changed", "outside seeds")


def render(check: Check) -> str:
    """The check as JUnit XML."""
    suites = Xml.Element("testsuites", name="harness check")
    for part in check.parts:
        add_suite(suites, check, part.part, [case(item) for item in part.items])
    if check.runs:
        add_suite(suites, check, "reruns", [run_case(run) for run in check.runs])
    if check.alarms:
        cases = []
        for alarm in check.alarms:
            cases.append(Xml.Element("testcase", classname="alarms", name=f"{alarm.stream} {alarm.metric}"))
            if alarm.state in ("opened", "open"):
                add_result(cases[-1], "failure", alarm_text(alarm))
        add_suite(suites, check, "alarms", cases)
    Xml.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(suites, encoding="unicode")}\n'


def add_suite(suites: Xml.Element, check: Check, name: str, cases: list[Xml.Element]) -> None:
    """One suite with its counts."""
    count = {
        kind: str(sum(found.find(kind) is not None for found in cases)) for kind in ("failure", "error", "skipped")
    }
    facts = {
        "name": name, "tests": str(len(cases)), "failures": count["failure"], "errors": count["error"],
        "skipped": count["skipped"], "time": "0", "timestamp": check.began.removesuffix("+00:00"),
    }  # fmt: skip
    suite = Xml.SubElement(suites, "testsuite", facts)
    for found in cases:
        found.set("classname", f"harness.check.{name}")
        found.set("time", "0")
        suite.append(found)


def case(item: Item) -> Xml.Element:
    """One item."""
    found = Xml.Element("testcase", name=item.name)
    if item.outcome in FAILURES:
        add_result(found, "failure", item.what, item.fix)
    elif item.outcome == "unchecked":
        add_result(found, "skipped", item.what, item.fix)
    return found


def run_case(run: RunCheck) -> Xml.Element:
    """One rerun."""
    found = Xml.Element("testcase", name=run.label)
    what = "; ".join([run.outcome, *run.changes])
    if run.outcome == "failed":
        add_result(found, "error", what, run.again)
    elif run.outcome == "unchecked":
        add_result(found, "skipped", what)
    elif run.outcome in FAILURES and run.code:
        add_result(found, "failure", what, run.again)
    return found


def add_result(found: Xml.Element, kind: str, message: str, more: str = "") -> None:
    """Add a result to a test case; control characters, which XML forbids, become `?`."""
    clean = ["".join(c if c >= " " or c in "\n\t" else "?" for c in text) for text in (message, more)]
    Xml.SubElement(found, kind, message=clean[0].split("\n")[0], type=kind).text = "\n".join(filter(None, clean))
