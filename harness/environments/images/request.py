"""The inputs of an image, and the names derived from them; independent of the engine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import ConfigError
from harness.core.files import canonical_json, sha256_bytes
from harness.core.project_folders import find
from harness.environments.locks import content_hash
from harness.environments.venv import most_specific_lock

REPOSITORY = "seqrec-harness"
INTERPRETER = "/opt/environment/bin/python"
DOCKERFILE = "dockerfiles/Dockerfile"


@dataclass(frozen=True)
class ImageRequest:
    """A requested image, and the settings of its build.

    Attributes:
        name: of the environment.
        base: base image.
        python: Python of the base, such as 3.12.
        cache: folder for locks and for logs of failed builds.
        pip_args: further arguments of pip, such as an index.
        certificates: PEM bundle that pip trusts.
        wheels: folder of wheels that the index lacks.
    """

    name: str
    dockerfile: Path
    lock: Path
    base: str
    python: str
    cache: Path
    pip_args: tuple[str, ...] = ()
    certificates: Path | None = None
    proxy: str = ""
    wheels: Path | None = None


def image_request(config: Config, name: str, device: str = "cpu") -> ImageRequest:
    """The image of an environment, by harness.toml and environment variables.

    Args:
        device: cpu or cuda; selects the lock.
    Raises:
        ConfigError: no base, no lock for this device and Python, or missing files.
    """
    settings, environment = config.images, config.environment(name)
    if not settings.base:
        raise ConfigError("harness.toml: images.base", "has no image", "set one there or in HARNESS_BASE_IMAGE")
    where = f"harness.toml: environments.{name}.locks"
    machine = platform.machine().lower()
    words = (device, "linux", machine, f"py{settings.python.replace('.', '')}")
    return ImageRequest(
        name=name,
        dockerfile=there(find(config.root, DOCKERFILE), DOCKERFILE),
        lock=there(find(config.root, most_specific_lock(environment.locks, words, where)), where),
        base=settings.base,
        python=settings.python,
        cache=config.cache,
        pip_args=config.pip_args,
        certificates=there(config.root / settings.certificates, "images.certificates")
        if settings.certificates
        else None,
        proxy=settings.proxy,
        wheels=there(config.root / settings.wheels, "images.wheels") if settings.wheels else None,
    )


def there(path: Path, where: str) -> Path:
    """The path of a setting.

    Raises:
        ConfigError: it does not exist.
    """
    if not path.exists():
        raise ConfigError(
            where, f"no such file or folder: {path}", "correct the setting, or the variable that overrides it"
        )
    return path


def identity(request: ImageRequest) -> dict[str, str]:
    """The image's part of a run key: everything that can change its content.

    Certificates, proxy, pip's arguments and the folder of wheels are excluded: the files are checked against the hashes
    of the lock.
    """
    return {
        "lock": content_hash(request.lock),
        "python": request.python,
        "dockerfile": sha256_bytes(instructions(request.dockerfile).encode()),
        "base": request.base,
    }


def instructions(dockerfile: Path) -> str:
    """A Dockerfile without its comments and empty lines, which do not change an image."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def content(request: ImageRequest) -> str:
    """The identity as one hash."""
    return sha256_bytes(canonical_json(identity(request)).encode())


def tag(request: ImageRequest) -> str:
    """The image's tag, seqrec-harness/ENVIRONMENT:CONTENT; equal tags mean equal packages."""
    return f"{REPOSITORY}/{request.name}:{content(request)[:12]}"


def labels(request: ImageRequest) -> dict[str, str]:
    """The labels of an image; `label` adds their common prefix."""
    return {
        label("environment"): request.name,
        label("content"): content(request),
        label("version"): version("seqrec-harness"),
        label("cache"): cache_label(request.cache),
        **{label(key): value for key, value in identity(request).items()},
    }


def label(key: str) -> str:
    """The full name of one of our labels."""
    return f"{REPOSITORY}.{key}"


def workplace(cache: Path, content: str) -> Path:
    """The path in the cache for the lock of a build, and for its log if it failed."""
    return cache / "images" / content[:12]


def cache_label(cache: Path) -> str:
    """Identifies the cache that an image was built from, so that `prune` keeps other projects' images."""
    return sha256_bytes(f"{platform.node()}:{cache.resolve()}".encode())[:12]
