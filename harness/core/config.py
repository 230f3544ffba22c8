"""harness.toml and the environment as typed values; the only module that reads environment variables.

An unknown key is an error, and all problems of the file are reported at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.core import project_folders
from harness.core.errors import ConfigError, near_misses
from harness.core.project_file import (
    DOCKER_VARIABLES,
    IMAGE_VARIABLES,
    OPTIONAL,
    Docker,
    Environment,
    File,
    Images,
    Release,
    Upstream,
)
from harness.core.project_folders import FILE
from harness.core.schema import Strict, problems

EXECUTORS = ("local", "docker")
EMBEDDED = "embedded:"  # prefix of the URL of an upstream inside the package
Entry = TypeVar("Entry")
Part = TypeVar("Part", bound=Strict)


class Config(Strict):
    """Everything that does not come from a recipe or the command line.

    Attributes:
        root: the project folder, which holds harness.toml, patches/ and recipes/.
        data: folder for data files that a user provides.
        base_env: environment variables of child processes.
    """

    root: Path
    results: Path
    cache: Path
    data: Path
    file: File
    git_mirror: str | None
    data_mirror: str | None
    pip_args: tuple[str, ...]
    images: Images
    docker: Docker
    executor: str
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
        images=overridden(file.images, IMAGE_VARIABLES, env),
        docker=overridden(file.docker, DOCKER_VARIABLES, env),
        executor=executor(file, env),
        base_env={k: v for k, v in env.items() if not k.startswith(("HARNESS_", "PYTHON", "VIRTUAL_ENV"))},
    )


def overridden(part: Part, variables: Mapping[str, str], env: Mapping[str, str]) -> Part:
    """A part of the file, in which environment variables override values of the file.

    An empty variable clears an optional value and is ignored for a required one.

    Args:
        variables: environment variable of each key.
    Raises:
        ConfigError: a variable with an invalid value.
    """
    set_there = {key: env[name] for key, name in variables.items() if name in env and (env[name] or key in OPTIONAL)}
    kind = type(part)
    try:
        return kind.model_validate({**part.model_dump(), **set_there})
    except ValidationError as error:
        raise ConfigError("environment", problems(error, kind), f"correct {', '.join(variables.values())}") from error


def executor(file: File, env: Mapping[str, str]) -> str:
    """The default executor, used without --executor.

    Raises:
        ConfigError: an unknown one.
    """
    name = env.get("HARNESS_EXECUTOR") or file.executor
    if name not in EXECUTORS:
        raise ConfigError("HARNESS_EXECUTOR", f"unknown executor {name!r}", near_misses(name, EXECUTORS))
    return name


def find_root(start: Path | None, env: Mapping[str, str]) -> Path:
    """The nearest folder upwards with a harness.toml, else the project this package was installed from.

    A project given by argument or HARNESS_PROJECT is never replaced by the package's own.
    """
    named = start or (Path(env["HARNESS_PROJECT"]) if env.get("HARNESS_PROJECT") else None)
    try:
        here = (named or Path.cwd()).resolve()
    except FileNotFoundError as error:
        raise ConfigError("current folder", "no longer exists", "change to another folder") from error
    own: list[Path] = [project_folders.shipped_root()] if not named and project_folders.is_clone() else []
    for folder in (here, *here.parents, *own):
        if (folder / FILE).is_file():
            return folder
    fix = "`harness init` starts a project here; or run inside a project, or set HARNESS_PROJECT"
    raise ConfigError(str(here), f"no {FILE} here or above", fix)


def read(path: Path) -> File:
    """Parse and check one harness.toml, with what it extends."""
    raw = parsed(path)
    if raw.get("extends") == project_folders.SHIPPED:
        base = parsed(project_folders.shipped_root() / FILE)
        base["check"] = {**base.get("check", {}), "prose": ()}  # the documents of a repository are not shipped
        raw = project_folders.extended(raw, base, str(path))
        project_folders.check_files(path.parent)
    try:
        return File.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(str(path), problems(error, File), "correct these keys") from error


def parsed(path: Path) -> dict[str, Any]:
    """The content of one harness.toml, not checked.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not readable: {error}", "correct the file") from error
