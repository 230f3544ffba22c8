"""The plans of all committed tables: every record is found, and a key changes only with what its run can load."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from render_tables import TABLES

from harness.cli.options import pairs, seed_list
from harness.commands.reproduce import report
from harness.commands.table_request import TableRequest
from harness.core.config import load
from harness.environments import venv
from harness.environments.locks import content_hash
from harness.executors.options import ExecutionOptions
from harness.recipes.selection import Settings
from harness.runs import gaps
from harness.runs.overlay import Module, Overlay
from harness.runs.plan import Run, plan_runs
from harness.runs.runner import Observer
from harness.runs.store import Store
from harness.upstreams.patches import series as patches

ROOT = Path(__file__).resolve().parents[3]
LOCK = "cpu-linux-x86_64-py311"  # of the machine that the records were made on
INHERITED = {"numpy": "2.4.6", "python": "3.11", "scipy": "1.17.1", "torch": "2.13.0+cpu", "tqdm": "4.70.1"}
GAPS = {  # cells whose files nobody has, or that were left out to save time
    "li2023/released": 16,
    "li2023/fig1 --where dataset=lastfm,loss=bpr --set epochs=100 --environment inherit": 2,
    "li2023/fig1 --where dataset=beauty-s3,loss=bpr --profile quick --environment inherit": 2,
    "petrov2023/port-released": 2,
    "klenitskiy2023/table2 --where dataset=beauty-b4r": 4,
}


def identity(request: venv.Request) -> dict[str, str]:
    """What stood for an environment on the machine that the records were made on."""
    if request.inherits:
        return INHERITED
    return {"lock": content_hash(ROOT / request.environment.locks[LOCK]), "python": "3.11"}


@pytest.fixture(scope="module", autouse=True)
def _machine() -> Iterator[None]:
    """Environments as on that machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(venv, "identity", identity)
        yield


@cache
def job(words: str, root: Path = ROOT) -> TableRequest:
    """The request that the words of a table's command make."""
    parser = argparse.ArgumentParser()
    parser.add_argument("artifact")
    for name in ("where", "seeds", "profile", "set", "environment"):
        parser.add_argument(f"--{name}", default="")
    asked = parser.parse_args(shlex.split(words))
    where = {name: tuple(value.split("|")) for name, value in pairs([asked.where], "--where").items()}
    settings = Settings(where, seed_list(asked.seeds), asked.profile, options=pairs([asked.set], "--set"))
    return TableRequest(load(root, {}), asked.artifact, settings, ExecutionOptions(environment=asked.environment))


@pytest.mark.parametrize("words", [words for words, _ in TABLES])
def test_a_committed_table_needs_no_training(words: str) -> None:
    asked = job(words)
    missing = [run for run in asked.runs if asked.store.read(run.key) is None]
    assert len(missing) == GAPS.get(words, 0), [run.label for run in missing]
    told = gaps.read(asked.folder)
    assert set(told) <= {run.key for run in missing}
    table = (asked.folder / "table.md").read_text(encoding="utf-8")
    assert table.count("the mirror lacks") == len(told)  # a fresh clone has no mirror, and renders the same line
    assert set(re.findall(r"runs/([0-9a-f]{20})\)", table)) == {run.key for run in asked.runs}


def test_every_committed_record_is_in_a_table() -> None:
    there = {record.folder.name for record in job("li2023/table2").store.records}
    assert there <= {run.key for words, _ in TABLES for run in job(words).runs}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a clone has it that turns every line end into CRLF, whatever .gitattributes says."""
    root = tmp_path_factory.mktemp("converted")
    for part in ("harness.toml", "patches", "recipes", "dockerfiles"):
        for path in [ROOT / part, *(ROOT / part).rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                target = root / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return root


def test_converted_line_ends_change_no_key(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def there(request: venv.Request) -> dict[str, str]:
        return identity(request) | {"lock": content_hash(converted / request.environment.locks[LOCK])}

    expected = {words: [(run.key, run.modules) for run in job(words).runs] for words in FORMS if "inherit" not in words}
    monkeypatch.setattr(venv, "identity", there)
    for words, runs in expected.items():
        assert [(run.key, run.modules) for run in job(words, converted).runs] == runs


def test_patches_with_converted_line_ends_are_refused_before_they_are_applied(converted: Path) -> None:
    problems = patches.lint(patches.load(converted / "patches/s3rec"))
    assert problems
    assert all("lines end in CRLF" in problem for problem in problems)


def replan_runs(asked: TableRequest, overlay: Overlay) -> Sequence[Run]:
    """The runs of a table, had the project this overlay."""
    pinned = dataclasses.replace(asked.workspace.pinned, overlay=overlay)
    return plan_runs(asked.recipe, asked.data, pinned, asked.settings)


def changed(overlay: Overlay, name: str, before: str, behind: str = "") -> Overlay:
    """An overlay with lines put before, or behind, the first import of one module."""
    module = overlay.modules[name]
    text = module.content.decode()
    found = re.search(r"^(?!from __future__)(import|from) .*\n", text, re.MULTILINE)
    at = found.start() if found else len(text)
    edited = text[:at] + before + text[at:] + behind
    return Overlay({**overlay.modules, name: Module(name, edited.encode())}, overlay.entries)


# One table for each form of command: the upstream's own script, modules that run it, modules alone.
FORMS = (
    "li2023/table2 --where dataset=lastfm,model=sasrec --set patience=60 --seeds 42,43,44",
    "li2023/fig1 --where dataset=lastfm --profile quick --environment inherit",
    "li2023/fig3",
    "petrov2023/table3 --where dataset=ml-1m --profile quick",
    "petrov2023/port --where dataset=ml-1m --profile quick",
    "klenitskiy2023/table2 --where dataset=beauty-6core --profile quick",
)
MODULES = sorted(
    path.relative_to(ROOT / "patches/overlay").as_posix() for path in (ROOT / "patches/overlay").rglob("*.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_key_changes_with_behaviour_that_its_run_can_load_and_with_nothing_else(name: str) -> None:
    for asked in map(job, FORMS):
        overlay = asked.workspace.pinned.overlay
        same = replan_runs(asked, changed(overlay, name, "# a comment\n\n", '# "docstrings" too\n\n'))
        assert [run.key for run in same] == [run.key for run in asked.runs]
        other = replan_runs(asked, changed(overlay, name, "CONSTANT = 1\n"))
        touched = [new.key != old.key for new, old in zip(other, asked.runs, strict=True)]
        assert touched == [name in run.modules for run in asked.runs]


def test_the_tables_of_the_last_test_load_nearly_every_module() -> None:
    """The others are the demonstration's, the sampler of its data, and what only makes data."""
    loaded = {name for words in FORMS for run in job(words).runs for name in run.modules}
    left = {name.rpartition("/")[2] for name in set(MODULES) - loaded}
    assert len(left) <= 6, left


def test_a_report_and_a_plan_need_no_framework_and_start_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records, Git and the identity of the environment suffice; its interpreter and packages may be elsewhere."""

    class OnlyGit(subprocess.Popen[bytes]):
        def __init__(self, command: Sequence[str], *arguments: Any, **options: Any) -> None:
            assert "git" in command, command
            super().__init__(command, *arguments, **options)

    written: dict[str, bytes | None] = {}
    for name in ("torch", "tensorflow", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(subprocess, "Popen", OnlyGit)
    monkeypatch.setattr(Store, "write_table", lambda _store, _folder, files: written.update(files))
    asked = job("li2023/table2 --where dataset=lastfm --seeds 42,43,44,45,46")
    made = report(asked, ("md", "csv", "tex"))
    assert not made.table.gaps
    assert {"table.md", "table.csv", "table.tex", "gaps.json"} <= set(written)
    assert (written["gaps.json"], asked.execution(Observer()).find_missing(asked.runs)) == (None, [])
