"""A project whose one environment is a tiny package, so that its image is built without an index in seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import under_way
from base_image import python_version
from made_wheels import wheel

from harness.core.config import load
from harness.environments.images import image as images
from harness.environments.images.image import ImageRequest
from harness.environments.images.request import cache_label, label

if TYPE_CHECKING:
    import docker

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
[environments.tiny]
kind = "inherit"
packages = []
locks = {{ cpu = "tiny.lock" }}
[upstreams]
[images]
base = "{base}"
python = "{python}"
wheels = "wheels"
[mirrors]
pip = ["--no-index"]
"""


@dataclass(frozen=True)
class Small:
    """The project.

    Attributes:
        folder: with harness.toml, the lock and its wheels.
    """

    folder: Path
    env: dict[str, str]

    @property
    def version(self) -> str:
        """The version of its package in the lock."""
        return (self.folder / "tiny.lock").read_text().partition("==")[2].split()[0]

    @property
    def request(self) -> ImageRequest:
        """The image of its environment."""
        return images.image_request(load(self.folder, self.env), "tiny")

    def lock(self, version: str) -> None:
        """Have this version of the package in the lock and among the wheels."""
        (self.folder / "tiny.lock").write_text(wheel(self.folder / "wheels", version))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`harness images` with these arguments, under way."""
        return under_way.start([sys.executable, "-m", "harness", "images", *arguments], self.folder, self.env)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """`harness images` with these arguments: status, standard output, standard error."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err


@dataclass(frozen=True)
class Built:
    """An image that is there already, for all tests of a module that change nothing.

    Attributes:
        messages: of its build.
    """

    small: Small
    image: images.Image
    messages: list[str]


def make(folder: Path, base: str) -> Small:
    """A project in a folder that is not there yet."""
    (folder / "dockerfiles").mkdir(parents=True)
    shutil.copyfile(ROOT / "dockerfiles" / "Dockerfile", folder / "dockerfiles" / "Dockerfile")
    (folder / "harness.toml").write_text(SETTINGS.format(base=base, python=python_version()))
    env = {key: value for key, value in os.environ.items() if not key.startswith("HARNESS_")}
    small = Small(folder, {**env, "PYTHONPATH": str(ROOT)})
    small.lock(f"1.{abs(hash(folder)) % 10**6}")  # no two tests' images are the same
    return small


def remove_all(engine: docker.DockerClient, cache: Path) -> None:
    """Remove every image that was built from a cache, those without a name too."""
    for image in engine.images.list(filters={"label": f"{label('cache')}={cache_label(cache)}"}):
        for name in image.tags or [str(image.id)]:
            engine.images.remove(name, force=True)
