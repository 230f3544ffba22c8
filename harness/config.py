"""harness.toml and the environment as typed values; the only module that reads environment variables.

An unknown key is an error, and all problems of the file are reported at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from harness.errors import ConfigError, near_misses

FILE = "harness.toml"
Entry = TypeVar("Entry")
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Strict(BaseModel, extra="forbid", frozen=True):
    """A part of a file that a person writes: unknown keys are errors, values never change."""


class Upstream(Strict):
    """Somebody else's repository at one commit.

    Attributes:
        commit: full SHA-1; branches and tags move.
        code: sparse patterns of the files that runs need.
        overlay: files of patches/overlay that its patches import.
        framework: what computes its losses, "" where nobody needs to know.
        losses: names of patches/losses.yaml that its patches offer.
        own_loss: whether its patches take a loss of one's own, which needs a framework that differentiates.
    """

    url: str
    commit: Commit
    code: tuple[str, ...]
    overlay: tuple[str, ...]
    framework: Literal["torch", "tensorflow", "numpy", ""] = ""
    losses: tuple[str, ...] = ()
    own_loss: bool = False

    @field_validator("own_loss")
    @classmethod
    def own_loss_has_gradients(cls, own_loss: bool, info: ValidationInfo) -> bool:
        """Refuse a loss of one's own where nothing differentiates it."""
        if own_loss and info.data.get("framework") in ("numpy", ""):
            raise ValueError("a loss of one's own needs a framework that differentiates: torch or tensorflow")
        return own_loss


class Release(Strict):
    """Files that authors released at one commit; they are read, each by its hash, and none of them is run."""

    url: str
    commit: Commit


class Environment(Strict):
    """A locked set of packages.

    Attributes:
        kind: `venv` makes a virtual environment from the lock, `inherit` takes the interpreter at hand.
        locks: lock file by `device-system-machine-python`, or a shorter beginning of that, down to `device`.
        packages: packages whose versions stand for an inherited interpreter.
        size_mb: about how much disk it takes, for `harness plan`.
    """

    kind: Literal["venv", "inherit"]
    locks: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    size_mb: int = 0


class Local(Strict):
    """Settings of the local executor."""

    jobs: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    timeout_s: float = Field(default=172_800, gt=0)


class Mirrors(Strict):
    """Where sources and packages come from; empty means their own addresses.

    Attributes:
        git: template such as /srv/mirrors/{owner}/{name}.git; HARNESS_GIT_MIRROR overrides it.
        data: template such as /srv/data/{name}, with {host} and {path} besides, for files by URL; HARNESS_DATA_MIRROR
            overrides it.
        pip: further arguments of pip, such as an index; HARNESS_PIP_ARGS overrides it.
    """

    git: str = ""
    data: str = ""
    pip: tuple[str, ...] = ()


class File(Strict):
    """harness.toml as a whole."""

    results: str = "results"
    cache: str = ".cache"
    data: str = "data"
    aliases: dict[str, str] = {}
    local: Local = Local()
    mirrors: Mirrors = Mirrors()
    environments: dict[str, Environment]
    upstreams: dict[str, Upstream]
    releases: dict[str, Release] = {}


class Config(Strict):
    """Everything that does not come from a recipe or the command line.

    Attributes:
        root: the project folder, which holds harness.toml, patches/ and recipes/.
        data: where a user puts data files that cannot be fetched.
        base_env: the environment that children start from.
    """

    root: Path
    results: Path
    cache: Path
    data: Path
    file: File
    git_mirror: str | None
    data_mirror: str | None
    pip_args: tuple[str, ...]
    base_env: dict[str, str]

    def upstream(self, name: str) -> Upstream:
        """The upstream of this name.

        Raises:
            ConfigError: if harness.toml has none.
        """
        return known(self.file.upstreams, name, "upstream")

    def release(self, name: str) -> Release:
        """The release of this name.

        Raises:
            ConfigError: if harness.toml has none.
        """
        return known(self.file.releases, name, "release")

    def environment(self, name: str) -> Environment:
        """The environment of this name.

        Raises:
            ConfigError: if harness.toml has none.
        """
        return known(self.file.environments, name, "environment")


def known(table: Mapping[str, Entry], name: str, what: str) -> Entry:
    """The entry of a table of harness.toml."""
    if name not in table:
        raise ConfigError(FILE, f"unknown {what} {name!r}", near_misses(name, table))
    return table[name]


def load(start: Path | None = None, env: Mapping[str, str] | None = None) -> Config:
    """The configuration of the project around `start`.

    Args:
        start: where to look for harness.toml, upwards; by default HARNESS_PROJECT, or else the current folder, then
            this package's own project.
        env: environment variables; those of this process by default.
    Raises:
        ConfigError: no harness.toml, or one with mistakes, all of them listed.
    """
    env = dict(os.environ) if env is None else dict(env)
    root = find_root(start, env)
    file = read(root / FILE)
    mirror = env.get("HARNESS_GIT_MIRROR", file.mirrors.git) or None
    return Config(
        root=root,
        results=root / (env.get("HARNESS_RESULTS") or file.results),
        cache=root / (env.get("HARNESS_CACHE") or file.cache),
        data=root / (env.get("HARNESS_DATA") or file.data),
        file=file,
        git_mirror=mirror,
        data_mirror=env.get("HARNESS_DATA_MIRROR", file.mirrors.data) or None,
        pip_args=tuple(env["HARNESS_PIP_ARGS"].split()) if "HARNESS_PIP_ARGS" in env else file.mirrors.pip,
        base_env={k: v for k, v in env.items() if not k.startswith(("HARNESS_", "PYTHON", "VIRTUAL_ENV"))},
    )


def find_root(start: Path | None, env: Mapping[str, str]) -> Path:
    """The nearest folder upwards with a harness.toml, else the project this package was installed from.

    A project that was named, by argument or by HARNESS_PROJECT, is never replaced by the package's own.
    """
    named = start or (Path(env["HARNESS_PROJECT"]) if env.get("HARNESS_PROJECT") else None)
    try:
        here = (named or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise ConfigError("current folder", "does not exist any more", "change to another folder") from error
    own: list[Path] = [] if named else [Path(__file__).resolve().parent.parent]
    for folder in (here, *here.parents, *own):
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(str(here), f"no {FILE} here or above", "run inside a clone of the project or set HARNESS_PROJECT")


def read(path: Path) -> File:
    """Parse and check one harness.toml."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}", "mend the file") from error
    try:
        return File.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(str(path), problems(error, File), "mend these keys") from error


def problems(error: ValidationError, kind: type[BaseModel]) -> str:
    """All problems of a file, one a line: key path, what is wrong, the value as written, near misses of a key.

    Args:
        kind: what the file was read as.
    """
    lines = [one_problem(dict(problem), kind) for problem in error.errors()]
    return "\n  ".join([f"{error.error_count()} problem(s)", *lines])


def one_problem(problem: dict[str, Any], kind: type[BaseModel]) -> str:
    """One problem of pydantic in our form."""
    *above, last = problem["loc"] or ("file",)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*above, last)).lstrip(".")
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key ({near_misses(str(last), keys_at(kind, above))})"
    if problem["type"] == "missing":
        return f"{path}: is missing"
    shown = repr(problem["input"])
    return f"{path}: {problem['msg'].removeprefix('Value error, ')}" + (f", got {shown}" if len(shown) < 80 else "")


def keys_at(kind: Any, path: Sequence[int | str]) -> Iterable[str]:
    """The keys that a file may have at a key path, found by walking down the types of its models."""
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
        else:  # an element of dict[str, X] or tuple[X, ...]
            kind = next(t for t in reversed(get_args(kind)) if t is not ...)
        kind = next((t for t in get_args(kind) if t is not type(None)), kind) if is_optional(kind) else kind
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else ()


def is_optional(kind: Any) -> bool:
    """Whether a type is `X | None`."""
    return type(None) in get_args(kind)
