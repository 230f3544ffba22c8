"""The only place that starts processes, and that ends them with all of their descendants.

A child process gets its own session and a mark in its environment. By these, all its descendants can be found and
ended, even by a later harness after this one was killed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import SetupError

MARK = "HARNESS_RUN"
GRACE_S = 3.0


@dataclass
class Child:
    """A running process with its log.

    Attributes:
        mark: value of HARNESS_RUN in its environment and in that of all its descendants.
        started: seconds of the monotonic clock.
    """

    process: subprocess.Popen[bytes]
    mark: str
    started: float

    def poll(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self.process.poll()

    def end(self) -> int:
        """End the process tree, by SIGTERM then SIGKILL, and return the exit status.

        After the process itself has ended, this ends its remaining descendants.
        """
        reaped = self.process.returncode is not None  # its process id may have been reused
        end_tree(None if reaped else self.process.pid, self.mark)
        return self.process.wait()


def spawn(command: Sequence[str], cwd: Path, env: Mapping[str, str], log: Path, mark: str) -> Child:
    """Start a process whose output, both streams, goes to `log`.

    Raises:
        SetupError: if the program cannot be started.
    """
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**env, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        where = str(error.filename or command[0])  # the program, the folder or the log
        raise SetupError(where, f"cannot be started: {error.strerror}", "check the environment") from error
    return Child(process, mark, time.monotonic())


def capture(command: Sequence[str], env: Mapping[str, str], timeout_s: float | None = None) -> str:
    """Standard output of a command that must succeed.

    Args:
        timeout_s: seconds after which it is killed with all of its process group, which is then its own.
    Raises:
        SetupError: if it cannot be started, fails or takes too long; the message ends with its last lines.
    """
    where = " ".join(command[:4])
    try:
        with subprocess.Popen(
            list(command), env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            errors="replace", start_new_session=timeout_s is not None,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise SetupError(where, f"no answer within {timeout_s:g} s") from error
            except BaseException:
                process.kill()
                raise
    except OSError as error:
        raise SetupError(command[0], f"cannot be started: {error.strerror}", "check the path") from error
    if process.returncode:
        tail = "\n    ".join((out + err).strip().splitlines()[-12:])
        raise SetupError(where, f"failed with status {process.returncode}:\n    {tail}")
    return out


def marked(mark: str) -> list[int]:
    """Process ids of every living process that carries this mark; empty where there is no /proc."""
    needle = f"{MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb", buffering=0) as file:
                variables = file.read()
                if needle in variables and needle in variables.split(b"\0"):
                    found.append(int(name))
    return found


def end_tree(pid: int | None, mark: str) -> None:
    """End a process group and every process with this mark: SIGTERM, a grace period of seconds, SIGKILL."""
    # 1. SIGTERM to all, then wait for the grace period. 2. The same with SIGKILL, if a process is left.
    for number in (signal.SIGTERM, signal.SIGKILL):
        living = signal_all(pid, mark, number)
        deadline = time.monotonic() + GRACE_S
        while living and time.monotonic() < deadline:
            time.sleep(0.02)
            living = [p for p in living if alive(p)]
        if not living and not marked(mark):
            break
    # 3. The group once more: its members need not have the mark.
    if pid is not None:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)  # members without the mark that ignored SIGTERM


def signal_all(pid: int | None, mark: str, number: int) -> list[int]:
    """Send a signal to the group of `pid` and to all marked processes; return those it was sent to."""
    if pid is not None:
        with contextlib.suppress(OSError):
            os.killpg(pid, number)
    others = marked(mark)
    for other in others:
        with contextlib.suppress(OSError):
            os.kill(other, number)
    return sorted({*others, *([pid] if pid is not None else [])})


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    if sys.platform == "linux":
        with contextlib.suppress(OSError, IndexError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def own_identity() -> str:
    """The identity of this process on this machine, unique even after its process id is reused."""
    return identity_of(os.getpid())


def identity_of(pid: int) -> str:
    """Boot id, process id and start time of a process; the start is "" if unknown or meaningless.

    A zombie has no identity.
    """
    boot = start = ""
    with contextlib.suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        start = facts[18] if state not in "ZX" else ""
    return f"{boot}:{pid}:{start}"


def lives(identity: str) -> bool:
    """Whether the process with this identity still runs, whoever owns it."""
    _, number, start = identity.split(":") if identity.count(":") == 2 else ("", "", "")
    if not number.isdigit() or identity_of(int(number)) != identity:
        return False
    return bool(start) or alive(int(number))


def machine_identity() -> str:
    """The scope in which process ids are comparable: this user on this machine or in this container.

    Processes of another user may be hidden and would seem dead.
    """
    user = str(os.getuid()) if hasattr(os, "getuid") else ""
    with contextlib.suppress(OSError):
        return f"{platform.node()}/{os.readlink('/proc/self/ns/pid')}/{user}"
    return f"{platform.node()}//{user}"


def as_signal(status: int) -> int:
    """An exit status with the signal as a negative number; containers report 128 plus the signal."""
    return 128 - status if status - 128 in set(signal.Signals) else status
