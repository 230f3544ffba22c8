"""How runs are executed: executor, environment, jobs, GPUs; no option here changes a number."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.core.config import EXECUTORS
from harness.core.errors import ArgumentError, near_misses


@dataclass(frozen=True)
class ExecutionOptions:
    """How runs are executed; no option here changes a table.

    Attributes:
        jobs: number of parallel runs.
        environment: `venv`, `inherit`, or "" for the one of harness.toml; on this machine only.
        python: interpreter to inherit, or to create environments with; on this machine only.
        executor: `local`, `docker`, or "" for the one of harness.toml.
        gpus: of containers: `none`, `all`, numbers such as 0,1, or "" for the device's default.
        versions: of the interpreter of a stored table, instead of the current one's.
        making: called before a step that takes minutes.
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
        ArgumentError: with the option to remove.
    """
    if executor not in EXECUTORS:
        raise ArgumentError("--executor", f"unknown executor {executor!r}", near_misses(executor, EXECUTORS))
    if executor == "local":
        if options.gpus:
            fix = "select GPUs by CUDA_VISIBLE_DEVICES, or add --executor docker"
            raise ArgumentError("--gpus", "applies to containers; processes of this machine see all GPUs", fix)
        return
    for flag, value in (("--environment", options.environment), ("--python", options.python)):
        if value:
            what = f"{value!r} applies to --executor local; a container has the packages of its image"
            raise ArgumentError(flag, what, f"remove {flag}, or add --executor local")
    if not re.fullmatch(r"|none|all|\d+(,\d+)*", options.gpus):
        raise ArgumentError(
            "--gpus", f"{options.gpus!r} is not a list of GPUs", "write all, none, or numbers such as 0,1"
        )
    if options.gpus and (options.gpus == "none") != (device == "cpu"):
        raise ArgumentError("--gpus", f"{options.gpus!r} contradicts --device {device}", "remove one of them")
