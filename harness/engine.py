"""The container engine, Docker's or Podman's, over its API; what cannot be had is told in the words of this program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import SetupError

if TYPE_CHECKING:
    import docker

CONNECT_S = 5


def connect(address: str = "") -> docker.DockerClient:
    """A client of a running engine.

    Args:
        address: such as unix:///run/podman/podman.sock; DOCKER_HOST or Docker's own place by default.
    Raises:
        SetupError: no engine answers there.
    """
    import docker  # a fifth of a second: only for who uses containers
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(base_url=address) if address else docker.from_env()
        client.ping()
    except DockerException as error:
        fix = "start it, name another with DOCKER_HOST, or use --executor local; `harness doctor` says more"
        raise SetupError(address or "container engine", f"does not answer: {error}", fix) from error
    return client
