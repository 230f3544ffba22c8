"""summary.md: one sentence first, then results that need attention, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.checks.outcome import Alarm, Check, Item, Part, RunCheck, asking

LONGEST = 60_000  # characters; a job's summary page allows a megabyte, which is too long to read
NOTHING = "nothing to do"


def render(check: Check) -> str:
    """The summary as Markdown."""
    lines = [f"# harness check {check.night}", "", sentence(check), ""]
    lines += [*needs(check), *covered(check), *rest(check)]
    return shortened(lines)


def sentence(check: Check) -> str:
    """All of a check in one sentence."""
    words = []
    if distrusted(check):
        words.append("**the checker failed its own test, so the results below are not reliable**")
    reruns = [run for run in check.runs if run.outcome != "unchecked"]
    if reruns:
        held = sum(run.outcome in ("held", "near", "within seeds") for run in reruns)
        words.append(f"{held} of {len(reruns)} reruns held on class {check.machine}")
    for part in check.parts:
        if part.part == "tables" and part.outcome == "held":
            words.append(f"{len(part.items)} tables are current" if len(part.items) != 1 else "1 table is current")
    bad = sum(asking(part.items) for part in check.parts) + asking(check.runs) + len(open_alarms(check))
    words.append(f"{bad} finding{'' if bad == 1 else 's'} need{'s' if bad == 1 else ''} attention" if bad else NOTHING)
    text = ", ".join(words)
    return f"{text[0].upper()}{text[1:]} (tier {check.tier}, exit {check.exit})."


def distrusted(check: Check) -> bool:
    """Whether the test of the checker itself failed."""
    return any(part.part == "self-test" and part.outcome == "broken" for part in check.parts)


def open_alarms(check: Check) -> list[Alarm]:
    """Alarms that are not closed."""
    return [alarm for alarm in check.alarms if alarm.state in ("opened", "open")]


def needs(check: Check) -> Iterator[str]:
    """Everything with an exit code other than 0: onset, subject, size, and a command that shows it."""
    found = [f"- **alarm** {alarm_text(alarm)}" for alarm in open_alarms(check)]
    found += [run_line(run) for run in check.runs if run.code]
    found += [item_line(part, item) for part in check.parts for item in part.items if item.code]
    if found:
        yield from ("## Needs attention", "", *found, "")


def alarm_text(alarm: Alarm) -> str:
    """One alarm with its onset and size."""
    middle, low, high = alarm.size
    size = f" by {middle:+.4f} [{low:+.4f}, {high:+.4f}]" if alarm.metric != "paths" else ""
    return f"{alarm.stream}, {alarm.metric}: since {alarm.onset}{size} ({alarm.state})"


def run_line(run: RunCheck) -> str:
    """One rerun: changed ranks, changes, and the command that shows it."""
    moved = f"; {run.moved} users' ranks changed, by at most {run.places:g}" if run.moved else ""
    changes = f"; {'; '.join(run.changes)}" if run.changes else ""
    return f"- **{run.outcome}** {run.label}, run {run.key[:8]}{moved}{changes}{command(run.again)}"


def item_line(part: Part, item: Item) -> str:
    """One item of a part; further lines of its text as code."""
    first, _, more = item.what.partition("\n")
    block = "\n".join(["", "", "  ```diff", *(f"  {line}" for line in more.split("\n")), "  ```"]) if more else ""
    return f"- **{part.part}: {item.outcome}** {item.name}: {first}{command(item.fix)}{block}"


def command(text: str) -> str:
    """The fix, after an arrow."""
    return f" → {text}" if text else ""


def covered(check: Check) -> Iterator[str]:
    """Coverage of runs, and the smallest shifts that the detectors could have found."""
    if check.runs or check.coverage.runs:
        c = check.coverage
        oldest = f"; the least recently checked system was checked on {c.oldest}" if c.oldest else ""
        yield from ("## Coverage", "")
        yield f"{c.in_7_days} of {c.runs} runs in 7 days, {c.in_30_days} in 30 days{oldest}."
        yield f"{check.spent_s / 60:.0f} of {check.budget_s / 60:.0f} minutes spent." + (
            f" {check.cut}" * bool(check.cut)
        )
        yield ""
    if listed := [f"- {alarm.stream}, {alarm.metric}: {alarm.power}" for alarm in check.alarms if alarm.power]:
        yield from ("## Smallest detectable shifts", "", *listed, "")


def rest(check: Check) -> Iterator[str]:
    """Every part with its counts, then items and reruns without a finding, collapsed."""
    yield from ("## Parts", "", "| part | outcome | items |", "| --- | --- | --- |")
    for part in check.parts:
        yield f"| {part.part} | {part.outcome} | {counts(part.items)} |"
    yield ""
    for part in check.parts:
        listed = [item for item in part.items if item.what and not item.code]
        if listed:
            yield from folded(
                part.part, [f"- {item.name}: {item.outcome}; {item.what.splitlines()[0]}" for item in listed]
            )
    if quiet := [run_line(run) for run in check.runs if not run.code]:
        yield from folded("reruns without a finding", quiet)


def counts(items: Sequence[Item]) -> str:
    """The number of items by outcome."""
    outcomes = [item.outcome for item in items]
    return ", ".join(f"{outcomes.count(name)} {name}" for name in dict.fromkeys(outcomes)) or "none"


def folded(title: str, lines: Sequence[str]) -> Iterable[str]:
    """Collapsed lines."""
    return ("<details>", f"<summary>{title} ({len(lines)})</summary>", "", *lines, "", "</details>", "")


def shortened(lines: Sequence[str]) -> str:
    """The lines as text, truncated to the longest summary with a count of the rest."""
    used = 0
    for i, line in enumerate(lines):
        used += len(line) + 1
        if used > LONGEST:
            return "\n".join([*lines[:i], "", f"{len(lines) - i} more lines are in check.json.", ""])
    return "\n".join(lines)
