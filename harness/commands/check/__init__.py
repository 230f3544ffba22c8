"""`harness check`: each part in order, then the reruns; what came out, as files."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from harness.checks import as_json, data, feed, images, junit, locks, markdown, patches, pins, prose, records
from harness.checks.outcome import Check, Item, Part, unreachable
from harness.commands.check.options import Options
from harness.commands.check.tables import check_findings, check_tables
from harness.core.config import Config
from harness.core.errors import HarnessError
from harness.core.files import json_text, write_whole
from harness.environments.machine import own_version
from harness.runs.store import DEMONSTRATION, Store

Told = Callable[[Part], None]


def parts_of(config: Config, options: Options) -> Mapping[str, Callable[[], Iterable[Item]]]:
    """What looks at each part, by its name."""
    store = Store(config.results, config.cache)
    artifacts = options.artifacts or config.file.check.artifacts
    return {
        "pins": lambda: pins.check(config, options.offline),
        "patches": lambda: patches.check(config, store, options.offline),
        "locks": lambda: locks.check(config, options.offline, fresh=options.weekly),
        "data": lambda: data.check(config, store, options.offline, download=options.weekly),
        "images": lambda: images.check(config, build=options.weekly and not options.offline),
        "records": lambda: records.check(store_of(config, artifacts)),
        "tables": lambda: check_tables(config, artifacts),
        "findings": lambda: check_findings(config),
        "prose": lambda: prose.check(config),
    }


def store_of(config: Config, artifacts: Iterable[str]) -> Store:
    """The records that a check is about: those of the demonstration where nothing else is named."""
    named = {config.file.aliases.get(name, name) for name in artifacts}
    demonstration = bool(named) and all(name.startswith("demo/") for name in named)
    return Store(config.results / DEMONSTRATION if demonstration else config.results, config.cache)


def run_check(config: Config, options: Options, told: Told = lambda _: None) -> Check:
    """Look at everything asked for; what was found.

    Args:
        told: hears of each part when it is done.
    Raises:
        HarnessError: a mistake in the configuration, a recipe or the arguments.
    """
    began = time.monotonic()
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found = []
    for name, look in parts_of(config, options).items():
        if name in options.parts:
            found.append(Part(name, tuple(guarded(name, look))))
            told(found[-1])
    own = own_version(config)
    return Check(
        night=options.night.isoformat(), began=moment, tier=options.tier, commit=str(own["commit"] or ""),
        dirty=bool(own["dirty"]), machine="00000000", parts=tuple(found), budget_s=options.budget_s,
        spent_s=time.monotonic() - began, strict=options.strict,
    )  # fmt: skip


def plan(options: Options) -> Iterator[str]:
    """What would be looked at, a line each; nothing is asked."""
    yield f"night {options.night}, tier {options.tier}, {options.budget_s / 60:.0f} minutes for reruns"
    for name in options.parts:
        yield f"part {name}"


def guarded(name: str, look: Callable[[], Iterable[Item]]) -> Iterator[Item]:
    """The items of a part; trouble of the surroundings ends the part and not the check."""
    try:
        yield from look()
    except HarnessError as error:
        if error.exit_code == 2 or error.exit_code == 130:
            raise
        yield unreachable(name, error)


def write_reports(check: Check, out: Path, nights: Iterable[Mapping[str, object]] = ()) -> list[Path]:
    """Write check.json and what is made of it; the files.

    Args:
        nights: of the history, this one included, for the feed.
    Raises:
        StoreError: the disk is full or not writable.
    """
    files = {
        "check.json": json_text(as_json.content(check)),
        "summary.md": markdown.render(check),
        "junit.xml": junit.render(check),
        "feed.xml": feed.render(list(nights)),
        "badge.json": json_text(as_json.badge(check, datetime.date.fromisoformat(check.night))),
    }
    for name, text in files.items():
        write_whole(out / name, text)
    return [out / name for name in files]
