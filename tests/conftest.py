"""The container engine for tests that need one, and the small image that they run in."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest

from harness.engine import connect
from harness.errors import SetupError


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine; the test is skipped where none answers, or fails with HARNESS_ENGINE=required."""
    try:
        client = connect()
    except SetupError as error:
        if os.environ.get("HARNESS_ENGINE") == "required":
            pytest.fail(f"HARNESS_ENGINE=required, and no container engine answers: {error}")
        pytest.skip(f"NO CONTAINER ENGINE ANSWERS, so nothing about containers is tested: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """Name of a small image with Python, a shell and little else."""
    name = "harness-test-base:local"
    engine.images.get(name)
    return name


@pytest.fixture(scope="session")
def container_settings(base_image: str) -> dict[str, str]:
    """Variables with which images are built on that base."""
    return {"HARNESS_BASE_IMAGE": base_image, "HARNESS_BASE_PYTHON": "3.11"}
