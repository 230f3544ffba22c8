"""The reruns of a check: choice of runs, execution, history, alarms and coverage."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from harness.checks import detectors, order
from harness.checks.history import History, Line
from harness.checks.order import Candidate, Choice
from harness.checks.outcome import Alarm, Check, Coverage, Item, RunCheck
from harness.commands.check import candidates
from harness.commands.check.candidates import Candidates, Rerun
from harness.commands.check.options import Options
from harness.commands.check.reruns import Night, line_of
from harness.core.config import Config
from harness.core.files import disk_errors, remove_tree
from harness.runs.stored import judge
from harness.stats.metrics import per_user

WEEK, MONTH = 7, 30  # days


@dataclass(frozen=True)
class Reran:
    """The results of a check's reruns."""

    runs: tuple[RunCheck, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    items: tuple[Item, ...] = ()
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cut: str = ""


def found(config: Config, options: Options) -> Candidates:
    """The candidates for reruns."""
    artifacts = options.artifacts or config.file.check.artifacts
    return candidates.find(config, artifacts, options.where, options.executor, config.file.check.prefix_epochs)


def chosen(config: Config, options: Options, there: Candidates, history: History, seconds: float) -> list[Choice]:
    """The runs of this night in order; nothing is run.

    Args:
        seconds: wall time that is left for them.
    """
    known = [rerun.candidate for rerun in there.reruns.values()]
    return order.choose(
        known, history, options.night, depth=options.depth, seconds=seconds * options.jobs,
        speed=speed(config, known, history), one_seed=options.tier == "smoke",
    )  # fmt: skip


def speed(config: Config, known: Sequence[Candidate], history: History) -> float:
    """Speed of this machine: its seconds per recorded second."""
    machine = known[0].machine if known else ""
    return order.learned_speed(history.lines, machine, config.file.check.speed)


def rerun(
    config: Config, options: Options, history: History, began: float, commit: str, report: Callable[[RunCheck], None]
) -> Reran:
    """Repeat the runs that fit this night's budget, compare them, and keep the lines; see `Reran`.

    Args:
        began: time of the monotonic clock at which the check began; its budget counts from there.
    """
    there = found(config, options)
    left = began + options.budget_s - time.monotonic()
    choices = chosen(config, options, there, history, left)
    kept: list[RunCheck] = []
    folder = config.cache / "check"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f"{options.night}-", dir=folder))
    night = Night(
        settings=config.file.check, history=history, night=options.night.isoformat(), commit=commit, scratch=scratch,
        kept=options.out / "records", begun=began, budget_s=options.budget_s, jobs=options.jobs,
        speed=speed(config, [rerun.candidate for rerun in there.reruns.values()], history), report_rerun=report,
    )  # fmt: skip
    lines: list[Line] = []
    try:
        for check in night.carry_out(choices, there.reruns):
            kept.append(check)
            if line := line_of(check):
                lines.append(line)
                if not options.read_only:
                    history.add(night.night, [line])
    finally:
        remove_tree(scratch)
    facts = {r.candidate.machine: r.request.class_facts(r.run) for r in there.reruns.values()}
    after = History(history.folder).with_lines(history.lines, lines)
    missing = len(there.reruns) - len({choice.candidate.key for choice in choices})
    return Reran(
        tuple(kept), tuple(alarms(config, there, after, options.night)), coverage(there, after, options.night),
        (*there.left_out, *stale(config, there, after, options.night)), facts,
        f"{missing} of {len(there.reruns)} runs were left for later nights." if missing else "",
    )  # fmt: skip


def alarms(config: Config, there: Candidates, history: History, night: date) -> list[Alarm]:
    """The alarms of all streams tonight."""
    streams = {name for rerun in there.reruns.values() for name in detectors.streams_of(facts_of(rerun.candidate))}
    cells = {str(line.get("cell")) for line in history.lines if line["outcome"] in detectors.DRAWS}
    accepted = accepted_values([rerun for rerun in there.reruns.values() if rerun.candidate.cell in cells])
    return detectors.alarms(history, accepted, len(streams), config.file.check.quiet_nights, night.isoformat())


def facts_of(candidate: Candidate) -> Line:
    """The names of a candidate's streams."""
    return {"system": candidate.system, "dataset": candidate.dataset, "upstream": candidate.upstream}


def accepted_values(reruns: Sequence[Rerun]) -> dict[str, dict[str, list[float]]]:
    """Metrics of the accepted seeds by cell."""
    found: dict[str, dict[str, list[float]]] = {}
    for one in reruns:
        if (ranks := judge(one.accepted).ranks) is not None:
            for metric in detectors.METRICS:
                value = float(per_user(ranks, metric).mean())
                found.setdefault(one.candidate.cell, {}).setdefault(metric, []).append(value)
    return found


def coverage(there: Candidates, history: History, night: date) -> Coverage:
    """The share of runs repeated in the last week and month."""
    seen = order.looked(history.lines)
    age = {key: order.nights_since(str(seen.last[key]["night"]), night) for key in there.reruns if key in seen.last}
    systems = {rerun.candidate.of for rerun in there.reruns.values()}
    nights = [seen.system.get(system, "") for system in systems]
    return Coverage(
        len(there.reruns), sum(days < WEEK for days in age.values()), sum(days < MONTH for days in age.values()),
        min(nights, default=""),
    )  # fmt: skip


def stale(config: Config, there: Candidates, history: History, night: date) -> list[Item]:
    """Systems that were not rerun for too long, if there is a history; this never fails a check."""
    seen, days = order.looked(history.lines), config.file.check.oldest_days
    first = min((str(line["night"]) for line in history.lines), default=night.isoformat())
    if order.nights_since(first, night) < days:
        return []
    systems = {rerun.candidate.of for rerun in there.reruns.values()}
    late = sorted(system for system in systems if order.nights_since(seen.system.get(system, ""), night) > days)
    what = f"not rerun for more than {days} days; raise --budget"
    return [Item(f"{system} on {dataset}", "unchecked", what) for _, dataset, system in late]


def night_line(check: Check, options: Options) -> Line:
    """The line of the history for a complete check."""
    outcomes = [run.outcome for run in check.runs]
    bad = {
        f"{part.part}: {item.name}": item.what.splitlines()[0] if item.what else item.outcome
        for part in check.parts
        for item in part.items
        if item.outcome in ("broken", "stale", "gone")
    }
    return {
        "format": 1, "night": check.night, "began": check.began, "tier": check.tier, "commit": check.commit,
        "class": check.machine, "budget_s": check.budget_s, "spent_s": round(check.spent_s, 1), "exit": check.exit,
        "outcomes": {name: outcomes.count(name) for name in sorted(set(outcomes))},
        "parts": {part.part: part.outcome for part in check.parts}, "broken": bad,
        "alarms": [{"stream": a.stream, "metric": a.metric, "onset": a.onset, "state": a.state} for a in check.alarms],
        "job": options.job,
    }  # fmt: skip
