"""`harness images`: build, list, check and prune the container images of the environments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.core.errors import ArgumentError, near_misses

if TYPE_CHECKING:
    from harness.core.config import Config
    from harness.environments.images.image import ImageRequest
    from harness.environments.images.inventory import Held

images_app = typer.Typer(help="Container images of the environments.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="environments of harness.toml [default: all]")]
Device = Annotated[str, typer.Option(help="cpu or cuda: selects the lock")]
Project = Annotated[Path | None, typer.Option(help="folder with harness.toml")]


def requests(config: Config, names: list[str] | None, device: str) -> list[ImageRequest]:
    """The requested images.

    Raises:
        ArgumentError: an unknown device. ConfigError: an unknown environment, or one without a lock for this device.
    """
    from harness.environments.images.image import image_request
    from harness.environments.images.inventory import DEVICES

    if device not in DEVICES:
        raise ArgumentError("--device", f"unknown device {device!r}", near_misses(device, DEVICES))
    return [image_request(config, name, device) for name in names or sorted(config.file.environments)]


@images_app.command()
def build(names: Names = None, device: Device = "cpu", project: Project = None) -> None:
    """Build the missing images; existing ones are not rebuilt."""
    from harness.core.config import load
    from harness.environments.container_engine import connect
    from harness.environments.images.image import ensure_image

    config = load(project)
    client = connect(config.docker.address)
    for asked in requests(config, names, device):
        image = ensure_image(client, asked, lambda text: typer.echo(text, err=True))
        typer.echo(f"{image.tag} {image.id} {megabytes(image.size)}")


@images_app.command("list")
def list_images(project: Project = None) -> None:
    """List the harness's images with their size: total, shared with other images, unique."""
    from harness.core.config import load
    from harness.environments.container_engine import connect
    from harness.environments.images import inventory

    config = load(project)
    client = connect(config.docker.address)
    images = inventory.held(client)
    every = [*images, *inventory.bases(client, images)]
    needed = inventory.wanted(config)
    row = "{:<32} {:<7} {:>10} {:>10} {:>10}  {}"
    typer.echo(row.format("image", "python", "size", "shared", "unique", "needed by"))
    for image in every:
        own = inventory.unique(image, every)
        ours = bool(image.labels)
        use = ", ".join(needed.get(image.tag, ["no"])) if ours else "base"
        sizes = [megabytes(count) for count in (image.size, image.size - own, own)]
        typer.echo(row.format(shown(image), image.labels.get("python", ""), *sizes, use))
    typer.echo(join_names(every))


def shown(image: Held) -> str:
    """An image's name without the common prefix of the harness's images."""
    return (image.tag or f"left by a build: {image.id[7:19]}").removeprefix("seqrec-harness/")


def join_names(images: list[Held]) -> str:
    """The total size in words."""
    from harness.environments.images.inventory import summary

    bytes_ = summary(images)
    return f"together {megabytes(bytes_['together'])} on disk, {bytes_['ratio']:.2f} times the largest"


def megabytes(count: int) -> str:
    """Bytes as MB, with one decimal below 100 MB."""
    return f"{count / 1e6:,.{1 if count < 1e8 else 0}f} MB"


@images_app.command()
def check(names: Names = None, device: Device = "cpu", project: Project = None) -> None:
    """Check that each image exists and is complete, or say why it would be rebuilt; exit code 1 unless all are."""
    from harness.core.config import load
    from harness.environments.container_engine import connect
    from harness.environments.images import inventory
    from harness.environments.images.image import tag

    config = load(project)
    client = connect(config.docker.address)
    images = inventory.held(client)
    base_ids = {base.tag: base.id for base in inventory.bases(client, images)}
    good = True
    for asked in requests(config, names, device):
        whole, said = inventory.state(asked, images, base_ids)
        good = good and whole
        typer.echo(f"{tag(asked)}: {said[0]}" + "".join(f"\n  {line}" for line in said[1:]))
    raise typer.Exit(0 if good else 1)


@images_app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list what would be removed; remove nothing")] = False,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="also images built by the harness of other projects")
    ] = False,
    project: Project = None,
) -> None:
    """Remove the harness's images that no environment needs, and build leftovers; ignores all other images."""
    from harness.core.config import load
    from harness.environments.container_engine import connect
    from harness.environments.images import inventory

    config = load(project)
    client = connect(config.docker.address)
    images = inventory.held(client)
    before = inventory.on_disk([*images, *inventory.bases(client, images)])
    gone: set[str] = set()
    if not dry_run:
        inventory.remove_readers(client)
    for image in inventory.unneeded(config, images, everywhere):
        left = "" if dry_run else inventory.remove(client, image, config.cache)
        if not left:
            gone.add(image.tag + image.id)
        typer.echo(f"{'would remove' if dry_run else 'left' if left else 'removed'} {shown(image)} {left}".rstrip())
    kept = [image for image in images if image.tag + image.id not in gone]
    freed = before - inventory.on_disk([*kept, *inventory.bases(client, images)])
    typer.echo(f"{len(gone)} images, {megabytes(freed)}{' would be' if dry_run else ''} freed, {len(kept)} left")
