"""The container engine: whether it answers, enforces limits, has disk space, and supports NVIDIA GPUs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.doctor.check import DoctorRequest, Line, gigabytes
from harness.core.config import Config
from harness.core.errors import HarnessError
from harness.environments import container_engine
from harness.environments.images import image

if TYPE_CHECKING:
    import docker

LIMITS = {"MemoryLimit": "memory", "SwapLimit": "swap", "CpuCfsQuota": "processors", "PidsLimit": "processes"}


def containers(asked: DoctorRequest) -> Iterable[Line]:
    """All lines about the engine; a single line if there is none."""
    try:
        client = container_engine.connect(asked.config.docker.address)
    except HarnessError as error:
        fix = "start Docker or Podman, or name it with DOCKER_HOST=unix:///...; you may lack permission for its socket"
        yield Line("container engine", False, f"{error.where} {error.what}", fix, asked.containers)
        return
    with contextlib.closing(client), container_engine.refusals("container engine"):
        info, version = client.info(), client.version()
        yield Line("container engine", True, described(container_engine.describe(client), version, info))
        yield limits(info, asked.containers)
        yield room(asked, info)
        yield built(client, asked)
        yield gpu_runtime(info, asked.containers and asked.gpus)


def described(about: container_engine.Engine, version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """Name, version and API of an engine, and its storage."""
    where = f"{info.get('Driver', '?')} on {info.get('OperatingSystem', '?')}"
    notes = ", rootless" * about.rootless + ", tested less than Docker" * about.podman
    return f"{about.name}, API {version.get('ApiVersion')}, {where}{notes}"


def limits(info: Mapping[str, Any], needed: bool) -> Line:
    """The limits that the engine can enforce."""
    lacking = [name for key, name in LIMITS.items() if not info.get(key)]
    group = f"cgroup v{info.get('CgroupVersion', '?')}"
    if lacking:
        fix = (
            "enable it in the system's control groups (systemd delegation, or swapaccount=1), or run without that limit"
        )
        return Line("engine's limits", False, f"cannot limit {', '.join(lacking)} ({group})", fix, needed)
    return Line("engine's limits", True, f"{', '.join(LIMITS.values())} ({group})")


def room(asked: DoctorRequest, info: Mapping[str, Any]) -> Line:
    """Free space on the engine's disk, if it is on this machine."""
    subject, root = "engine's disk", Path(str(info.get("DockerRootDir") or "/nowhere"))
    if not root.is_dir():
        return Line(subject, True, f"{root}: not on this machine, not checked")
    free = shutil.disk_usage(root).free
    need = sum(e.size_mb * 2_000_000 for e in asked.config.file.environments.values())  # a build holds all twice
    if free < need:
        fix = "`harness images prune`, then see `docker system df`"
        return Line(subject, False, f"{root}: {gigabytes(free)} free, {gigabytes(need)} needed", fix, asked.containers)
    return Line(subject, True, f"{root}: {gigabytes(free)} free")


def built(client: docker.DockerClient, asked: DoctorRequest) -> Line:
    """The images that exist; others are built when needed."""
    states, lacking = [], []
    for name in sorted(asked.config.file.environments):
        try:
            found = image.find(client, image.image_request(asked.config, name, asked.device))
            states.append(f"{name} {'exists' if found else 'will be built'}")
        except HarnessError as error:
            lacking.append(f"{name}: {error.what}")
    if lacking:
        return Line("images", False, "; ".join([*states, *lacking]), "see [images] of harness.toml", asked.containers)
    return Line("images", True, "; ".join([*states, base(client, asked.config)]))


def base(client: docker.DockerClient, config: Config) -> str:
    """Whether the engine has the base image, in words."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(config.images.base)
    except ImageNotFound:
        return f"the base {config.images.base} will be pulled"
    return f"the base {config.images.base} exists"


def gpu_runtime(info: Mapping[str, Any], needed: bool) -> Line:
    """Whether containers can use a GPU."""
    subject = "GPUs in containers"
    runtimes = [name for name in info.get("Runtimes") or {} if "nvidia" in name]
    devices = [d.get("ID", "") for d in info.get("DiscoveredDevices") or [] if "nvidia" in str(d)]
    hook = shutil.which("nvidia-container-runtime-hook")
    if found := [*runtimes, *devices, *([hook] if hook else [])]:
        return Line(subject, True, f"by {found[0]}")
    fix = "install NVIDIA's container toolkit, then `nvidia-ctk runtime configure` and restart the engine"
    return Line(subject, False, "the engine has no NVIDIA runtime", fix, needed)
