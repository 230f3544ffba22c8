"""Alarms of streams, computed from the history each time: no state is kept, so merged histories give the same result.

A stream is one system on one dataset, or one upstream. Two detectors watch it: `paths`, whether reruns on new machine
classes leave their path, and for the metrics where they do, or on nondeterministic classes, a trend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.history import History, Line
from harness.checks.outcome import Alarm, AlarmState
from harness.stats import sequential
from harness.stats.sequential import Step

METRICS = ("HIT@10", "NDCG@10")
CALM_NIGHTS = 3  # without evidence, after which an alarm is closed
QUARTER = 90  # nights
DRAWS = ("left", "within seeds", "outside seeds")  # outcomes of runs with other random numbers than the accepted ones


@dataclass(frozen=True)
class Watched:
    """The input of one detector for one stream.

    Attributes:
        nights: that had reruns of it. steps: of the detector, one a night. values: of each night's reruns.
        spread: standard deviation of the accepted runs relative to their mean, 0 where it is unknown.
    """

    stream: str
    metric: str
    nights: Sequence[str]
    steps: Sequence[Step]
    values: Sequence[Sequence[float]]
    spread: float = 0.0


def alarms(
    history: History,
    accepted: Mapping[str, Mapping[str, Sequence[float]]],
    streams: int,
    quiet_nights: float,
    night: str,
) -> list[Alarm]:
    """The alarms that are open tonight, and those that were closed or accepted tonight.

    An accepted change is the new state: earlier nights are ignored.

    Args:
        accepted: values of the accepted seeds by cell and metric.
        streams: to watch, with or without history.
        quiet_nights: minimum mean number of nights between false alarms of all detectors together.
    """
    excuses = {str(name): str(line["night"]) for line in history.accepted for name in line.get("streams", ())}
    threshold = quiet_nights * max(streams, 1)
    found = []
    for one in watched(history.lines, accepted, excuses):
        found += [alarm] if (alarm := state_of(one, threshold, night)) else []
    tonight = {name for name, when in excuses.items() if when == night}
    for one in watched(history.lines, accepted, {}) if tonight else ():
        alarm = state_of(one, threshold, one.nights[-1]) if one.stream in tonight else None
        found += [replace(alarm, state="accepted")] if alarm and alarm.state != "closed" else []
    return found


def watched(
    lines: Sequence[Line], accepted: Mapping[str, Mapping[str, Sequence[float]]], excuses: Mapping[str, str]
) -> Iterator[Watched]:
    """All detectors with their input after the last accepted change of their stream.

    Args:
        excuses: night of that change by stream.
    """
    for stream, all_lines in by_stream(lines).items():
        since = excuses.get(stream, "")
        own = [line for line in all_lines if str(line["night"]) > since]
        yield from of_paths(stream, own)
        yield from of_trends(stream, own, {} if since else accepted)


def of_paths(stream: str, lines: Sequence[Line]) -> Iterator[Watched]:
    """The paths of a stream with reruns on new machine classes."""
    new = [line for line in lines if not line.get("known") and line["outcome"] in ("held", "near", "left")]
    if new:
        nights = by_night(new)
        left = [[line["outcome"] == "left" for line in night] for night in nights.values()]
        values = [[float(one) for one in night] for night in left]
        yield Watched(stream, "paths", list(nights), sequential.paths(left), values)


def of_trends(
    stream: str, lines: Sequence[Line], accepted: Mapping[str, Mapping[str, Sequence[float]]]
) -> Iterator[Watched]:
    """The metrics of all cells of a stream whose reruns have other random numbers than the accepted runs.

    Sizes are relative to each cell's accepted mean, since the cells of an upstream have different ones.
    """
    drawn = [line for line in lines if line["outcome"] in DRAWS and line.get("metrics")]
    nights = by_night(drawn)
    for metric in METRICS if drawn else ():
        cells, relative = [], [list[float]() for _ in nights]
        spreads = []
        for cell in dict.fromkeys(str(line.get("cell", "")) for line in drawn):
            values = [
                [float(n["metrics"][metric]) for n in night if is_of(n, cell, metric)] for night in nights.values()
            ]
            before = list(accepted.get(cell, {}).get(metric, ())) or [value for night in values for value in night]
            middle, spread = sequential.moments(before) if len(before) > 1 else (before[0] if before else 1.0, 0.0)
            cells.append((accepted.get(cell, {}).get(metric, ()), values))
            spreads.append(spread / (middle or 1.0))
            for night, found in zip(relative, values, strict=True):
                night += [value / (middle or 1.0) - 1 for value in found]
        yield Watched(
            stream, metric, list(nights), sequential.trend(cells), relative, math.fsum(spreads) / len(spreads)
        )


def is_of(line: Line, cell: str, metric: str) -> bool:
    """Whether a rerun is of a cell and has a metric."""
    return line.get("cell", "") == cell and metric in line["metrics"]


def by_stream(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines of each system on a dataset, and of each upstream."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        for name in streams_of(line):
            found.setdefault(name, []).append(line)
    return found


def streams_of(line: Line) -> tuple[str, str]:
    """The two streams that a rerun belongs to."""
    return f"{line['system']} on {line['dataset']}", str(line["upstream"])


def by_night(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines of each night."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(str(line["night"]), []).append(line)
    return found


def state_of(one: Watched, threshold: float, night: str) -> Alarm | None:
    """The alarm of a detector tonight; None if there is none, or it was closed before."""
    opened = closed = None
    onset = calm = 0
    for number, step in enumerate(one.steps):
        if opened is None and step.value >= threshold and step.evidence > 1:
            opened, closed, onset, calm = number, None, step.onset, 0
        elif opened is not None:
            calm = calm + 1 if step.evidence <= 1 else 0
            if calm == CALM_NIGHTS:
                opened, closed = None, number
    state: AlarmState | None = None
    if opened is not None:
        state = "opened" if one.nights[opened] == night else "open"
    elif closed is not None and one.nights[closed] == night:
        state = "closed"
    return (
        Alarm(one.stream, one.metric, one.nights[onset], state, size(one, onset), power(one, threshold))
        if state
        else None
    )


def size(one: Watched, onset: int) -> tuple[float, float, float]:
    """The difference since the onset with its 95 % interval: the share of paths left, or relative to accepted means."""
    values = [value for night in one.values[onset:] for value in night]
    n, mean = len(values), math.fsum(values) / len(values)
    if one.metric == "paths":  # Wilson's interval for a share
        z = 1.96
        middle, half = mean + z * z / (2 * n), z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
        return mean, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    half = 1.96 * (sequential.moments(values)[1] if n > 1 else one.spread) / math.sqrt(n)
    return mean, mean - half, mean + half


def power(one: Watched, threshold: float) -> str:
    """The approximate smallest shift of a metric that a quarter of similar nights would show."""
    if one.metric == "paths" or not one.spread:
        return ""
    runs = round(sum(map(len, one.values)) / len(one.nights) * QUARTER)
    return f"a shift of about {sequential.smallest_shift(threshold, runs) * one.spread:.0%} in {QUARTER} nights"
