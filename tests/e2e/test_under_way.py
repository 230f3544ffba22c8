"""A run under way, seen from another terminal; and the lines that a terminal shows meanwhile."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import time
from typing import Any

from projects import Project
from rich.console import Console
from rich.text import Text

from harness.cli.live_lines import LiveLines
from harness.core.process import marked

LONG = ("demo", "--where", "loss=bce", "--seeds", "42", "--set", "epochs=100000", "--set", "patience=100000")


def rows(project: Project, command: str) -> dict[str, Any]:
    """The run of the system `net/bce` as the command's JSON has it."""
    done = project.run(command, *LONG, "--json")
    assert done.returncode == 0, done.stderr
    return next(row for row in json.loads(done.stdout) if row["system"].endswith("/bce"))


def await_epochs(project: Project) -> dict[str, Any]:
    """The run's status once two of its epochs have ended."""
    for _ in range(200):
        row = rows(project, "status")
        if row["running"] and row["running"]["course"]["epochs"] >= 2:
            return row
        time.sleep(0.1)
    raise AssertionError(f"no epoch ended: {row}")


def test_status_and_plan_show_a_run_that_another_process_carries_out(project: Project) -> None:
    assert rows(project, "status")["status"] == "missing"
    child = project.start("reproduce", *LONG)
    row = await_epochs(project)
    assert row["status"] == "running"
    running = row["running"]
    assert running["host"] == socket.gethostname()
    assert os.path.isfile(running["log"])
    assert running["course"]["cap"] == 100000
    assert running["left"]["seconds"] > running["course"]["epoch_s"]
    assert rows(project, "plan")["running"]["host"] == socket.gethostname()
    shown = project.run("status", *LONG).stdout
    assert "RUNNING" in shown
    assert "of 100000" in shown
    child.kill()  # as kill -9: the note stays and says nothing any more
    child.wait(10)
    for run in (project.folder / ".cache" / "work").glob("*"):
        for pid in marked(f"{run.name}@{run}"):
            os.kill(pid, signal.SIGKILL)  # the training that it leaves, which the next harness would end
    assert rows(project, "status")["status"] == "missing"


def drawn_at(widths: list[int], lines: list[str]) -> list[str]:
    """What is written to a terminal that has these widths, one after the other."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=widths[0], height=20, color_system=None)
    live = LiveLines(console)
    written = []
    for width in widths:
        console.width = width
        live.draw([Text(line) for line in lines])
        written.append(file.getvalue())
        file.seek(0)
        file.truncate()
    return written


def test_lines_are_cut_at_the_width_of_the_terminal() -> None:
    (first,) = drawn_at([30], ["a" * 50, "short"])
    assert first.splitlines() == ["a" * 28 + "…", "short"]


def test_a_narrower_terminal_has_wrapped_the_lines_that_are_erased() -> None:
    _, again, wider = drawn_at([80, 40, 120], ["a" * 70, "b" * 30])
    assert again.count("\x1b[1A\x1b[2K") == 3  # the first line takes two rows of 40 now
    assert wider.count("\x1b[1A\x1b[2K") == 2


def test_no_more_lines_than_the_terminal_has_rows() -> None:
    (written,) = drawn_at([80], [str(n) for n in range(50)])
    assert len(written.splitlines()) == 19
