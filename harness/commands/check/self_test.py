"""The test of the checker: each change planted in a copy of the demonstration must have exactly its expected outcome.

It works in a temporary folder and uses no network, no upstream and no accepted record.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from harness.checks import locks, simulated
from harness.checks.outcome import Check, Item, broken, held
from harness.commands.check import whole
from harness.commands.check.options import Options
from harness.commands.reproduce import reproduce
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.files import write_whole
from harness.core.project_folders import layers
from harness.executors.options import ExecutionOptions
from harness.recipes.selection import Settings
from harness.runs.runner import Observer
from harness.runs.store import DEMONSTRATION

PARTS = ("harness.toml", "patches", "recipes", "dockerfiles")
NIGHT = date(2026, 1, 1)
SYSTEM = "factorised/sampled-ce"
SILENT = "http://127.0.0.1:9/simple"  # no server listens on this port
SLOWER = """
import model as _model

_step = _model.Adam.step


def _slower(adam, parameters, gradients):
    adam.rate = 0.01
    _step(adam, parameters, gradients)


_model.Adam.step = _slower
"""
FIX = "correct the checker before relying on its other results"


@dataclass
class Bench:
    """A copy of the project with a small table of the demonstration, in which changes are planted.

    Attributes:
        config: of the copy.
        histories: number of histories started; each has its own machine class.
    """

    config: Config
    histories: int = 0

    def made(self) -> None:
        """Make the table and check it once, so that this machine's class is known."""
        settings = Settings(where={"system": (SYSTEM,)}, seeds=(42,), profile="quick")
        reproduce(TableRequest(self.config, "demo", settings, ExecutionOptions()), Observer())

    def looked(self, *parts: str, system: str = "", keep: bool = False) -> Check:
        """A check of some parts.

        Args:
            system: whose runs are repeated; all by default.
            keep: continue the same history; by default a new one, which knows no machine class.
        """
        self.histories += not keep
        options = Options(
            tier="nightly", parts=parts, budget_s=3600, night=NIGHT, out=self.config.cache / "out",
            history=self.config.cache / f"history-{self.histories}", artifacts=("demo/demo",), depth="full",
            where={"system": (system,)} if system else {}, offline=True,
        )  # fmt: skip
        return whole.run_check(self.config, options)

    def edit(self, path: str, old: str, new: str) -> Callable[[], None]:
        """Change a file of the copy; return a function that undoes it. With an old text of "", append."""
        file = self.config.root / path
        text = file.read_text(encoding="utf-8")
        write_whole(file, text.replace(old, new, 1) if old else text + new)
        return lambda: write_whole(file, text)

    @property
    def results(self) -> Path:
        """The demonstration's results."""
        return self.config.results / DEMONSTRATION


@dataclass(frozen=True)
class Case:
    """A planted change.

    Attributes:
        expected: the required outcome; for reruns, of every repeated run.
        found: returns its outcome.
        quick: whether it is part of the short test.
    """

    name: str
    expected: str
    found: Callable[[Bench], str]
    quick: bool = False


def check(config: Config, quick: bool) -> Iterator[Item]:
    """Every planted case in order.

    Args:
        quick: only those that take seconds.
    """
    with tempfile.TemporaryDirectory(prefix="harness-self-test-") as folder:
        bench = Bench(copied(config, Path(folder)))
        bench.made()
        for case in CASES:
            if case.quick or not quick:
                found = case.found(bench)
                good = found == case.expected
                yield held(case.name, found) if good else broken(case.name, f"{found}, expected {case.expected}", FIX)


def copied(config: Config, folder: Path) -> Config:
    """The configuration of a copy of the project's own files, or of those of the project that it extends."""
    for name in PARTS:
        source = layers(config.root)[-1] / name
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, folder / name)
    return config.model_copy(
        update={"root": folder, "results": folder / "results", "cache": folder / ".cache", "data": folder / "data",
                "git_mirror": None, "executor": "local"}
    )  # fmt: skip


def outcomes(found: Check) -> str:
    """The outcomes of all reruns of a check, each once."""
    return ", ".join(sorted({run.outcome for run in found.runs})) or "none"


def planted(*edits: tuple[str, str, str], system: str = SYSTEM) -> Callable[[Bench], str]:
    """The outcomes of reruns on a known machine class after edits of the copy."""

    def found(bench: Bench) -> str:
        first = outcomes(bench.looked("reruns", system=system))
        undo = [bench.edit(*edit) for edit in edits]
        try:
            return outcomes(bench.looked("reruns", system=system, keep=True)) if first == "held" else f"{first} before"
        finally:
            for back in undo:
                back()

    return found


def nothing(bench: Bench) -> str:
    """The outcomes of reruns without a planted change, on an unknown and then on a known class."""
    return ", ".join(dict.fromkeys(outcomes(bench.looked("reruns", keep=keep)) for keep in (False, True)))


def of_part(part: str, plant: Callable[[Bench], Callable[[], None]]) -> Callable[[Bench], str]:
    """The outcomes of a part after a planted change, with the exit code."""

    def found(bench: Bench) -> str:
        if (before := bench.looked(part)).exit:
            return f"exit {before.exit} before"
        undo = plant(bench)
        try:
            after = bench.looked(part)
        finally:
            undo()
        bad = sorted({item.outcome for one in after.parts for item in one.items if item.code})
        return f"{part}: {', '.join(bad)}, exit {after.exit}"

    return found


def another_byte(bench: Bench) -> Callable[[], None]:
    """One byte of the data changes."""
    file = next((bench.config.cache / "data").glob("*/data.txt"))
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    return lambda: write_whole(file, content)


def another_blob(bench: Bench) -> Callable[[], None]:
    """A patch made for another file than the upstream's."""
    path = "patches/demo/0001-choose-the-loss.patch"
    text = (bench.config.root / path).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("index "))
    return bench.edit(path, line, f"index {'0' * 40}..{line.partition('..')[2]}")


def another_digit(bench: Bench) -> Callable[[], None]:
    """A digit of the table changes."""
    file = next((bench.results / "tables").rglob("table.csv"))
    text = file.read_text(encoding="utf-8")
    at = text.index("0.", text.index("HIT@10")) + 3
    write_whole(file, text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :])
    return lambda: write_whole(file, text)


def moved(users: Callable[[np.ndarray], np.ndarray]) -> Callable[[Bench], str]:
    """The outcome of a rerun on a new machine class when the record's ranks of these users are one better.

    Args:
        users: chooses rows from the places above, in the view that metrics are printed from.
    """

    def found(bench: Bench) -> str:
        for folder in (bench.results / "runs").iterdir():
            file = folder / "ranks-test.npz"
            content = file.read_bytes()
            with np.load(io.BytesIO(content)) as stored:
                columns = {name: stored[name] for name in stored.files}
            rows = users(columns["above_printed"])
            for name in [name for name in columns if name.startswith("above_")]:
                columns[name][rows] -= 1
            made = io.BytesIO()
            np.savez_compressed(made, **columns)
            file.write_bytes(made.getvalue())
            try:
                outcome = outcomes(bench.looked("reruns", system=SYSTEM))
            finally:
                file.write_bytes(content)
            if outcome != "held":  # the record of the repeated system, not the floor's
                return outcome
        return "held"

    return found


def silence(bench: Bench) -> str:
    """The outcome of a lock when the index does not answer."""
    config = bench.config.model_copy(update={"pip_args": ("--index-url", SILENT)})
    environments = {"numpy": config.file.environments["numpy"]}
    config = config.model_copy(update={"file": config.file.model_copy(update={"environments": environments})})
    items = tuple(locks.check(config, offline=False, fresh=False))
    return f"{', '.join(sorted({item.outcome for item in items}))}, exit {max(item.code for item in items)}"


def failing(bench: Bench) -> str:
    """The outcome of a failing run, with the exit code."""
    undo = bench.edit("patches/overlay/losses/in_numpy.py", "", "\nraise SystemExit(3)\n")
    try:
        found = bench.looked("reruns", system=SYSTEM)
    finally:
        undo()
    return f"{outcomes(replace(found, runs=tuple(r for r in found.runs if r.system == SYSTEM)))}, exit {found.exit}"


def detected(_: Bench) -> str:
    """The detectors over 200 quarters: false alarms, and nights until a drop of a fifth is found."""
    calm = simulated.path_quarters(simulated.World(), 200, seed=1)
    noisy = simulated.trend_quarters(0.2, simulated.SPREADS, 20, seed=2)
    good = calm.share <= 0.05 and noisy.share == 1 and noisy.quantile(0.9) <= 3
    return (
        "few false alarms, a drop found in three nights"
        if good
        else f"{calm.share:.1%}, {noisy.quantile(0.9):g} nights"
    )


def far_behind(above: np.ndarray) -> np.ndarray:
    """Five users far from any printed metric."""
    return np.flatnonzero(above > 50)[:5]


def just_outside(above: np.ndarray) -> np.ndarray:
    """A user with rank 11: one rank better it was a hit, which is lost now."""
    return np.flatnonzero(above == 10)[:1]


LOSSES, PROBE = "patches/overlay/losses/in_numpy.py", "patches/overlay/probe.py"
CASES = (
    Case("1 nothing planted", "held", nothing, quick=True),
    Case("2 another learning rate", "changed", planted((LOSSES, "", SLOWER)), quick=True),
    Case("3 negatives drawn twice as often", "changed",
         planted((LOSSES, "    # 1. Users that occur", "    n = 2 * n\n    # 1. Users that occur"))),
    Case("4 ties broken the other way", "changed",
         planted((PROBE, '= above, tied, candidates\n', '= above + tied - 1, tied * 0 + 1, candidates\n'),
                 system="popularity"), quick=True),
    Case("5 one byte of a dataset", "data: broken, exit 1", of_part("data", another_byte)),
    Case("6 a patch that does not apply", "patches: broken, stale, exit 1", of_part("patches", another_blob)),
    Case("7 one digit of a table", "tables: stale, exit 1", of_part("tables", another_digit), quick=True),
    Case("8 five users moved by one place, new class", "near", moved(far_behind), quick=True),
    Case("9 one hit lost, new class", "left", moved(just_outside), quick=True),
    Case("10 an index that does not answer", "unchecked, exit 3", silence),
    Case("11 a run that fails", "failed, exit 4", failing),
    Case("12 detectors", "few false alarms, a drop found in three nights", detected),
)  # fmt: skip
