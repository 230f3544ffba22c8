"""A small base image out of this machine's own files, for container tests where nothing can be pulled.

It has the system's Python with venv, a C++ runtime for wheels, a shell and a few tools; no apt, no pip, no
certificates. Debian's and Ubuntu's layout with merged /usr is expected. Its name is a hash of what goes into it, so it
is made once: about a second for its files, another one to import them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import docker

REPOSITORY = "harness-test-base"
PYTHON = Path("/usr/bin/python3")
TOOLS = (
    "sh", "bash", "cat", "chmod", "cp", "date", "dd", "echo", "env", "false", "find", "grep", "head", "id", "ln", "ls",
    "mkdir", "mv", "rm", "sed", "sleep", "sort", "tail", "tar", "test", "timeout", "touch", "true", "uname", "wc",
)  # fmt: skip
RUNTIME = (  # what wheels expect to find
    "libdl.so.2", "libgcc_s.so.1", "libgomp.so.1", "libm.so.6", "libnss_files.so.2", "libpthread.so.0", "librt.so.1",
    "libstdc++.so.6",
)  # fmt: skip
MERGED = ("bin", "lib", "lib64", "sbin")
LEFT_OUT = re.compile(r"/(?:test|tests|idlelib|lib2to3|turtledemo|dist-packages)(?:/|$)")
ACCOUNTS = {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
FOLDERS_OF_PYTHON = (
    "import sysconfig as s, ensurepip as e;"
    "print(s.get_path('stdlib'), s.get_config_var('DESTSHARED'), getattr(e, '_WHEEL_PKG_DIR', '') or '')"
)
FOLDERS = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "etc": 0o755, "opt": 0o755}


def python_version() -> str:
    """The Python of the image, such as 3.11."""
    return output(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()


def ensure(client: docker.DockerClient) -> str:
    """The image's name, made if the engine does not have it.

    Raises:
        FileNotFoundError: this machine lacks one of the files.
    """
    from docker.errors import ImageNotFound

    files = sorted(contents())
    name = f"{REPOSITORY}:{digest(files)}"
    try:
        client.images.get(name)
    except ImageNotFound:
        with tempfile.NamedTemporaryFile() as file:
            write(files, file)
            file.flush()
            answer = client.api.import_image(file.name, REPOSITORY)  # Podman takes no tag here
        client.images.get(json.loads(answer.splitlines()[-1])["status"]).tag(*name.split(":"))
    return name


def output(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def contents() -> set[str]:
    """Paths of everything that goes into the image, under their names in /usr."""
    programs = [path for name in TOOLS if (path := shutil.which(name, path="/usr/bin:/bin"))]
    folders = output(PYTHON, "-c", FOLDERS_OF_PYTHON).split()
    modules = [str(path) for path in Path(folders[1]).glob("*.so")]
    libraries = needed_by([*programs, str(PYTHON), *modules])
    near = Path(next(path for path in libraries if "/libc.so" in path)).parent
    runtime = [str(near / name) for name in RUNTIME if (near / name).exists()]
    below = [str(path) for folder in (folders[0], *folders[2:]) for path in everything(Path(folder))]
    chosen = {*programs, str(PYTHON), *libraries, *runtime, *needed_by(runtime), *below}
    links = {os.path.realpath(path) for path in chosen}
    return {in_usr(path) for path in chosen | links if not LEFT_OUT.search(path)}


def everything(folder: Path) -> Iterator[Path]:
    """All files below a folder."""
    for where, _, names in os.walk(folder):
        yield from (Path(where) / name for name in names)


def needed_by(programs: Iterable[str]) -> set[str]:
    """The shared libraries of programs, as the loader finds them."""
    said = subprocess.run(["ldd", *programs], check=False, capture_output=True, text=True).stdout
    return set(re.findall(r"(?:=> |^\t)(/\S+)", said, re.MULTILINE))


def in_usr(path: str) -> str:
    """A path with merged /usr written out, so that each file goes in once."""
    first = path.split("/", 2)[1]
    return f"/usr{path}" if first in MERGED else path


def digest(files: Iterable[str]) -> str:
    """Stands for the image: this script, and each file's size, time and target."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in files:
        status = os.lstat(path)
        target = os.readlink(path) if os.path.islink(path) else ""
        found.update(f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode} {target}\n".encode())
    return found.hexdigest()[:12]


def write(files: Iterable[str], file: IO[bytes]) -> None:
    """The image as a tar of one layer."""
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name in MERGED:
            put(tar, name, tarfile.SYMTYPE, link=f"usr/{name}")
        for name, mode in FOLDERS.items():
            put(tar, name, tarfile.DIRTYPE, mode)
        for name, text in ACCOUNTS.items():
            put(tar, name, tarfile.REGTYPE, data=text.encode())
        for path in files:
            tar.add(path, path[1:], recursive=False, filter=plain)


def put(tar: tarfile.TarFile, name: str, kind: bytes, mode: int = 0o644, link: str = "", data: bytes = b"") -> None:
    """Add something that this machine has no file for."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(data)
    tar.addfile(entry, io.BytesIO(data))


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without owner; its time stays, since Python's bytecode is valid for one time of its source."""
    entry.uid = entry.gid = 0
    entry.mtime = int(entry.mtime)
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    from docker import from_env

    sys.stdout.write(f"{ensure(from_env())} {python_version()}\n")
