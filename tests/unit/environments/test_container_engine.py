"""What the engine's library raises, in the words of the harness."""

from __future__ import annotations

import pytest

from harness.core.errors import Interrupted, SetupError
from harness.environments import container_engine

docker_errors = pytest.importorskip("docker.errors")


def test_a_ctrl_c_that_the_library_takes_for_its_own_error_stays_one() -> None:
    """Its client asks for the engine's version, and wraps any exception meanwhile in its own error."""

    def version() -> None:
        try:
            raise Interrupted("interrupted", "finished runs are kept")
        except Interrupted as error:
            raise docker_errors.DockerException(f"Error while fetching server API version: {error}") from error

    with pytest.raises(Interrupted), container_engine.refusals("engine"):
        version()


def test_other_errors_are_the_engines() -> None:
    with pytest.raises(SetupError, match="does not answer: gone"), container_engine.refusals("engine"):
        raise docker_errors.DockerException("gone")
