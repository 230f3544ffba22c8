"""Every `harness` and `make` command that README.md and the other documents show: carried out, or listed with a reason.

`harness reproduce` and `harness check` are carried out with `--dry-run`: everything but the runs. What cannot be
carried out here (NOT_RUN) is still parsed, options and number of arguments included. The examples of docs/data.md and
docs/extending.md have tests of their own.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from projects import ROOT, Project, clean_env, fresh

from harness.cli import findings
from harness.cli.app import app
from harness.commands import record_findings
from harness.commands.record_findings import own_rows
from harness.core.config import load
from harness.core.errors import HarnessError
from harness.findings.collect import collect
from harness.findings.finding import Finding

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = ("data.md", "extending.md", "findings.md")  # carried out by test_own_data, test_extending; generated
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:harness|make) [^`]+)`")
NOT_RUN = {
    "make demo": "test_demo runs what it calls",
    "make check": "runs tests",
    "make test": "runs tests",
    "make upstream": "runs tests on the real upstreams: needs a mirror and minutes",
    "make locks": "needs a package index",
    "make locks NAMES=NAME": "needs a package index",
    "harness doctor": "asks the network; tests/unit/commands/test_doctor.py",
    "harness doctor --device cuda": "asks the network and a GPU",
    "harness doctor --executor docker": "needs Docker",
    "harness images build torch": "needs Docker and minutes; tests/containers/test_images_built.py",
    "harness images list": "needs Docker",
    "harness images check": "needs Docker",
    "harness images prune --dry-run": "needs Docker",
    "harness runs log 1d8535c2 --follow": "follows an active run; test_everyday",
    "harness runs remove KEY": "names a run of the reader's; test_everyday",
    "harness cache clean trees": "asks before it removes; test_everyday",
    "harness dataset add interactions.csv --upstream s3rec --name shop": "needs the reader's file; test_extending",
    "harness check --dry-run": "takes 20 s of CPU time; test_check",
    "harness check --tier smoke --read-only": "takes minutes; test_check_script",
    "harness check history sasrec/bce": "needs a rerun in the history; test_check_reruns",
    "harness check self-test": "takes minutes; test_check_self_test",
    "harness check --against FOLDER": "names a folder of the reader's; test_check",
    "harness check --history FOLDER": "names a folder of the reader's; test_check_reruns",
    "harness check report check.json": "needs a check's report; tests/unit/checks/test_reports.py",
    "harness check why 87cc5b58": "needs a rerun in the history; test_check_reruns",
    "harness check why KEY": "names a run of the reader's",
    'harness check accept 87cc5b58 --because "..."': "needs a rerun in the history; test_check_reruns",
    "harness check accept KEY --because TEXT": "names a run of the reader's",
}


def documented() -> list[str]:
    """All commands, each once, without the comment that follows it."""
    found: dict[str, None] = {}
    for path in DOCUMENTS:
        if path.name not in ELSEWHERE:
            text = path.read_text(encoding="utf-8")
            lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
            lines = [re.sub(r"\s+#.*", "", line) for line in lines if re.match(r"(harness|make) ", line)]
            found |= dict.fromkeys([*lines, *(" ".join(s.split()) for s in INLINE.findall(FENCE.sub("", text)))])
    return list(found)


COMMANDS = documented()


class UnknownCommandError(Exception):
    """A document shows what the command line does not have."""


def parsed(command: str) -> tuple[Any, list[str]]:
    """The command that these words call, with the rest of the words.

    Raises:
        UnknownCommandError: no such command or option, or a lack of arguments.
    """
    found: Any = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        if words[0] not in found.commands:
            raise UnknownCommandError(f"no command {words[0]!r}")
        found = found.commands[words.pop(0)]
    try:
        if words:
            found.make_context("harness", list(words))
    except Exception as error:  # a class of click, which typer has inside itself or beside it
        if getattr(error, "exit_code", None) != 2:
            raise
        raise UnknownCommandError(str(error)) from error
    return found, words


def is_mention(command: str) -> bool:
    """Whether it only names a command that needs more words, as prose does, or a make target."""
    try:
        return command.startswith("make ") or not parsed(command)[1]
    except UnknownCommandError:  # which another test reports
        return True


def dry(command: str) -> list[str]:
    """The words after `harness`, with `--dry-run` where the command knows it and would run for long."""
    words = shlex.split(command)[1:]
    long = words[0] == "reproduce" or (words[0] == "check" and (len(words) == 1 or words[1].startswith("-")))
    return [*words, "--dry-run"] if long and "--dry-run" not in words else words


@cache
def all_findings(root: Path) -> list[Finding]:
    """The findings of a project, computed once for all commands: `--kind` and `--paper` only choose some of them."""
    return collect(root, *own_rows(load(root)))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project with its records, so that tables and exports are not written into the repository."""
    project = fresh(tmp_path_factory.mktemp("documented") / "project")
    for name in ("results", "examples", "docs"):
        shutil.copytree(ROOT / name, project.folder / name)
    shutil.copyfile(ROOT / "README.md", project.folder / "README.md")
    return project


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("harness ")])
def test_its_options_and_arguments_exist(command: str) -> None:
    parsed(command)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_its_target_exists(command: str) -> None:
    done = subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in NOT_RUN and not is_mention(c)])
def test_it_is_carried_out(command: str, copy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy.folder)
    monkeypatch.setattr(record_findings, "own_rows", lambda _: ())
    monkeypatch.setattr(findings, "collect", all_findings)
    for name in set(os.environ) - set(clean_env()):
        monkeypatch.delenv(name)
    try:
        code = app(dry(command), standalone_mode=False)
    except HarnessError as error:
        pytest.fail(str(error))
    assert code in (0, 1, None)


def test_what_is_not_run_is_still_documented() -> None:
    assert [command for command in NOT_RUN if command not in COMMANDS] == []


@pytest.mark.parametrize(
    "command",
    ["harness reproduse table2", "harness plan table2 --sed 1", "harness plan a b", "harness runs show --log"],
)
def test_a_wrong_command_is_found(command: str) -> None:
    with pytest.raises(UnknownCommandError):
        parsed(command)


def test_documents_are_where_this_test_looks() -> None:
    assert {path.name for path in DOCUMENTS} >= {"README.md", "guide.md", "faq.md", "results.md", "nightly.md"}
    assert len(COMMANDS) > 60
    assert all(isinstance(path, Path) and path.is_file() for path in DOCUMENTS)
