"""What an image is made from, and the names that follow from that; the engine is not asked here."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import ConfigError
from harness.core.files import canonical_json, sha256_bytes
from harness.environments.locks import content_hash
from harness.environments.venv import most_specific_lock

REPOSITORY = "seqrec-harness"
INTERPRETER = "/opt/environment/bin/python"
DOCKERFILE = "dockerfiles/Dockerfile"


@dataclass(frozen=True)
class ImageRequest:
    """Which image is wanted, and what its build may use.

    Attributes:
        name: of the environment.
        base: image that it starts from.
        python: Python of the base, such as 3.12.
        cache: folder for locks and for logs of builds that failed.
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
    """The image of an environment, as harness.toml and the environment variables have it.

    Args:
        device: cpu or cuda; it chooses the lock.
    Raises:
        ConfigError: no base, no lock for this device and Python, or files that are not there.
    """
    settings, environment = config.images, config.environment(name)
    if not settings.base:
        raise ConfigError("harness.toml: images.base", "names no image", "name one there or in HARNESS_BASE_IMAGE")
    where = f"harness.toml: environments.{name}.locks"
    machine = platform.machine().lower()
    words = (device, "linux", machine, f"py{settings.python.replace('.', '')}")
    return ImageRequest(
        name=name,
        dockerfile=there(config.root / DOCKERFILE, DOCKERFILE),
        lock=there(config.root / most_specific_lock(environment.locks, words, where), where),
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
    """A path that a setting names.

    Raises:
        ConfigError: nothing is there.
    """
    if not path.exists():
        raise ConfigError(where, f"there is no {path}", "correct the setting, or the variable that overrides it")
    return path


def identity(request: ImageRequest) -> dict[str, str]:
    """What stands for the image in a run's key: all that can change what is in it.

    Certificates, proxy, pip's arguments and the folder of wheels cannot: what they lead to is held against the hashes
    of the lock.
    """
    return {
        "lock": content_hash(request.lock),
        "python": request.python,
        "dockerfile": sha256_bytes(instructions(request.dockerfile).encode()),
        "base": request.base,
    }


def instructions(dockerfile: Path) -> str:
    """A Dockerfile without its comments and empty lines, which can change no image."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))


def content(request: ImageRequest) -> str:
    """The identity as one hash."""
    return sha256_bytes(canonical_json(identity(request)).encode())


def tag(request: ImageRequest) -> str:
    """The image's name: seqrec-harness/ENVIRONMENT:CONTENT, of which equal ones hold equal packages."""
    return f"{REPOSITORY}/{request.name}:{content(request)[:12]}"


def labels(request: ImageRequest) -> dict[str, str]:
    """What an image says of itself; `label` has the keys' common beginning."""
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
    """The path in the cache beside which the lock of a build lies, and its log if it failed."""
    return cache / "images" / content[:12]


def cache_label(cache: Path) -> str:
    """Stands for the cache that an image was built from, so that `prune` leaves other projects' images alone."""
    return sha256_bytes(f"{platform.node()}:{cache.resolve()}".encode())[:12]
