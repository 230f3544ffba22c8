"""Runs in containers, isolated by `sandbox`; the outcome's reason says what ended one early.

The log is written by this process, from the engine's stream, into a file that the container cannot change. What a run
writes is checked once a second. A leftover container of a dead harness is removed by the next harness.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from harness.core import untrusted_files
from harness.core.errors import HarnessError, SetupError
from harness.core.files import disk_errors
from harness.core.process import as_signal
from harness.environments import container_engine
from harness.executors import sandbox
from harness.executors.base import Outcome, PreparedRun
from harness.executors.sandbox import MB, Limits

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

GRACE_S = 3
LOOK_S = 1.0
LAST_WORDS_S = 10
MOST_LOG = 64 * MB
KILLED, LOST = -9, 1


@dataclass
class Contained:
    """A running container.

    Attributes:
        ended: set once it has ended, or its state is unknown.
        seconds: from its start to its end.
        looked: time of the last check of its limits, by the monotonic clock.
    """

    run: PreparedRun
    container: Container
    started: float
    looked: float
    ended: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0
    threads: tuple[threading.Thread, ...] = ()

    def await_end(self) -> None:
        """Wait for the container; runs in a separate thread."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            self.container.wait(timeout=None)
        self.seconds = time.monotonic() - self.started
        self.ended.set()


class DockerExecutor:
    """Executes runs in containers of one image; see `harness.executors.base.Executor`."""

    def __init__(self, client: docker.DockerClient, image: str, limits: Limits, gpus: str = "none") -> None:
        """Containers of dead harnesses are removed at once.

        Args:
            image: name or id.
            gpus: `none`, `all`, or numbers such as 0,1.
        Raises:
            SetupError: the engine does not answer.
        """
        self.client, self.image, self.limits, self.gpus = client, image, limits, gpus
        self.engine = container_engine.describe(client)
        sandbox.reap(client)

    def submit(self, run: PreparedRun) -> Contained:
        """Create a container, attach to its output, start it.

        Raises:
            SetupError: the program, image, GPU or disk space is missing, or the engine refuses.
        """
        self.end_leftovers(run)
        if low := self.low_disk(run):
            raise SetupError(
                str(run.folder.path), f"{low} before it started", "free some space, or lower docker.reserve_mb"
            )
        with disk_errors(run.folder.log):
            log = run.folder.log.open("wb", buffering=0)
            if os.geteuid() == 0:
                untrusted_files.chown_tree(run.folder.path, *sandbox.user())
        try:
            return self.start(run, log)
        except BaseException:
            log.close()
            with contextlib.suppress(SetupError):
                self.end_leftovers(run)
            raise

    def start(self, run: PreparedRun, log: BinaryIO) -> Contained:
        """See `submit`; a leftover container is found by its label."""
        asked = sandbox.options(run, self.image, self.limits, self.gpus, self.engine)
        with container_engine.refusals(run.command[0], self.advice()):
            container = self.client.containers.create(**asked)
            self.require(container, run.command[0])
            stream = container.attach(
                stdout=True, stderr=True, stream=True
            )  # attaching after the start would lose lines
            started = time.monotonic()
            try:
                container.start()
            except BaseException:
                hang_up(stream)
                raise
        handle = Contained(run, container, started, looked=started)
        handle.threads = (
            threading.Thread(target=keep_log, args=(stream, log), daemon=True),
            threading.Thread(target=handle.await_end, daemon=True),
        )
        for thread in handle.threads:
            thread.start()
        return handle

    def advice(self) -> str:
        """The fix if an engine refuses to start a run."""
        if self.gpus == "none":
            return "see `harness doctor`"
        return f"--gpus {self.gpus} needs NVIDIA's container toolkit beside the engine; see `harness doctor`"

    def require(self, container: Container, program: str) -> None:
        """Refuse a program that the image lacks, since starting it would only give an unclear exit status.

        Raises:
            SetupError: the program is missing.
        """
        if not program.startswith("/"):
            return  # searched in the image's PATH
        api = self.client.api
        address = f"{api.base_url}/v{api.api_version}/containers/{container.id}/archive"
        if api.head(address, params={"path": program}, timeout=api.timeout).status_code == 404:
            raise SetupError(program, f"cannot be started: {self.image} has no such program", "check the image")

    def poll(self, handle: Contained) -> Outcome | None:
        """The outcome, None while it runs; with an outcome, the container has been removed."""
        if handle.ended.is_set():
            return self.finish(handle)
        now = time.monotonic()
        seconds = now - handle.started
        if seconds > handle.run.timeout_s:
            crowd = self.crowd(handle)
            reason = f"timed out after {seconds:.0f} s, {crowd}" if crowd else ""
            return replace(self.finish(handle, reason, timed_out=True), seconds=seconds)
        if now - handle.looked < LOOK_S:
            return None
        reason = untrusted_files.excess(handle.run.folder.path, self.limits.disk_mb * MB) or self.low_disk(handle.run)
        handle.looked = time.monotonic()
        return self.finish(handle, reason) if reason else None

    def cancel(self, handle: Contained) -> None:
        """End the run; returns when its container is removed.

        Raises:
            SetupError: the engine does not answer.
        """
        with container_engine.refusals(f"container of {handle.run.label}"):
            self.stop(handle)
            self.put_away(handle)

    def finish(self, handle: Contained, reason: str = "", timed_out: bool = False) -> Outcome:
        """End the container if it has not ended, and return the outcome.

        Args:
            reason: why it is stopped early.
        """
        from docker.errors import DockerException, NotFound

        try:
            if not handle.ended.is_set():
                self.stop(handle)
            handle.container.reload()
            state = handle.container.attrs["State"]
            self.put_away(handle)
            if state.get("Running"):
                raise SetupError("container engine", "did not say how the run ended")
        except NotFound:
            return Outcome(LOST, handle.seconds, reason=reason or "its container was removed by another program")
        except (DockerException, OSError, HarnessError) as error:
            why = " ".join(str(error).split())
            return Outcome(LOST, handle.seconds, reason=reason or f"the container engine was lost: {why}")
        status = as_signal(int(state["ExitCode"]))
        return Outcome(status, handle.seconds, timed_out, reason or self.cause(handle, state, status, timed_out))

    def cause(self, handle: Contained, state: dict[str, Any], status: int, timed_out: bool) -> str:
        """The cause of a container's end by the engine and the disk; "" if the status suffices."""
        memory = f"its limit is {self.limits.memory_mb} MB"
        if state.get("OOMKilled"):  # also if a child process was killed and the parent ended otherwise
            return f"out of memory: {memory}"
        if error := state.get("Error"):
            return f"the container engine reports: {error}"
        if excess := untrusted_files.excess(handle.run.folder.path, self.limits.disk_mb * MB):
            return excess
        if status == KILLED and not timed_out:
            return f"killed, cause unknown, possibly out of memory: {memory}"
        return ""

    def crowd(self, handle: Contained) -> str:
        """Whether a container has reached its limit of processes, in words; "" if not or unknown."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            found = self.client.api.stats(str(handle.container.id), stream=False, one_shot=True).get("pids_stats") or {}
            if found.get("current", 0) >= self.limits.processes:
                return f"with {self.limits.processes} processes, its limit"
        return ""

    def low_disk(self, run: PreparedRun) -> str:
        """Whether free disk space is below the reserve, in words; "" if not."""
        if shutil.disk_usage(run.folder.path).free >= self.limits.reserve_mb * MB:
            return ""
        return f"less than {self.limits.reserve_mb} MB of free disk space"

    def stop(self, handle: Contained) -> None:
        """Send SIGTERM, then after a grace period SIGKILL, to all processes in the container."""
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):
            handle.container.stop(timeout=GRACE_S)
        handle.ended.wait(LAST_WORDS_S)

    def put_away(self, handle: Contained) -> None:
        """Remove the container after its last output is in the log; give its files to the caller."""
        for thread in handle.threads:
            thread.join(LAST_WORDS_S)
        sandbox.remove(handle.container)
        if os.geteuid() == 0:
            with disk_errors(handle.run.folder.path):
                untrusted_files.chown_tree(handle.run.folder.path, os.geteuid(), os.getegid())

    def end_leftovers(self, run: PreparedRun) -> None:
        """Remove leftovers of this run from an earlier harness or an interrupted start.

        Raises:
            SetupError: the engine does not answer.
        """
        sandbox.reap(self.client, run.mark)


def keep_log(stream: Iterator[bytes], log: BinaryIO) -> None:
    """Write a container's output to its log until it ends; runs in a separate thread.

    A too long log is truncated but the output is still read, since a container blocks if its output is not read.
    """
    left = MOST_LOG
    with log, contextlib.suppress(ValueError):  # a stream that was closed while it was read
        for words in stream:
            with contextlib.suppress(OSError):  # a full disk, which ends the run elsewhere
                log.write(words[:left])
                if 0 < left <= len(words):
                    log.write(f"\nharness: the log was truncated here, after {MOST_LOG // MB} MB\n".encode())
            left = max(left - len(words), 0)
    hang_up(stream)


def hang_up(stream: Iterator[bytes]) -> None:
    """Close the connection of a stream; its own `close` leaves the socket to the garbage collector."""
    response = getattr(stream, "_response", None)
    if response is not None:
        response.close()
