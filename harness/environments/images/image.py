"""An environment as a container image: named by its content, built once, recognised without starting a container.

The tag is set last, on a complete and labelled image, so that a killed build leaves no usable image. Settings that
a build needs to reach packages are in none of its layers; intermediate images with them are removed.
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
        id: sha256:... of its configuration, which identifies every layer by content.
        packages: version by name in lower case, and that of `python`.
        size: bytes, including the base.
    """

    tag: str
    id: str
    packages: dict[str, str]
    size: int


def find(client: docker.DockerClient, request: ImageRequest) -> Image | None:
    """The image of this request if the engine has it complete; takes milliseconds.

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
        return None  # another image under our name
    packages: dict[str, str] = json.loads(found.labels.get(label("packages"), "{}"))
    return Image(tag(request), str(found.id), packages, int(found.attrs["Size"])) if packages else None


def ensure_image(
    client: docker.DockerClient, request: ImageRequest, making: Callable[[str], None] = lambda _: None
) -> Image:
    """The image of this request, built if the engine does not have it.

    Args:
        making: called with each step of a build.
    Raises:
        SetupError: the build failed; the message ends with the last lines, the log's path and the fix.
        StoreError: this machine's disk is full or not writable.
    """
    image = find(client, request)
    if image is None:
        with locked(workplace(request.cache, content(request))):
            image = find(client, request) or made(client, request, making)
    return image


def made(client: docker.DockerClient, request: ImageRequest, making: Callable[[str], None]) -> Image:
    """Build, label and tag, then remove files of the build."""
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
        raise SetupError(
            tag(request), "was built but no longer exists", "another program removed it: repeat the command"
        )
    making(f"image {request.name}: {image.size / 1e6:,.0f} MB, {len(packages) - 1} packages")
    return image


def remove_leftovers(client: docker.DockerClient, labelled: dict[str, str]) -> list[str]:
    """Remove untagged images that have all of these labels; return their ids.

    Images in use are kept.
    """
    from docker.errors import APIError

    gone = []
    filters = {"dangling": True, "label": [f"{key}={value}" for key, value in labelled.items()]}
    for image in client.images.list(filters=filters):
        with contextlib.suppress(APIError):
            client.images.remove(str(image.id))
            gone.append(str(image.id))
    return gone
