"""Processes that a test starts and watches: none outlives its test, however the test ends."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_STARTED: list[subprocess.Popen[str]] = []


def start(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """A command under way, its output piped."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True)
    _STARTED.append(process)
    return process


def end_all(limit_s: float = 60) -> None:
    """Ask what still runs to end, kill it after `limit_s` seconds, and close every pipe."""
    while _STARTED:
        process = _STARTED.pop()
        with process:
            process.terminate()
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
