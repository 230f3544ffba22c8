"""The container engine, Docker or Podman, over its API; its errors are translated to the harness's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import Interrupted, SetupError

if TYPE_CHECKING:
    import docker

CONNECT_S, PATIENCE_S = 10, 600  # a busy engine takes minutes to remove an image of gigabytes


@dataclass(frozen=True)
class Engine:
    """The facts of an engine.

    Attributes:
        name: with its version, such as Docker 20.10.24.
        rootless: whether it runs as a user, so that user ids in its containers map to others outside.
    """

    name: str
    podman: bool
    rootless: bool


def connect(address: str = "") -> docker.DockerClient:
    """A client of a running engine.

    Args:
        address: such as unix:///run/podman/podman.sock; DOCKER_HOST or Docker's default.
    Raises:
        SetupError: no engine answers there.
    """
    import docker  # takes a fifth of a second, so only if containers are used
    from docker.errors import DockerException

    try:
        named = docker.DockerClient(base_url=address, timeout=CONNECT_S) if address else None
        client = named or docker.from_env(timeout=CONNECT_S)
        client.ping()
        client.api.timeout = PATIENCE_S
    except (DockerException, OSError) as error:
        raise_interruption(error)
        fix = "start it, set another with DOCKER_HOST, or use --executor local; see `harness doctor`"
        raise SetupError(address or "container engine", f"does not answer: {error}", fix) from error
    return client


def raise_interruption(error: BaseException) -> None:
    """Raise the Ctrl-C that the engine's library wrapped in its own error, if there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Interrupted):
            raise seen
        seen = seen.__cause__ or seen.__context__


@contextlib.contextmanager
def refusals(where: str, fix: str = "see `harness doctor`") -> Iterator[None]:
    """Translate the engine's refusals, and a missing answer.

    Raises:
        SetupError: with the engine's message.
    """
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise_interruption(error)
        raise SetupError(where, f"the engine refuses: {error.explanation or error}", fix) from error
    except (DockerException, OSError) as error:  # an OSError of requests: the engine stopped
        raise_interruption(error)
        raise SetupError(where, f"the engine does not answer: {error}", fix) from error


def describe(client: docker.DockerClient) -> Engine:
    """The facts of the answering engine.

    Raises:
        SetupError: no engine answers.
    """
    with refusals("container engine"):
        parts = client.version().get("Components") or [{}]
        options = client.info().get("SecurityOptions") or []
    name, version = parts[0].get("Name", "Engine"), parts[0].get("Version", "")
    podman = "podman" in name.lower()
    shown = f"{'Podman' if podman else 'Docker' if name == 'Engine' else name} {version}"
    return Engine(shown, podman, any("name=rootless" in option for option in options))
