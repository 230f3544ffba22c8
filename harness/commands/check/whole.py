"""A complete check without the test of the checker: each part in order, then the reruns."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from harness.checks import data, images, locks, patches, pins, prose, records
from harness.checks.history import History
from harness.checks.outcome import Check, Item, Part, RunCheck, unreachable
from harness.commands.check import night
from harness.commands.check.options import Options
from harness.commands.check.tables import check_findings, check_tables
from harness.core.config import Config
from harness.core.errors import HarnessError
from harness.environments.machine import own_version
from harness.environments.machine_class import class_facts, machine_class
from harness.runs.store import DEMONSTRATION, Store

Report = Callable[[Part], None]
Reran = Callable[[RunCheck], None]
Looks = Mapping[str, Callable[[], Iterable[Item]]]
RERUNS = "reruns"


def parts_of(config: Config, options: Options) -> Looks:
    """The function that checks each part, by name."""
    artifacts = options.artifacts or config.file.check.artifacts
    store = store_of(config, artifacts)
    return {
        "pins": lambda: pins.check(config, options.offline),
        "patches": lambda: patches.check(config, store, options.offline),
        "locks": lambda: locks.check(config, options.offline, fresh=options.weekly),
        "data": lambda: data.check(config, store, options.offline, download=options.weekly),
        "images": lambda: images.check(config, build=options.weekly and not options.offline),
        "records": lambda: records.check(store),
        "tables": lambda: check_tables(config, artifacts),
        "findings": lambda: check_findings(config),
        "prose": lambda: prose.check(config),
    }


def store_of(config: Config, artifacts: Iterable[str]) -> Store:
    """The checked records: those of the demonstration if nothing else is named."""
    named = {config.file.aliases.get(name, name) for name in artifacts}
    demonstration = bool(named) and all(name.startswith("demo/") for name in named)
    return Store(config.results / DEMONSTRATION if demonstration else config.results, config.cache)


def run_check(
    config: Config, options: Options, report: Report = lambda _: None, reran: Reran = lambda _: None,
    more: Looks = MappingProxyType({}),
) -> Check:  # fmt: skip
    """Check everything requested, keep it in the history, and return the result.

    Args:
        report: called with each finished part. reran: with each rerun.
        more: functions that check further parts, by name.
    Raises:
        HarnessError: a mistake in the configuration, a recipe or the arguments.
    """
    began = time.monotonic()
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    own = own_version(config)
    parts = []
    for name, look in {**parts_of(config, options), **more}.items():
        if name in options.parts:
            parts.append(Part(name, tuple(guarded(name, look))))
            report(parts[-1])
    history = History(options.history)
    runs = night.Reran()
    if RERUNS in options.parts:
        runs = night.rerun(config, options, history, began, str(own["commit"] or ""), reran)
        parts += [Part(RERUNS, runs.items)] if runs.items else []
    facts = class_facts(config.base_env, "cpu", options.executor or config.executor)
    own_class = machine_class(facts)
    ran_on = {str(run.line["class"]) for run in runs.runs if run.line} or {own_class}  # of containers: with their image
    check = Check(
        night=options.night.isoformat(), began=moment, tier=options.tier, commit=str(own["commit"] or ""),
        dirty=bool(own["dirty"]), machine=min(ran_on) if len(ran_on) == 1 else own_class, parts=tuple(parts),
        runs=runs.runs, alarms=runs.alarms, coverage=runs.coverage, budget_s=options.budget_s,
        spent_s=time.monotonic() - began, strict=options.strict, cut=runs.cut,
    )  # fmt: skip
    if not options.read_only:
        history.add_classes({own_class: facts, **runs.classes})
        history.add_night(night.night_line(check, options))
    return check


def plan(config: Config, options: Options) -> Iterator[str]:
    """What would be checked, one line each; executes nothing."""
    yield f"night {options.night}, tier {options.tier}, {options.budget_s / 60:.0f} minutes"
    for name in options.parts:
        yield f"part {name}"
    if RERUNS in options.parts:
        there = night.found(config, options)
        choices = night.chosen(config, options, there, History(options.history), options.budget_s)
        for choice in choices:
            c = choice.candidate
            seed = "" if c.seed is None else f" seed {c.seed}"
            about = f"{choice.depth}, about {c.seconds(choice.depth):.0f} s"
            yield f"rerun {c.key[:8]} {c.dataset} {c.system}{seed}, {about}"
        yield f"{len(choices)} of {len(there.reruns)} runs"


def guarded(name: str, look: Callable[[], Iterable[Item]]) -> Iterator[Item]:
    """The items of a part; a failure of the environment ends the part, not the check."""
    try:
        yield from look()
    except HarnessError as error:
        if error.exit_code == 2 or error.exit_code == 130:
            raise
        yield unreachable(name, error)
