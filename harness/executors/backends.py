"""Interpreter and executor of runs: on this machine, or in containers of an image.

Nothing is created, and no engine contacted, before the interpreter is needed, so that plans work without them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.core.config import Config
from harness.core.errors import SetupError
from harness.core.process import capture, end_tree
from harness.environments import container_engine, venv
from harness.environments.images import image as images
from harness.executors import sandbox
from harness.executors.base import Executor, Outcome, PreparedRun, wait
from harness.executors.docker import DockerExecutor
from harness.executors.local import LocalExecutor
from harness.executors.run_folder import RunFolder

if TYPE_CHECKING:
    import docker

LAST_LINES = 12
OF_A_CONTAINER = {  # its variables, instead of those of this process
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8",
    "USER": "harness", "LOGNAME": "harness",  # libraries ask for a user name, and the user id has none inside
}  # fmt: skip


class Backend(Protocol):
    """Interpreter, executor and variables of runs.

    Attributes:
        device: cpu or cuda.
    """

    @property
    def device(self) -> str: ...

    @property
    def identity(self) -> dict[str, str]:
        """The environment's part of a run key; creates nothing."""

    @property
    def python(self) -> Path:
        """The interpreter, as seen by a run; created if needed."""

    @property
    def executor(self) -> Executor:
        """The executor of runs."""

    @property
    def facts(self) -> dict[str, object]:
        """The facts for a record."""

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the interpreter that a stored request must contain, so that other machines find its keys."""

    def variables(self, threads: int) -> dict[str, str]:
        """Environment variables of a run."""

    def is_whole(self) -> bool:
        """Whether the interpreter still exists."""

    def to_make(self, size: str) -> str:
        """What still has to be created, for `harness plan`; "" if nothing.

        Args:
            size: of a virtual environment, in words.
        """

    def shown(self, path: Path, folder: RunFolder, reads: Mapping[str, Path]) -> str:
        """A path of this machine as seen by a run."""

    def end_leftovers(self, mark: str) -> None:
        """End leftover processes of a run after its harness was killed."""

    def make(self, run: PreparedRun) -> None:
        """Run a command that must succeed. Raises SetupError with its last lines otherwise."""


@dataclass(frozen=True)
class LocalBackend:
    """Processes of this machine, with a virtual environment or the current interpreter."""

    request: venv.Request
    making: Callable[[str], None] = lambda _: None

    @property
    def device(self) -> str:
        """cpu or cuda."""
        return self.request.device

    @cached_property
    def identity(self) -> dict[str, str]:
        """The lock's hash, or the versions that are inherited."""
        return venv.identity(self.request)

    @cached_property
    def python(self) -> Path:
        """The interpreter's path."""
        return venv.realise(self.request, self.making)

    @cached_property
    def executor(self) -> Executor:
        """Child processes."""
        return LocalExecutor()

    @property
    def facts(self) -> dict[str, object]:
        """The packages."""
        return {"packages": venv.resolved(self.python, self.request.base_env)}

    @property
    def versions(self) -> dict[str, str]:
        """The inherited ones, or the Python that selects the lock."""
        return dict(self.identity) if self.request.inherits else {"python": self.request.version}

    def variables(self, threads: int) -> dict[str, str]:
        """Those of this process, with the variables of every run."""
        return venv.child_env(self.request.base_env, self.python, threads, self.device)

    def is_whole(self) -> bool:
        """Whether the interpreter exists."""
        return self.python.exists()

    def to_make(self, size: str) -> str:
        """The virtual environment."""
        if self.request.inherits or venv.marker_of(self.request).is_file():
            return ""
        return f"environment {self.request.name}: to be installed, about {size} on disk"

    def shown(self, path: Path, folder: RunFolder, reads: Mapping[str, Path]) -> str:  # noqa: ARG002
        """The path itself."""
        return str(path)

    def end_leftovers(self, mark: str) -> None:
        """End all processes with this mark."""
        end_tree(None, mark)

    def make(self, run: PreparedRun) -> None:
        """Run a command to its end."""
        capture(run.command, run.env)


@dataclass(frozen=True)
class DockerBackend:
    """Containers of the environment's image.

    Attributes:
        name: of the environment.
        gpus: `none`, `all`, or numbers such as 0,1.
    """

    config: Config
    name: str
    device: str
    gpus: str
    threads: int
    making: Callable[[str], None] = lambda _: None

    @cached_property
    def request(self) -> images.ImageRequest:
        """The image."""
        return images.image_request(self.config, self.name, self.device)

    @cached_property
    def identity(self) -> dict[str, str]:
        """The sources of the image."""
        return images.identity(self.request)

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine."""
        return container_engine.connect(self.config.docker.address)

    @cached_property
    def image(self) -> images.Image:
        """The image, built if needed."""
        return images.ensure_image(self.client, self.request, self.making)

    @property
    def python(self) -> Path:
        """The image's interpreter, a path inside the image."""
        return Path(images.INTERPRETER) if self.image else Path()

    @cached_property
    def limits(self) -> sandbox.Limits:
        """The resource limits of a run."""
        asked = self.config.docker.model_dump(exclude={"address", "cpus"})
        cpus = self.config.docker.cpus or min(self.threads, os.cpu_count() or self.threads)
        return sandbox.Limits(**asked, cpus=cpus)

    @cached_property
    def executor(self) -> DockerExecutor:
        """Containers; those of dead harnesses are removed."""
        return DockerExecutor(self.client, self.image.id, self.limits, self.gpus)

    @property
    def facts(self) -> dict[str, object]:
        """Packages, image, engine and limits."""
        return {
            "packages": self.image.packages,
            "executor": "docker",
            "image": {"tag": self.image.tag, "id": self.image.id, "base": self.request.base},
            "engine": self.executor.engine.name,
            "limits": {**vars(self.limits), "gpus": self.gpus},
        }

    @property
    def versions(self) -> dict[str, str]:
        """None: harness.toml gives the Python of images."""
        return {}

    def variables(self, threads: int) -> dict[str, str]:
        """Those of a container, none of this process."""
        return venv.child_env(OF_A_CONTAINER, self.python, threads, self.device)

    def is_whole(self) -> bool:
        """True: an image in use cannot be removed."""
        return True

    def to_make(self, size: str) -> str:
        """The image; the engine is not asked whether it has it."""
        return f"environment {self.name}: image {images.tag(self.request)}, built if needed ({size} and its base)"

    def shown(self, path: Path, folder: RunFolder, reads: Mapping[str, Path]) -> str:
        """Its path in the container."""
        return sandbox.translated(str(path), sandbox.places(folder, reads))

    def end_leftovers(self, mark: str) -> None:
        """Remove containers of this run."""
        sandbox.reap(self.client, mark)

    def make(self, run: PreparedRun) -> None:
        """Run a command to its end in a container."""
        found: list[Outcome] = []
        wait(self.executor, iter([run]), 1, lambda _, outcome: found.append(outcome), lambda: None)
        why = [found[0].reason, *(f"left {removed_entry}" for removed_entry in run.folder.clear())]
        why += ["timed out"] if found[0].timed_out else [f"status {found[0].status}"] if found[0].status else []
        if reasons := [reason for reason in why if reason]:
            tail = run.folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LAST_LINES:]
            raise SetupError(run.label, "\n    ".join([f"failed: {reasons[0]}", *tail]), "see its lines above")
