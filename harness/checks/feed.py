"""feed.xml: an Atom feed of changes between nights, with a weekly entry that nights ran.

It is computed from `nights.jsonl` alone. An entry's id follows from its subject and start, so that
nothing appears twice, and its date is the night's, so that the same history gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from xml.etree import ElementTree as Xml

ATOM = "http://www.w3.org/2005/Atom"
ID = "urn:seqrec-harness:check"
MOST = 100  # entries
REPORTED = ("stale", "broken", "gone")


class Entry(NamedTuple):
    """One entry."""

    id: str
    night: str
    title: str
    text: str


def render(nights: Sequence[Mapping[str, Any]]) -> str:
    """The feed.

    Args:
        nights: lines of nights.jsonl, oldest first.
    """
    found = sorted(dict.fromkeys(entries(nights)), key=lambda entry: (entry.night, entry.id), reverse=True)[:MOST]
    feed = Xml.Element("feed", xmlns=ATOM)
    Xml.SubElement(feed, "id").text = ID
    Xml.SubElement(feed, "title").text = "harness check"
    Xml.SubElement(feed, "updated").text = moment(found[0].night if found else "1970-01-01")
    author = Xml.SubElement(feed, "author")
    Xml.SubElement(author, "name").text = "harness check"
    for entry in found:
        element = Xml.SubElement(feed, "entry")
        Xml.SubElement(element, "id").text = f"{ID}:{entry.id}"
        Xml.SubElement(element, "title").text = entry.title
        Xml.SubElement(element, "updated").text = moment(entry.night)
        Xml.SubElement(element, "content", type="text").text = entry.text
    Xml.indent(feed)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(feed, encoding="unicode")}\n'


def entries(nights: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    """The changes of each night: alarms by state, items that broke or were repaired, and one entry per week."""
    before: dict[str, str] = {}
    for night in nights:
        day = str(night["night"])
        for alarm in night.get("alarms", ()):
            if alarm["state"] != "open":
                name = f"{alarm['stream']}, {alarm['metric']}"
                yield Entry(
                    f"alarm:{name}:{alarm['onset']}:{alarm['state']}", day, f"Alarm {alarm['state']}: {name}",
                    f"Since {alarm['onset']}.",
                )  # fmt: skip
        now = dict(night.get("broken", {}))
        for name in sorted(now.keys() - before.keys()):
            yield Entry(f"item:{name}:{day}", day, f"No longer valid: {name}", now[name])
        for name in sorted(before.keys() - now.keys()):
            yield Entry(f"item:{name}:{day}:held", day, f"Valid again: {name}", "")
        before = now
        year, week, _ = date.fromisoformat(day).isocalendar()
        yield Entry(f"week:{year}-{week:02}", monday(day), f"Nights ran in week {week} of {year}", "")


def monday(day: str) -> str:
    """The Monday of a day's week, so that the entry for the week is the same for every night."""
    found = date.fromisoformat(day)
    return date.fromordinal(found.toordinal() - found.weekday()).isoformat()


def moment(day: str) -> str:
    """A night as an Atom timestamp."""
    return f"{day}T00:00:00Z"
