"""The harness's images on an engine: size, completeness, and whether they are needed.

Only images with our labels are considered, and only those built from this project's cache are removed unless
requested otherwise. Images in use are kept.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from harness.core.config import Config
from harness.core.errors import ConfigError, StoreError
from harness.core.files import locked, sha256_bytes
from harness.environments import container_engine
from harness.environments.images.request import (
    REPOSITORY,
    ImageRequest,
    cache_label,
    content,
    identity,
    image_request,
    label,
    tag,
    workplace,
)

if TYPE_CHECKING:
    import docker
    import docker.models.images

DEVICES = ("cpu", "cuda")
PARTS = {"lock": "the lock", "python": "the Python", "dockerfile": "the Dockerfile", "base": "the base"}


@dataclass(frozen=True)
class Held:
    """One of our images on the engine, or the base of one.

    Attributes:
        tag: "" for a leftover of a build.
        layers: bytes by layer; equal keys are one layer on the disk.
        labels: our own, without their common prefix.
        created: ISO time.
    """

    tag: str
    id: str
    layers: Mapping[str, int]
    labels: Mapping[str, str]
    created: str

    @property
    def size(self) -> int:
        """Bytes of all its layers."""
        return sum(self.layers.values())

    @property
    def packages(self) -> dict[str, str]:
        """Versions as listed by the build."""
        found: dict[str, str] = json.loads(self.labels.get("packages", "{}"))
        return found


def held(client: docker.DockerClient) -> list[Held]:
    """Our images by name, untagged ones last.

    Raises:
        SetupError: the engine does not answer.
    """
    with container_engine.refusals("container engine"):
        images = client.images.list(filters={"label": label("content")})
        found = [describe(image, ours(name)) for image in images for name in image.tags or [""]]
    return sorted(found, key=lambda image: (not image.tag, image.tag, image.created))


def ours(name: str) -> str:
    """An image's tag without the host that Podman adds."""
    return name[max(name.find(f"{REPOSITORY}/"), 0) :]


def bases(client: docker.DockerClient, images: Iterable[Held]) -> list[Held]:
    """The base images of these, as far as the engine has them by tag."""
    from docker.errors import ImageNotFound

    found = []
    for name in sorted({image.labels["base"] for image in images if "base" in image.labels}):
        try:
            found.append(describe(client.images.get(name), name))
        except ImageNotFound:
            continue
    return found


def describe(image: docker.models.images.Image, name: str) -> Held:
    """The engine's facts of an image.

    A layer's key is the history up to it; images of one engine share it exactly if they share the layer.
    """
    layers: dict[str, int] = {}
    chain = ""
    for entry in reversed(image.history()):
        chain = sha256_bytes(f"{chain}{entry['Created']}{entry['CreatedBy']}{entry['Size']}".encode())
        if entry["Size"]:
            layers[chain] = int(entry["Size"])
    labels = {
        key.removeprefix(label("")): value for key, value in (image.labels or {}).items() if key.startswith(label(""))
    }
    return Held(name, str(image.id), layers, labels, str(image.attrs["Created"]))


def on_disk(images: Iterable[Held]) -> int:
    """Bytes of these images together, each layer counted once."""
    layers: dict[str, int] = {}
    for image in images:
        layers.update(image.layers)
    return sum(layers.values())


def unique(image: Held, images: Iterable[Held]) -> int:
    """Bytes of layers that only this image has."""
    others = {key for other in images if other.id != image.id for key in other.layers}
    return sum(size for key, size in image.layers.items() if key not in others)


def wanted(config: Config) -> dict[str, list[str]]:
    """The images that the environments of harness.toml need: names and devices by tag."""
    found: dict[str, list[str]] = {}
    for name, device in ((name, device) for name in config.file.environments for device in DEVICES):
        try:
            found.setdefault(tag(image_request(config, name, device)), []).append(device)
        except ConfigError:
            continue  # an environment without a lock for this device has no image for it
    return found


def state(request: ImageRequest, images: Iterable[Held], base_ids: Mapping[str, str]) -> tuple[bool, list[str]]:
    """Whether the image of a request exists and is complete, with remarks.

    Args:
        base_ids: id by name of the base images that the engine has now.
    """
    ours = [image for image in images if image.tag.startswith(tag(request).partition(":")[0] + ":")]
    found = next((image for image in ours if image.tag == tag(request)), None)
    if found is None:
        nearest = max(ours, key=lambda image: image.created, default=None)
        return False, [f"would be built: {'; '.join(differences(request, nearest)) if nearest else 'never built here'}"]
    if found.labels.get("content") != content(request):
        return False, ["would be rebuilt: its name belongs to another image"]
    wrong = against_lock(found.packages, request.lock)
    moved = [
        f"the base {request.base} has changed: remove this image to build on the new base"
        for now in [base_ids.get(request.base)]
        if now not in (None, found.labels.get("base-id"))
    ]
    return not wrong, [*wrong, *moved] or ["complete: its packages are those of the lock"]


def differences(request: ImageRequest, image: Held) -> list[str]:
    """The changes since another image of the environment was built, in words."""
    now = identity(request)
    changed_parts = [name for key, name in PARTS.items() if image.labels.get(key) != now[key]]
    return [f"{name} changed since {image.tag.rpartition('/')[2]}" for name in changed_parts] or ["it lacks our labels"]


def against_lock(packages: Mapping[str, str], lock: Path) -> list[str]:
    """The differences between the packages of an image and its lock, in words."""
    have: dict[str, str] = {canonicalize_name(name): version for name, version in packages.items()}
    python = have.pop("python", "0")
    want: dict[str, str] = dict(pins(lock.read_text(encoding="utf-8"), python))
    return [
        *(f"{name} {want[name]} is missing" for name in sorted(want.keys() - have.keys())),
        *(f"{name} {have[name]} is not in the lock" for name in sorted(have.keys() - want.keys())),
        *(
            f"{name} is {have[name]}, not {want[name]}"
            for name in sorted(want)
            if have.get(name, want[name]) != want[name]
        ),
    ]


def pins(lock: str, python: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package that a lock requires on Linux with this Python."""
    surroundings = {
        "python_full_version": python, "python_version": ".".join(python.split(".")[:2]), "sys_platform": "linux",
        "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
    }  # fmt: skip
    for line in lock.splitlines():
        pin, _, marker = line.partition(" --hash=")[0].rstrip(" \\").partition(" ; ")
        name, equals, version = pin.partition("==")
        if equals and not line.startswith((" ", "#")) and (not marker or Marker(marker).evaluate(surroundings)):
            yield canonicalize_name(name), version.strip()


def unneeded(config: Config, images: Iterable[Held], everywhere: bool) -> list[Held]:
    """Our images that no environment of harness.toml needs, and build leftovers.

    Args:
        everywhere: also those built from other projects' caches.
    """
    needed, mine = wanted(config), cache_label(config.cache)
    return [i for i in images if i.tag not in needed and (everywhere or i.labels.get("cache") == mine)]


def remove_readers(client: docker.DockerClient) -> None:
    """Remove the containers through which a killed build read packages; they would keep an image in use."""
    from docker.errors import APIError

    for container in client.containers.list(all=True, filters={"label": label("reads"), "status": "created"}):
        with contextlib.suppress(APIError):
            container.remove()


def remove(client: docker.DockerClient, image: Held, cache: Path) -> str:
    """Remove one image; return why it was kept, or "".

    An image of an active build is kept.
    """
    from docker.errors import APIError, ImageNotFound

    try:
        with locked(workplace(cache, image.labels.get("content", "")), wait=False):
            client.images.remove(image.tag or image.id)
    except StoreError:
        return "in use by a build"
    except ImageNotFound:
        return ""
    except APIError as error:
        return f"in use: {error.explanation}"
    return ""


def summary(images: list[Held]) -> dict[str, Any]:
    """Bytes of images together: on disk, of the largest one, and their ratio."""
    largest = max((image.size for image in images), default=0)
    together = on_disk(images)
    return {"together": together, "largest": largest, "ratio": together / largest if largest else 0.0}
