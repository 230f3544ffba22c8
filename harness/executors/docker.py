"""Runs as containers, shut in as `sandbox` says; whatever ends one early is told in the outcome's reason.

The log is written by this process, from the engine's stream, into a file that the container cannot change. What a run
writes is looked at once a second. A container that its harness left behind is removed by the next one.
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
        ended: set once it has ended, or the engine can no longer tell.
        seconds: from its start to its end.
        looked: when its limits were last held against it, by the monotonic clock.
    """

    run: PreparedRun
    container: Container
    started: float
    looked: float
    ended: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0
    threads: tuple[threading.Thread, ...] = ()

    def await_end(self) -> None:
        """Wait for the container; runs in a thread of its own."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            self.container.wait(timeout=None)
        self.seconds = time.monotonic() - self.started
        self.ended.set()


class DockerExecutor:
    """Carries out runs in containers of one image; see `harness.executors.base.Executor`."""

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
        """Create a container, listen to it, start it.

        Raises:
            SetupError: the program, the image, the GPU or the room on the disk is not there, or the engine refuses.
        """
        self.end_leftovers(run)
        if low := self.low_disk(run):
            raise SetupError(str(run.folder.path), f"{low} before it began", "make room, or lower docker.reserve_mb")
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
        """See `submit`; a container that it leaves behind is found by its label."""
        asked = sandbox.options(run, self.image, self.limits, self.gpus, self.engine)
        with container_engine.refusals(run.command[0], self.advice()):
            container = self.client.containers.create(**asked)
            self.require(container, run.command[0])
            stream = container.attach(stdout=True, stderr=True, stream=True)  # after the start it loses lines
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
        """What to do about an engine that refuses to start a run."""
        if self.gpus == "none":
            return "`harness doctor` says more"
        return f"--gpus {self.gpus} needs NVIDIA's container toolkit beside the engine; `harness doctor` says more"

    def require(self, container: Container, program: str) -> None:
        """Refuse a program that the image does not have: started, it would only show as a strange exit status.

        Raises:
            SetupError: it is not there.
        """
        if not program.startswith("/"):
            return  # found along the image's own path, or not
        api = self.client.api
        address = f"{api.base_url}/v{api.api_version}/containers/{container.id}/archive"
        if api.head(address, params={"path": program}, timeout=api.timeout).status_code == 404:
            raise SetupError(program, f"cannot be started: {self.image} has no such program", "check the image")

    def poll(self, handle: Contained) -> Outcome | None:
        """The outcome, None while it runs; nothing of the container is left once there is one."""
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
        """End the run; returns when its container is gone.

        Raises:
            SetupError: the engine does not answer.
        """
        with container_engine.refusals(f"container of {handle.run.label}"):
            self.stop(handle)
            self.put_away(handle)

    def finish(self, handle: Contained, reason: str = "", timed_out: bool = False) -> Outcome:
        """End the container if it has not ended, and say how it did.

        Args:
            reason: why it is ended before its time.
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
            return Outcome(LOST, handle.seconds, reason=reason or "somebody removed its container")
        except (DockerException, OSError, HarnessError) as error:
            why = " ".join(str(error).split())
            return Outcome(LOST, handle.seconds, reason=reason or f"the container engine was lost: {why}")
        status = as_signal(int(state["ExitCode"]))
        return Outcome(status, handle.seconds, timed_out, reason or self.cause(handle, state, status, timed_out))

    def cause(self, handle: Contained, state: dict[str, Any], status: int, timed_out: bool) -> str:
        """What ended a container, as far as the engine and the disk tell; "" if its status says all."""
        memory = f"its limit is {self.limits.memory_mb} MB"
        if state.get("OOMKilled"):  # also if it was a child that was killed, whatever the parent then said
            return f"out of memory: {memory}"
        if error := state.get("Error"):
            return f"the container engine says: {error}"
        if excess := untrusted_files.excess(handle.run.folder.path, self.limits.disk_mb * MB):
            return excess
        if status == KILLED and not timed_out:
            return f"killed, cause unknown, perhaps out of memory: {memory}"
        return ""

    def crowd(self, handle: Contained) -> str:
        """Whether a container has as many processes as it may have, in words; "" if not, or if nobody can tell."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            found = self.client.api.stats(str(handle.container.id), stream=False, one_shot=True).get("pids_stats") or {}
            if found.get("current", 0) >= self.limits.processes:
                return f"with {self.limits.processes} processes, all that it may have"
        return ""

    def low_disk(self, run: PreparedRun) -> str:
        """That there is less room on the disk than is to be left, in words; "" if there is enough."""
        if shutil.disk_usage(run.folder.path).free >= self.limits.reserve_mb * MB:
            return ""
        return f"less than {self.limits.reserve_mb} MB were left on the disk"

    def stop(self, handle: Contained) -> None:
        """SIGTERM, a few seconds of grace, SIGKILL to all that is in the container."""
        from docker.errors import NotFound

        with contextlib.suppress(NotFound):
            handle.container.stop(timeout=GRACE_S)
        handle.ended.wait(LAST_WORDS_S)

    def put_away(self, handle: Contained) -> None:
        """Remove the container once its last words are in the log; what it wrote is the caller's again."""
        for thread in handle.threads:
            thread.join(LAST_WORDS_S)
        sandbox.remove(handle.container)
        if os.geteuid() == 0:
            with disk_errors(handle.run.folder.path):
                untrusted_files.chown_tree(handle.run.folder.path, os.geteuid(), os.getegid())

    def end_leftovers(self, run: PreparedRun) -> None:
        """Remove what an earlier harness, or an interrupted start, left of this run.

        Raises:
            SetupError: the engine does not answer.
        """
        sandbox.reap(self.client, run.mark)


def keep_log(stream: Iterator[bytes], log: BinaryIO) -> None:
    """Write what a container says into its log, to its end; runs in a thread of its own.

    A log beyond all measure is cut off, and read on, since a container that nobody listens to stands still.
    """
    left = MOST_LOG
    with log, contextlib.suppress(ValueError):  # a stream that was closed while it was read
        for words in stream:
            with contextlib.suppress(OSError):  # a full disk, which ends the run elsewhere
                log.write(words[:left])
                if 0 < left <= len(words):
                    log.write(f"\nharness: the log was cut off here, after {MOST_LOG // MB} MB\n".encode())
            left = max(left - len(words), 0)
    hang_up(stream)


def hang_up(stream: Iterator[bytes]) -> None:
    """Close the connection of a stream; its own `close` leaves the socket to the garbage collector."""
    response = getattr(stream, "_response", None)
    if response is not None:
        response.close()
