"""The plans of all committed tables: every record is found, and a key changes only with what its run can load."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.commands import request_file
from harness.commands.reproduce import report
from harness.commands.table_request import TableRequest
from harness.core.config import load
from harness.environments import venv
from harness.environments.locks import content_hash
from harness.recipes.recipe import only_counts
from harness.recipes.selection import Settings
from harness.runs import gaps
from harness.runs.overlay import Module, Overlay
from harness.runs.plan import Run, plan_runs
from harness.runs.runner import Observer
from harness.runs.store import Store
from harness.upstreams.patches import series as patches

ROOT = Path(__file__).resolve().parents[3]
LOCK = "cpu-linux-x86_64-py311"  # of the machine that the records were made on
GAPS = {  # cells with unavailable files, or excluded to save time
    "li2023/released/full": 16,
    "li2023/fig1/dataset=lastfm,loss=bpr,epochs=100,inherit": 2,
    "li2023/fig1/dataset=beauty-s3,loss=bpr,profile=quick,inherit": 2,
    "petrov2023/port-released/full": 2,
    "klenitskiy2023/table2/dataset=beauty-b4r": 3,
    "klenitskiy2023/table2/dataset=ml-1m": 4,
}
TABLES = [  # below results/tables; those that only count files have no runs
    folder.relative_to(ROOT / "results/tables").as_posix()
    for folder in request_file.folders(load(ROOT, {}))
    if not only_counts(ROOT, "/".join(folder.parts[-3:-1]))
]


def identity(request: venv.Request) -> dict[str, str]:
    """What stood for an environment on the machine that the records were made on."""
    if request.inherits:
        return dict(request.versions)
    return {"lock": content_hash(ROOT / request.environment.locks[LOCK]), "python": "3.11"}


@pytest.fixture(scope="module", autouse=True)
def _machine() -> Iterator[None]:
    """Environments as on that machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(venv, "identity", identity)
        yield


@cache
def job(name: str, root: Path = ROOT) -> TableRequest:
    """The request of a committed table, in a project."""
    return request_file.read(ROOT / "results/tables" / name / request_file.FILE).request(load(root, {}))


@pytest.mark.parametrize("name", TABLES)
def test_a_committed_table_needs_no_training(name: str) -> None:
    asked = job(name)
    missing = [run for run in asked.runs if asked.store.read(run.key) is None]
    assert len(missing) == GAPS.get(name, 0), [run.label for run in missing]
    assert asked.folder == ROOT / "results/tables" / name
    message = gaps.read(asked.folder)
    assert set(message) <= {run.key for run in missing}
    table = asked.folder / "table.md"
    if table.is_file():  # of one folder only drawings are kept
        text = table.read_text(encoding="utf-8")
        assert text.count("the mirror lacks") == len(message)  # a fresh clone has no mirror, and renders the same line
        assert set(re.findall(r"runs/([0-9a-f]{20})\)", text)) == {run.key for run in asked.runs}


def test_every_committed_record_is_in_a_table() -> None:
    there = {record.folder.name for record in job(TABLES[0]).store.records}
    assert there <= {run.key for name in TABLES for run in job(name).runs}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in a clone that converts every line end to CRLF, ignoring .gitattributes."""
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

    expected = {name: [(run.key, run.modules) for run in job(name).runs] for name in FORMS if "inherit" not in name}
    monkeypatch.setattr(venv, "identity", there)
    for name, runs in expected.items():
        assert [(run.key, run.modules) for run in job(name, converted).runs] == runs


def test_patches_with_converted_line_ends_are_refused_before_they_are_applied(converted: Path) -> None:
    problems = patches.lint(patches.load(converted / "patches/s3rec"))
    assert problems
    assert all("lines end in CRLF" in problem for problem in problems)


def forms() -> Iterator[TableRequest]:
    """One table for each form of command."""
    yield from map(job, FORMS)
    for artifact, dataset in UNTRAINED:
        yield TableRequest(load(ROOT, {}), artifact, Settings({"dataset": (dataset,)}, profile="quick"))


def replan_runs(asked: TableRequest, overlay: Overlay) -> Sequence[Run]:
    """The runs of a table if the project had this overlay."""
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
    "li2023/table2/dataset=lastfm,model=sasrec,patience=60,seeds=42+43+44",
    "li2023/fig1/dataset=lastfm,profile=quick,inherit",
    "li2023/fig3/full",
    "petrov2023/table3/dataset=ml-1m,profile=quick",
    "petrov2023/port/dataset=ml-1m,profile=quick",
    "li2023/table3/dataset=beauty-s3-cut+beauty-b4r-cut,profile=quick",
)
UNTRAINED = (("klenitskiy2023/table2", "beauty-6core"),)  # no table of these is committed yet
MODULES = sorted(
    path.relative_to(ROOT / "patches/overlay").as_posix() for path in (ROOT / "patches/overlay").rglob("*.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_key_changes_with_behaviour_that_its_run_can_load_and_with_nothing_else(name: str) -> None:
    for asked in forms():
        overlay = asked.workspace.pinned.overlay
        same = replan_runs(asked, changed(overlay, name, "# a comment\n\n", '# "docstrings" too\n\n'))
        assert [run.key for run in same] == [run.key for run in asked.runs]
        other = replan_runs(asked, changed(overlay, name, "CONSTANT = 1\n"))
        touched = [new.key != old.key for new, old in zip(other, asked.runs, strict=True)]
        assert touched == [name in run.modules for run in asked.runs]


def test_the_tables_of_the_last_test_load_nearly_every_module() -> None:
    """The others are the demonstration's, the sampler of its data, and what only makes data."""
    loaded = {name for asked in forms() for run in asked.runs for name in run.modules}
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
    asked = job("li2023/table2/dataset=lastfm,seeds=42+43+44+45+46")
    made = report(asked, ("md", "csv", "tex"))
    assert not made.table.gaps
    assert {"table.md", "table.csv", "table.tex", "gaps.json"} <= set(written)
    assert (written["gaps.json"], asked.execution(Observer()).find_missing(asked.runs)) == (None, [])
