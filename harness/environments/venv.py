"""Creates a virtual environment from a lock, or uses the current interpreter; independent of runs and recipes.

A virtual environment is in the cache under its lock's hash. It is created once and installs only wheels whose hashes
the lock has. It is valid once its marker exists; an incomplete one is removed and recreated.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.core.errors import ConfigError, SetupError
from harness.core.files import locked, remove_tree, sha256_file, write_json
from harness.core.process import capture
from harness.core.project_file import Environment
from harness.core.project_folders import find
from harness.environments.locks import content_hash

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIST_PACKAGES = (  # reversed: of a duplicate package, the first one found is imported
    "import importlib.metadata as m, json, platform, sys;"
    "named = [d for name in sys.argv[1:] for d in [*m.distributions(name=name)][:1]];"
    "found = named if sys.argv[1:] else reversed([*m.distributions()]);"
    "print(json.dumps({'python': platform.python_version(),"
    " **{(d.metadata['Name'] or '?').lower(): d.version for d in found}}))"
)

PRINT_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
INSTALL = ["-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-deps", "--progress-bar", "off"]


@dataclass(frozen=True)
class Request:
    """A requested environment.

    Attributes:
        kind: `venv` or `inherit`; the environment's own by default.
        python: interpreter to inherit or to create the environment with.
        versions: of a stored table's interpreter, instead of the current one's, which need not exist then.
    """

    name: str
    environment: Environment
    device: str
    root: Path
    cache: Path
    pip_args: tuple[str, ...]
    base_env: Mapping[str, str]
    kind: str = ""
    python: str = sys.executable
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def inherits(self) -> bool:
        """Whether the current interpreter is used unchanged."""
        return (self.kind or self.environment.kind) == "inherit"

    @property
    def program(self) -> str:
        """The interpreter's absolute path.

        Raises:
            SetupError: it does not exist.
        """
        found = shutil.which(self.python, path=self.base_env.get("PATH"))
        if found is None:
            raise SetupError(self.python, "no such interpreter", "set one with --python")
        return str(Path(found).absolute())

    @cached_property
    def version(self) -> str:
        """Major and minor version of the interpreter, such as 3.11."""
        if "python" in self.versions:
            return ".".join(self.versions["python"].split(".")[:2])
        ours = os.path.samefile(self.program, sys.executable)
        return PYTHON if ours else capture([self.program, "-c", PRINT_VERSION], self.base_env).strip()

    @property
    def lock(self) -> Path:
        """The lock file for this device, system, machine and Python; the most specific one.

        Raises:
            ConfigError: the environment has none for it.
        """
        words = (
            self.device,
            platform.system().lower(),
            platform.machine().lower(),
            f"py{self.version.replace('.', '')}",
        )
        where = f"harness.toml: environments.{self.name}.locks"
        return find(self.root, most_specific_lock(self.environment.locks, words, where))


def most_specific_lock(locks: Mapping[str, str], words: Sequence[str], where: str) -> str:
    """The lock of the longest prefix of `words` that has one.

    Args:
        words: device, system, machine and Python, such as cpu, linux, x86_64, py311.
        where: key path of the locks, for the message.
    Raises:
        ConfigError: there is none.
    """
    for length in range(len(words), 0, -1):
        if (name := "-".join(words[:length])) in locks:
            return locks[name]
    raise ConfigError(where, f"no lock for {'-'.join(words)}", f"known: {', '.join(locks) or '(none)'}")


def identity(request: Request) -> dict[str, str]:
    """The environment's part of a run key: the hash of the lock's pins, or inherited versions.

    Raises:
        ConfigError: no lock. SetupError: an inherited interpreter lacks a package.
    """
    if not request.inherits:
        if not request.lock.is_file():
            raise ConfigError(str(request.lock), "no such lock", "restore it from the repository")
        return {"lock": content_hash(request.lock), "python": request.version}
    if request.versions:
        return dict(request.versions)
    wanted = request.environment.packages
    have = packages(request.program, request.base_env, wanted)
    missing = [name for name in wanted if name not in have]
    if missing:
        fix = "install them there, or use the locked environment: --environment venv"
        raise SetupError(request.python, f"lacks {', '.join(missing)}", fix)
    return {name: have[name] for name in wanted} | {"python": ".".join(have["python"].split(".")[:2])}


def packages(python: str, base_env: Mapping[str, str], wanted: Sequence[str] = ()) -> dict[str, str]:
    """Versions of an interpreter and of its packages, names in lower case.

    Args:
        wanted: only these packages, which is faster; all by default.
    Raises:
        SetupError: if the interpreter cannot run.
    """
    found: dict[str, str] = json.loads(capture([python, "-c", LIST_PACKAGES, *wanted], base_env))
    return found


def marker_of(request: Request) -> Path:
    """The marker file of a complete virtual environment, with the versions of its packages."""
    name = f"{request.name}-{sha256_file(request.lock)[:12]}-py{request.version}"
    return request.cache / "environments" / name / "packages.json"


def realise(request: Request, making: Callable[[str], None] = lambda _: None) -> Path:
    """The interpreter of the environment, created if needed.

    Args:
        making: called before a step that takes minutes.
    Raises:
        SetupError: the installation failed; the message ends with pip's last lines.
        StoreError: the disk is full or not writable.
    """
    if request.inherits:
        return Path(request.program)
    marker = marker_of(request)
    folder = marker.parent
    with locked(folder):
        if not marker.is_file():
            making(f"environment {request.name}: installing {request.lock.name} into {folder}")
            make(folder, request)
            write_json(marker, packages(str(folder / "bin" / "python"), request.base_env))
    return folder / "bin" / "python"


def make(folder: Path, request: Request) -> None:
    """Create a virtual environment in place and install the lock into it."""
    remove_tree(folder)
    if folder.is_symlink():  # to an environment that was removed; nothing behind the link is touched
        folder.unlink()
    env = {**request.base_env, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env.pop("PYTHONPATH", None)
    try:
        capture([request.program, "-m", "venv", str(folder)], env)
        capture([str(folder / "bin" / "python"), *INSTALL, *request.pip_args, "-r", str(request.lock)], env)
    except SetupError as error:
        remove_tree(folder)
        fix = "see pip's lines above; set another index in [mirrors] pip of harness.toml or HARNESS_PIP_ARGS"
        raise SetupError(f"environment {request.name}", error.what, fix) from error


def resolved(python: Path, base_env: Mapping[str, str]) -> dict[str, str]:
    """Packages of a created environment, from its marker if there is one."""
    marker = python.parent.parent / "packages.json"
    if marker.is_file():
        found: dict[str, str] = json.loads(marker.read_text())
        return found
    return packages(str(python), base_env)


def child_env(base_env: Mapping[str, str], python: Path, threads: int, device: str) -> dict[str, str]:
    """Environment variables of a run: a fixed number of threads, no GPU unless requested, no progress bars."""
    count = str(threads)
    env = dict(base_env)
    env.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count))
    env.update(PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", PYTHONHASHSEED="0", TQDM_MININTERVAL="30", TZ="UTC")
    if device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    if python.is_absolute():
        env["PATH"] = f"{python.parent}{os.pathsep}{env.get('PATH', '')}"
    return env
