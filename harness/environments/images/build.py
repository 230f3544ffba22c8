"""One build: the context sent to the engine, its output, and the cause of a failure.

The engine's API supports the classic builder only.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.core.errors import SetupError
from harness.core.files import disk_errors, sha256_file, write_whole
from harness.environments.images.build_errors import suggest_fix
from harness.environments.images.request import ImageRequest, cache_label, content, label, workplace
from harness.environments.venv import LIST_PACKAGES

if TYPE_CHECKING:
    import docker

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COMMAND = re.compile(r"The command '.*' returned", re.DOTALL)  # the log already has it
STEP = re.compile(r"(?:\[\d+/\d+\] )?Step (\d+)/(\d+) ?: (.*)", re.DOTALL | re.IGNORECASE)  # Podman's begin with [1/3]
TITLE = re.compile(r'RUN : "([^"]*)"')
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
SILENT = ("ARG", "ENV", "LABEL", "USER", "CMD", "ENTRYPOINT")  # steps that take no time
PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
LAST_LINES = 12


def build(client: docker.DockerClient, request: ImageRequest, making: Callable[[str], None]) -> str:
    """Build the image without its tag and labels; return its id.

    Raises:
        SetupError: with the last lines, the log's path and the fix.
        StoreError: this machine's disk is full.
    """
    lines: list[str] = []
    try:
        with disk_errors(request.cache), tempfile.TemporaryFile() as file:
            write_context(request, file)
            file.seek(0)
            return last_id(answers(client, request, file), lines, lambda text: making(f"image {request.name}: {text}"))
    except BuildFailed as failed:
        raise explained(request, [*lines, str(failed)]) from failed


class BuildFailed(Exception):  # noqa: N818  never raised outside this module
    """The engine ended the build with this message."""


def answers(client: docker.DockerClient, request: ImageRequest, context: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The engine's output of a build, object by object."""
    from docker.errors import DockerException

    proxies = dict.fromkeys(PROXIES, request.proxy) if request.proxy else {}
    arguments = {"BASE_IMAGE": request.base, "PYTHON_VERSION": request.python, "CONTENT": content(request)}
    arguments["CACHE"] = cache_label(request.cache)
    try:
        for chunk in client.api.build(
            fileobj=context, custom_context=True, rm=True, forcerm=True, buildargs={**arguments, **proxies}
        ):
            yield from (json.loads(line) for line in chunk.splitlines() if line.strip())
    except (DockerException, OSError) as error:
        raise BuildFailed(str(error)) from error


def write_context(request: ImageRequest, file: IO[bytes]) -> None:
    """The tar for the engine: only the Dockerfile and the files that it copies."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        add(tar, "Dockerfile", request.dockerfile.read_bytes())
        add(tar, "lock.txt", request.lock.read_bytes())
        add(tar, "list_packages.py", LIST_PACKAGES.encode())
        add(tar, "arguments", "\n".join(request.pip_args).encode())
        add(tar, "certificates.pem", request.certificates.read_bytes() if request.certificates else b"")
        add(tar, "wheels/.keep", b"")
        for path in locked_wheels(request):
            tar.add(path, f"wheels/{path.name}", filter=plain)


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add one file to the context."""
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(plain(entry), io.BytesIO(data))


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The entry without owner and time, so that the engine's cache recognises it."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def locked_wheels(request: ImageRequest) -> list[Path]:
    """The wheels of the folder whose hashes the lock names."""
    if request.wheels is None:
        return []
    wanted = set(HASH.findall(request.lock.read_text()))
    names = {line.partition("==")[0].replace("-", "_").lower() for line in request.lock.read_text().splitlines()}
    near = (p for p in sorted(request.wheels.glob("*.whl")) if p.name.partition("-")[0].lower() in names)
    return [path for path in near if sha256_file(path) in wanted]


def last_id(answered: Iterable[dict[str, Any]], lines: list[str], making: Callable[[str], None]) -> str:
    """Follow a build to its end; return the image id.

    Args:
        lines: collects the output.
    Raises:
        BuildFailed: the build failed.
    """
    found = ""
    for answer in answered:
        text = COLOUR.sub("", str(answer.get("stream", "") or answer.get("status", ""))).strip()
        if text:
            lines.extend(text.splitlines())
            if step := STEP.match(text):
                if not step[3].startswith(SILENT):
                    making(f"step {step[1]} of {step[2]}: {in_words(step[3])}")
            elif built := re.match(r"Successfully built ([0-9a-f]+)", text):
                found = found or built[1]
        if "error" in answer:
            raise BuildFailed(COMMAND.sub("the step returned", str(answer["error"])))
        found = answer.get("aux", {}).get("ID", "") or found
    if not found:
        raise BuildFailed("the engine ended the build without an image")
    return found


def in_words(instruction: str) -> str:
    """An instruction of the Dockerfile in a few words."""
    title = TITLE.match(instruction)
    if title:
        return title[1]
    line = " ".join(instruction.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def explained(request: ImageRequest, lines: list[str]) -> SetupError:
    """The error of a failed build; the complete log is kept in the cache."""
    log = workplace(request.cache, content(request)).with_suffix(".log")
    write_whole(log, "\n".join(lines) + "\n")
    said = [line for line in lines if line.strip() and not line.startswith(("--->", "Removing intermediate"))]
    tail = "\n    ".join(line[:300] for line in said[-LAST_LINES:])
    return SetupError(
        f"image {request.name}",
        f"build on {request.base} failed:\n    {tail}\n  log: {log}",
        suggest_fix("\n".join(lines)),
    )


def packages_inside(client: docker.DockerClient, image: str) -> dict[str, str]:
    """The packages that the build listed, read without starting a container."""
    container = client.containers.create(image, labels={label("reads"): "packages"})
    try:
        chunks, _ = container.get_archive("/opt/environment/packages.json")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            file = tar.extractfile("packages.json")
            found: dict[str, str] = json.load(file) if file else {}
            return found
    finally:
        container.remove(force=True, v=True)
