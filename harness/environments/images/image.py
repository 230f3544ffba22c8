"""An environment as a container image: named by its content, built once, known again without starting anything.

The tag is given last, to an image that is whole and labelled, so that a build that was killed counts for nothing. What
a build needs to reach packages is in none of its layers, and neither are the intermediate images kept that had it.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import SetupError
from harness.core.files import locked
from harness.environments import container_engine
from harness.environments.images.build import build, packages_inside
from harness.environments.images.request import (
    INTERPRETER,
    ImageRequest,
    content,
    identity,
    image_request,
    label,
    labels,
    tag,
    workplace,
)

if TYPE_CHECKING:
    import docker
    import docker.models.images

__all__ = ["INTERPRETER", "Image", "ImageRequest", "ensure_image", "find", "identity", "image_request", "tag"]


@dataclass(frozen=True)
class Image:
    """An image on the engine.

    Attributes:
        id: sha256:... of its configuration, which names every layer by content.
        packages: version by name in lower case, and that of `python`.
        size: bytes, the base's included.
    """

    tag: str
    id: str
    packages: dict[str, str]
    size: int


def find(client: docker.DockerClient, request: ImageRequest) -> Image | None:
    """The image of this request if the engine has it whole, in a few milliseconds.

    Raises:
        SetupError: the engine does not answer.
    """
    from docker.errors import ImageNotFound

    with container_engine.refusals(tag(request)):
        try:
            found = client.images.get(tag(request))
        except ImageNotFound:
            return None
    if found.labels.get(label("content")) != content(request):
        return None  # somebody else's image under our name
    packages: dict[str, str] = json.loads(found.labels.get(label("packages"), "{}"))
    return Image(tag(request), str(found.id), packages, int(found.attrs["Size"])) if packages else None


def ensure_image(
    client: docker.DockerClient, request: ImageRequest, making: Callable[[str], None] = lambda _: None
) -> Image:
    """The image of this request, built if the engine does not have it.

    Args:
        making: is told each step of a build.
    Raises:
        SetupError: it cannot be built; the message ends with the last lines, the log's path and what to do.
        StoreError: this machine's disk is full or not writable.
    """
    image = find(client, request)
    if image is None:
        with locked(workplace(request.cache, content(request))):
            image = find(client, request) or made(client, request, making)
    return image


def made(client: docker.DockerClient, request: ImageRequest, making: Callable[[str], None]) -> Image:
    """Build, label, name, and remove what only the build needed."""
    making(f"image {request.name}: building {tag(request)} on {request.base}")
    built = build(client, request, making)
    with container_engine.refusals(f"image {request.name}"):
        packages = packages_inside(client, built)
        base = client.images.get(request.base).id
        found = {label("packages"): json.dumps(packages, sort_keys=True), label("base-id"): str(base)}
        client.images.build(
            fileobj=io.BytesIO(f"FROM {built}\n".encode()),
            labels={**labels(request), **found},
            tag=tag(request),
            rm=True,
        )
    remove_leftovers(client, {label("stage"): "builder", label("content"): content(request)})
    image = find(client, request)
    if image is None:
        raise SetupError(tag(request), "was built, and is not there", "somebody removes images: run it again")
    making(f"image {request.name}: {image.size / 1e6:,.0f} MB, {len(packages) - 1} packages")
    return image


def remove_leftovers(client: docker.DockerClient, labelled: dict[str, str]) -> list[str]:
    """Remove images without a name that have all of these labels; the ids of those that are gone.

    One that something still uses is left.
    """
    from docker.errors import APIError

    gone = []
    filters = {"dangling": True, "label": [f"{key}={value}" for key, value in labelled.items()]}
    for image in client.images.list(filters=filters):
        with contextlib.suppress(APIError):
            client.images.remove(str(image.id))
            gone.append(str(image.id))
    return gone
