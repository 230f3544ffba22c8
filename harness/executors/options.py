"""How runs are carried out: executor, environment, jobs, GPUs; nothing here changes a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.core.config import EXECUTORS
from harness.core.errors import ArgumentError, near_misses


@dataclass(frozen=True)
class ExecutionOptions:
    """How runs are carried out; nothing here changes a table.

    Attributes:
        jobs: runs at a time.
        environment: `venv`, `inherit`, or "" for what harness.toml says; on this machine only.
        python: interpreter to inherit, or to make environments with; on this machine only.
        executor: `local`, `docker`, or "" for what harness.toml says.
        gpus: of containers: `none`, `all`, numbers such as 0,1, or "" for all that a device needs.
        versions: of an interpreter, to be taken in place of asking the one at hand: what a stored table was made with.
        making: is told before something that takes minutes begins.
    """

    jobs: int = 1
    timeout_s: float = 172_800
    environment: str = ""
    python: str = ""
    executor: str = ""
    gpus: str = ""
    retry_failed: bool = False
    making: Callable[[str], None] = lambda _: None
    versions: Mapping[str, str] = field(default_factory=dict)


def check_options(options: ExecutionOptions, executor: str, device: str) -> None:
    """Refuse options that contradict each other.

    Raises:
        ArgumentError: naming the one to leave out.
    """
    if executor not in EXECUTORS:
        raise ArgumentError("--executor", f"unknown executor {executor!r}", near_misses(executor, EXECUTORS))
    if executor == "local":
        if options.gpus:
            fix = "choose GPUs by CUDA_VISIBLE_DEVICES, or add --executor docker"
            raise ArgumentError("--gpus", "is for containers; processes of this machine see all GPUs", fix)
        return
    for flag, value in (("--environment", options.environment), ("--python", options.python)):
        if value:
            what = f"{value!r} is for --executor local; a container has the packages of its image"
            raise ArgumentError(flag, what, f"leave out {flag}, or add --executor local")
    if not re.fullmatch(r"|none|all|\d+(,\d+)*", options.gpus):
        raise ArgumentError("--gpus", f"{options.gpus!r} names no GPUs", "write all, none, or numbers such as 0,1")
    if options.gpus and (options.gpus == "none") != (device == "cpu"):
        raise ArgumentError("--gpus", f"{options.gpus!r} does not go with --device {device}", "leave out one of them")
