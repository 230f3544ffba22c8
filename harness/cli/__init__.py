"""The command line: the only place that reads arguments, prints, and turns a `HarnessError` into text and an exit code.

Modules are imported inside the commands, so that `harness --help` does not wait for what it does not use.
"""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType

from harness.core.errors import HarnessError, Interrupted
from harness.core.interrupts import interrupt as deliver

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """The first Ctrl-C, SIGTERM or hang-up: end the child processes and keep finished runs."""
    # 1. Ignore further signals. 2. Raise: the exception unwinds the stack, and each `finally` ends its child processes.
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleanup of child processes
    deliver(Interrupted("interrupted", "finished runs are kept", "repeat the command to continue"))


def main() -> None:
    """Entry point of the console script.

    Exit codes: 0 success; 1 ran, but something was not reproduced; 2 invalid recipe, configuration,
    patch or arguments; 3 environment at fault (Git, data, packages, disk); 4 an upstream's run failed; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal shows ? for characters it lacks
    try:
        for number in ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background shells ignore some
                signal.signal(number, interrupt)
        from harness.cli.app import app

        app(standalone_mode=True)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
