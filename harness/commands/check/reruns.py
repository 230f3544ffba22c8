"""Repeats runs and compares them: by equality if deterministic, else by the spread of seeds.

Records of reruns have a separate folder; those of runs that left their path are kept with the reports.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from harness.checks import comparing
from harness.checks.comparing import Comparison, Limits
from harness.checks.history import DIGEST, FORMAT, History, Line
from harness.checks.order import Choice
from harness.checks.outcome import BROKEN, ENVIRONMENT, FAILED, RunCheck, RunOutcome
from harness.commands.check.candidates import Rerun, in_store, reason, shortened
from harness.commands.table_request import TableRequest
from harness.core.errors import HarnessError, MetricsError
from harness.core.files import remove_tree
from harness.core.project_file import Check as Settings
from harness.runs.plan import Run
from harness.runs.runner import Observer
from harness.runs.stored import Stored
from harness.stats.metrics import per_user
from harness.stats.sequential import one_more

CONFIDENCE = 0.99
OVERRUN = 1.1  # of the budget: longer runs are stopped
UNSTEADY_NIGHTS = 5
KEPT = ("left", "changed", "unsteady", "outside seeds")
PRIMARY = "NDCG@10"


@dataclass
class Night:
    """One night's reruns.

    Attributes:
        scratch: folder for their records. kept: folder for those that need attention.
        ends: time of the monotonic clock at which the budget is spent.
        report: called with each outcome.
    """

    settings: Settings
    history: History
    night: str
    commit: str
    scratch: Path
    kept: Path
    begun: float
    budget_s: float
    jobs: int
    speed: float
    report_rerun: Callable[[RunCheck], None] = lambda _: None
    cut: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    rounds: int = 0

    @property
    def left_s(self) -> float:
        """Seconds of the budget that are left."""
        return self.begun + self.budget_s - time.monotonic()

    def carry_out(self, chosen: Sequence[Choice], reruns: Mapping[str, Rerun]) -> Iterator[RunCheck]:
        """Repeat each chosen run, table by table, and judge it."""
        for group in grouped(chosen, reruns):
            pairs = [(choice, reruns[choice.candidate.key]) for choice in group]
            stored = self.run_again(pairs)
            failed = [pair for pair in pairs if stored[pair[1].candidate.key].status == "failed"]
            again = self.run_again([pair for pair in failed if pair[1].candidate.key not in self.ended])
            found = self.confirmed(pairs, {**stored, **again})
            for check in found:
                self.report_rerun(check)
                yield check

    def run_again(self, pairs: Sequence[tuple[Choice, Rerun]]) -> dict[str, Stored]:
        """The result of each of these runs, by key of its accepted record; `missing` if it could not start."""
        if not pairs:
            return {}
        self.rounds += 1
        depth, plain = pairs[0][0].depth, pairs[0][1].request
        if depth == "prefix":
            plain = shortened(plain, self.settings.prefix_epochs)
        request = in_store(plain, self.scratch / str(self.rounds), self.jobs)
        by_label = {run.label: run for run in request.runs}
        runs = {choice.candidate.key: by_label[rerun.run.label] for choice, rerun in pairs}
        expected = {runs[c.candidate.key].key: c.candidate.seconds(depth) * self.speed for c, _ in pairs}
        execution = request.execution(Observer(), lambda run: self.allowed(run, expected[run.key]))
        try:
            execution.execute(execution.prepare_workspace(list(runs.values())))
        except HarnessError as error:
            if error.exit_code in (2, 130):
                raise
            return {key: Stored("missing", reason(error)) for key in runs}
        return {key: self.left_by(key, run, request, execution.gaps) for key, run in runs.items()}

    def left_by(self, key: str, run: Run, request: TableRequest, gaps: Mapping[str, HarnessError]) -> Stored:
        """The stored result of a run, or why it could not start."""
        stored = request.store.look_up(run)
        if stored.status == "failed" and "timed out" in stored.reason and self.left_s < 0:
            self.ended.add(key)
        return Stored("missing", reason(gaps[run.key])) if run.key in gaps else stored

    def allowed(self, run: Run, expected_s: float) -> float:
        """Seconds that a run may take if it starts now: 0 if it is not expected to fit."""
        if expected_s > self.left_s:
            self.cut.add(run.key)
            return 0.0
        return self.left_s + (OVERRUN - 1) * self.budget_s

    def confirmed(self, pairs: Sequence[tuple[Choice, Rerun]], stored: Mapping[str, Stored]) -> Iterator[RunCheck]:
        """The outcome of each run; a change on a known class is repeated before it counts."""
        suspects = []
        for choice, rerun in pairs:
            check = self.judged(choice, rerun, stored[rerun.candidate.key])
            if check.outcome == "changed" and not any("other users" in text for text in check.changes):
                suspects.append((choice, rerun, check))
            else:
                yield check
        second = self.run_again([(choice, rerun) for choice, rerun, _ in suspects])
        for choice, rerun, first in suspects:
            yield self.settled(choice, first, self.judged(choice, rerun, second[rerun.candidate.key]))

    def settled(self, choice: Choice, first: RunCheck, second: RunCheck) -> RunCheck:
        """A change that a second run confirms, or an unsteady run."""
        digest = DIGEST[choice.depth]
        if second.outcome == "held":
            lines = [n for n in self.history.lines if n["key"] == first.key and n["outcome"] == "unsteady"]
            recent = [n for n in lines if nights_apart(str(n["night"]), self.night) < UNSTEADY_NIGHTS]
            return relabelled(first, "unsteady", BROKEN if recent else 0, "a second run gave the anchor again")
        if second.outcome == "changed" and (second.line or {}).get(digest) == (first.line or {}).get(digest):
            return relabelled(first, "changed", BROKEN, "a second run gave the same")
        what = (
            "the second run failed" if second.outcome in ("failed", "unchecked") else "a second run gave a third result"
        )
        return relabelled(first, "unsteady", BROKEN, what)

    def judged(self, choice: Choice, rerun: Rerun, stored: Stored) -> RunCheck:
        """The outcome of one run, not yet confirmed."""
        key = rerun.candidate.key
        if stored.status == "missing":
            cut = not stored.reason or stored.reason == "not run"
            why = "the budget was spent" if cut else stored.reason
            return self.check(choice, rerun, "unchecked", changes=(why,), code=0 if cut else ENVIRONMENT)
        if stored.record is None or stored.ranks is None:
            if key in self.ended:
                return self.check(choice, rerun, "unchecked", changes=("ended: the budget was spent",))
            return self.check(choice, rerun, "failed", changes=(stored.reason,), code=FAILED)
        anchor = self.history.anchor(key, rerun.candidate.machine, choice.depth)
        try:
            if not is_deterministic(rerun.request):
                return self.drawn(choice, rerun, stored)
            found = (
                comparing.compare_full(rerun.accepted, stored.record, limits_of(self.settings))
                if choice.depth == "full"
                else comparing.compare_prefix(
                    rerun.accepted, stored.record, self.settings.prefix_epochs, limits_of(self.settings)
                )
            )
        except MetricsError as error:
            return self.check(choice, rerun, "failed", changes=(reason(error),), code=FAILED)
        outcome = comparing.outcome(found, anchor)
        if outcome in KEPT:
            self.keep(stored, rerun)
        alien = BROKEN if found.alien else 0
        return self.check(choice, rerun, outcome, found, stored, alien)

    def drawn(self, choice: Choice, rerun: Rerun, stored: Stored) -> RunCheck:
        """A rerun with other random numbers: within the spread of accepted seeds, or outside it."""
        assert stored.record is not None
        assert stored.ranks is not None
        _, low, high = one_more(seed_values(rerun), CONFIDENCE)
        mine = float(per_user(stored.ranks, PRIMARY).mean())
        outcome: RunOutcome = "within seeds" if low <= mine <= high else "outside seeds"
        delta = comparing.differences(rerun.accepted.typed.printed or {}, stored.record.typed.printed or {})
        digest = comparing.ranks_digest(comparing.rank_columns(stored.record.folder / "ranks-test.npz"))
        found = Comparison(
            False, False, digest, delta=delta, changes=(f"{PRIMARY} {mine:.4f} of [{low:.4f}, {high:.4f}]",)
        )
        return self.check(choice, rerun, outcome, found, stored)

    def check(
        self, choice: Choice, rerun: Rerun, outcome: RunOutcome, found: Comparison | None = None,
        stored: Stored | None = None, code: int = 0, changes: Iterable[str] = (),
    ) -> RunCheck:  # fmt: skip
        """A result with its line for the history."""
        c = choice.candidate
        line: dict[str, object] = {
            "format": FORMAT, "night": self.night, "key": c.key, "upstream": c.upstream, "dataset": c.dataset,
            "system": c.system, "seed": c.seed, "depth": choice.depth, "class": c.machine, "outcome": outcome,
            "harness": self.commit[:12], "expected": round(c.seconds(choice.depth), 1), "cell": c.cell,
            "known": self.history.anchor(c.key, c.machine, choice.depth) is not None,
        }  # fmt: skip
        if found and stored and stored.record:
            record = stored.record.typed
            metrics = {n: float(v) for n, v in (record.printed or {}).items() if comparing.METRIC.fullmatch(n)}
            line |= {
                DIGEST[choice.depth]: found.digest, "moved": found.moved, "places": found.places, "metrics": metrics,
                "epochs": record.end.epochs if record.end else None, "seconds": round(record.seconds, 1),
            }  # fmt: skip
        report_rerun = (*rerun.changes, *(found.changes if found else ()), *changes)
        if report_rerun:
            line["changes"] = list(report_rerun)
        replaces = c.key if rerun.run.key != c.key and rerun.changes else None
        return RunCheck(
            c.key, c.upstream, c.dataset, c.system, c.seed, choice.depth, outcome, found.moved if found else 0,
            found.places if found else 0.0, found.delta if found else {}, replaces, report_rerun,
            f"harness check why {c.key[:8]}" if outcome not in ("held", "near") else "", code, line,
        )  # fmt: skip

    def keep(self, stored: Stored, rerun: Rerun) -> None:
        """Copy a record to the folder of kept records."""
        if stored.record:
            target = self.kept / rerun.candidate.key
            remove_tree(target)
            shutil.copytree(stored.record.folder, target)


def limits_of(settings: Settings) -> Limits:
    """The tolerance of a rerun on an unknown machine class."""
    return Limits(settings.near_users, settings.near_places, settings.near_metric, settings.prefix_loss)


def relabelled(check: RunCheck, outcome: RunOutcome, code: int, why: str) -> RunCheck:
    """A result after its confirmation."""
    line = {**(check.line or {}), "outcome": outcome, "confirmed": why}
    return replace(check, outcome=outcome, code=code, changes=(*check.changes, why), line=line)


def grouped(chosen: Sequence[Choice], reruns: Mapping[str, Rerun]) -> list[list[Choice]]:
    """The choices of each request and depth together, in the order of each group's first."""
    groups: dict[tuple[int, str], list[Choice]] = {}
    for choice in chosen:
        groups.setdefault((id(reruns[choice.candidate.key].request), choice.depth), []).append(choice)
    return list(groups.values())


def is_deterministic(request: TableRequest) -> bool:
    """Whether a rerun gives the same digits: true on one CPU thread."""
    return request.settings.device == "cpu" and request.settings.threads == 1


def seed_values(rerun: Rerun) -> list[float]:
    """The metric of each accepted seed of a run's cell."""
    request, run = rerun.request, rerun.run
    stored = [
        request.store.look_up(other)
        for other in request.runs
        if (other.dataset, other.system) == (run.dataset, run.system)
    ]
    return [float(per_user(found.ranks, PRIMARY).mean()) for found in stored if found.ranks is not None]


def nights_apart(one: str, other: str) -> int:
    """Days between two nights."""
    return abs((date.fromisoformat(other) - date.fromisoformat(one)).days)


def line_of(check: RunCheck) -> Line | None:
    """The line of the history for a result; none for a run that could not start."""
    return check.line if check.outcome != "unchecked" else None
