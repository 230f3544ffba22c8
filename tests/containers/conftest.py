"""Projects with one small image each, on the engine that there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from small_images import Built, Small, make, remove_all

from harness.environments.images import image

if TYPE_CHECKING:
    import docker


@pytest.fixture
def small(tmp_path: Path, engine: docker.DockerClient, base_image: str) -> Iterator[Small]:
    """A fresh one; the images that were built from its cache go afterwards."""
    yield make(tmp_path / "small", base_image)
    remove_all(engine, tmp_path / "small" / ".cache")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, base_image: str) -> Iterator[Built]:
    """The image of a project of its own; it goes afterwards."""
    small, message = make(tmp_path_factory.mktemp("built") / "small", base_image), list[str]()
    try:
        yield Built(small, image.ensure_image(engine, small.request, message.append), message)
    finally:
        remove_all(engine, small.request.cache)
