"""Isolation of a run in a container: mounts, limits, user.

It can read its source and data, and write to its own folder, except to its log.
It has no network, no privileges beyond an ordinary user's, and limits on memory, processes, CPUs and disk.
Refused: root inside, and rootless engines, which map users inside to other users outside.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import SetupError
from harness.core.process import lives, machine_identity, own_identity
from harness.environments import container_engine
from harness.executors.base import PreparedRun
from harness.executors.run_folder import INSIDE as OWN
from harness.executors.run_folder import RunFolder

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

INSIDE = "/harness"
NOBODY = 65532  # instead of root: a user id that no distribution uses
LABEL = "seqrec-harness"
MB = 1 << 20
# One stream, since the engine does not keep the order of two. The first process of a container ignores default signals:
# Docker runs an init before it; with Podman an init would have to be installed.
DOCKER_FIRST = ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh")
PODMAN_FIRST = ("/bin/sh", "-c", '"$@" 2>&1; exit $?', "sh")
REMOVAL_S, UNDER_WAY = 20, 409


@dataclass(frozen=True)
class Limits:
    """The most that a run may use.

    Attributes:
        memory_mb: of all its processes, /tmp and shared memory included.
        disk_mb: of all its output with the log, and of each file.
        shm_mb, tmp_mb: of /dev/shm and /tmp, which lie in memory.
        reserve_mb: free disk space below which a run is stopped, whatever used it.
        cpus: number of CPUs, which should equal its threads.
    """

    memory_mb: int = 16_384
    processes: int = 1_024
    disk_mb: int = 20_480
    shm_mb: int = 1_024
    tmp_mb: int = 1_024
    reserve_mb: int = 2_048
    cpus: float = 1


def places(folder: RunFolder, reads: Mapping[str, Path]) -> dict[Path, str]:
    """Paths in the container of what a run may read, by path on this machine."""
    return {folder.path: OWN, **{path: f"{INSIDE}/{name}" for name, path in reads.items()}}


def translated(text: str, inside: Mapping[Path, str]) -> str:
    """A word of a command, or a variable's value, with paths of this machine replaced by the container's."""
    by_name = {str(path): place for path, place in inside.items()}
    longest_first = sorted(by_name, key=len, reverse=True)
    names = "|".join(re.escape(name) for name in longest_first)
    return re.sub(rf"({names})(?![\w.-])", lambda found: by_name[found[1]], text)


def user() -> tuple[int, int]:
    """User and group of a run: the caller's, or an unprivileged user if root calls."""
    return (NOBODY, NOBODY) if os.getuid() == 0 else (os.getuid(), os.getgid())


def options(run: PreparedRun, image: str, limits: Limits, gpus: str, which: container_engine.Engine) -> dict[str, Any]:
    """The container options for the engine.

    Args:
        image: name or id.
        gpus: `none`, `all`, or numbers such as 0,1.
    Raises:
        SetupError: the engine is rootless, or supports no GPUs.
    """
    from docker.types import LogConfig

    if which.podman and gpus != "none":  # the run would silently start without them
        what = f"{which.name} does not support GPUs through this API"
        raise SetupError("--gpus", what, "use Docker with NVIDIA's container toolkit, or --executor local")

    if which.rootless:
        what = f"{which.name} is rootless: files that a run writes would belong to another user"
        raise SetupError("container engine", what, "use an engine that runs as root, or --executor local")
    inside = places(run.folder, run.reads)
    words = [translated(word, inside) for word in run.command]
    return {
        "image": image,
        "entrypoint": [*(PODMAN_FIRST if which.podman else DOCKER_FIRST), *words],
        "command": [],
        "working_dir": translated(str(run.cwd), inside),
        "environment": {name: translated(value, inside) for name, value in run.env.items()} | gpu_variables(gpus),
        "labels": labels(run),
        "user": ":".join(map(str, user())),
        "read_only": True,
        "mounts": mounts(run, inside),
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={limits.tmp_mb}m"},
        "shm_size": limits.shm_mb * MB,
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory_mb * MB,
        "memswap_limit": limits.memory_mb * MB,
        "nano_cpus": int(limits.cpus * 1e9),
        "pids_limit": limits.processes,
        "ulimits": ulimits(limits, which),
        "device_requests": gpu_requests(gpus),
        "log_config": LogConfig(type="none"),  # the harness writes the log; the engine's copy would have no size limit
        "init": not which.podman,
        "stop_signal": "SIGTERM",
        "healthcheck": {"test": ["NONE"]},
    }


def mounts(run: PreparedRun, inside: Mapping[Path, str]) -> list[Any]:
    """Folders shared with the container: its own writable, all others read-only.

    Its log, and the copy of a loss for its record, are mounted again, read-only.
    """
    from docker.types import Mount

    shown = [Mount(place, str(path), type="bind", read_only=place != OWN) for path, place in inside.items()]
    kept = [path for path in (run.folder.log, run.folder.loss) if path.is_file()]
    return shown + [Mount(f"{OWN}/{path.name}", str(path), type="bind", read_only=True) for path in kept]


def ulimits(limits: Limits, which: container_engine.Engine) -> list[Any]:
    """Limits of each process: size of a file, no core dumps; Podman would raise other limits too high."""
    from docker.types import Ulimit

    asked = {"fsize": (limits.disk_mb * MB, limits.disk_mb * MB), "core": (0, 0)}
    if which.podman:
        asked |= {"nofile": (1024, 20_000), "nproc": (4096, 4096)}
    return [Ulimit(name=name, soft=soft, hard=hard) for name, (soft, hard) in asked.items()]


def gpu_requests(gpus: str) -> list[Any]:
    """The GPU request for NVIDIA's runtime; empty for none."""
    from docker.types import DeviceRequest

    if gpus == "none":
        return []
    which = {"count": -1} if gpus == "all" else {"device_ids": gpus.split(",")}
    return [DeviceRequest(driver="nvidia", capabilities=[["gpu"]], **which)]


def gpu_variables(gpus: str) -> dict[str, str]:
    """CUDA images request all GPUs by default; this variable prevents it if NVIDIA's runtime is the default."""
    return {"NVIDIA_VISIBLE_DEVICES": "void"} if gpus == "none" else {}


def labels(run: PreparedRun) -> dict[str, str]:
    """Labels with the owning harness, so that a later harness recognises abandoned containers."""
    return {
        f"{LABEL}.run": run.mark,
        f"{LABEL}.host": machine_identity(),
        f"{LABEL}.process": own_identity(),
        f"{LABEL}.project": str(run.folder.path.parent),
    }


def reap(client: docker.DockerClient, mark: str = "") -> list[str]:
    """Remove the containers of dead harnesses on this machine; return the marks of their runs.

    Args:
        mark: only those of this run, including this process's own, since it holds the run's lock.
    Raises:
        SetupError: the engine does not answer.
    """
    wanted = [f"{LABEL}.host={machine_identity()}", *([f"{LABEL}.run={mark}"] if mark else [])]
    gone = []
    with container_engine.refusals("containers of an earlier harness"):
        found: Iterable[Container] = client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
        for container in found:
            owner = container.labels.get(f"{LABEL}.process", "")
            if not lives(owner) or (mark and owner == own_identity()):
                remove(container)
                gone.append(container.labels.get(f"{LABEL}.run", ""))
    return gone


def remove(container: Container) -> None:
    """Remove a container, running or not, and wait until it is gone; ignore one that is already removed.

    Raises:
        docker.errors.APIError: the engine refuses.
    """
    from docker.errors import APIError, NotFound

    deadline = time.monotonic() + REMOVAL_S
    while True:
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return
        except APIError as error:
            if time.monotonic() > deadline or error.status_code != UNDER_WAY:
                raise
        time.sleep(0.02)
