"""Part `images`: the container images of the environments exist and are complete, or can be built."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.outcome import Item, broken, held, left_out, unreachable
from harness.core.config import Config
from harness.core.errors import ConfigError, HarnessError, SetupError
from harness.environments.container_engine import connect
from harness.environments.images import inventory
from harness.environments.images.image import ensure_image, image_request


def check(config: Config, build: bool) -> Iterator[Item]:
    """Every environment's image for a CPU.

    Args:
        build: create missing images.
    """
    try:
        client = connect(config.docker.address)
    except SetupError as error:
        yield left_out("container engine", error.brief, "see `harness doctor --executor docker`")
        return
    images = inventory.held(client)
    base_ids = {base.tag: base.id for base in inventory.bases(client, images)}
    for name in sorted(config.file.environments):
        try:
            request = image_request(config, name)
            if build:
                image = ensure_image(client, request)
                yield held(name, f"{image.tag} {image.id[:19]}")
                continue
            whole, said = inventory.state(request, images, base_ids)
        except ConfigError as error:
            yield left_out(name, error.what)
            continue
        except HarnessError as error:
            yield unreachable(name, error)
            continue
        if whole:
            yield held(name, said[0])
        elif said[0].startswith("would be built: "):  # no image exists, so none can be broken
            yield left_out(name, said[0])
        else:
            yield broken(name, "; ".join(said), f"`harness images build {name}`")
