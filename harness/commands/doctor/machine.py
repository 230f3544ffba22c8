"""Checks this machine: Python, Git, disk space, write permission, existing environments."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from harness.commands.doctor.check import DoctorRequest, Line, gigabytes
from harness.core.errors import ConfigError, SetupError
from harness.core.files import disk_errors
from harness.core.git import must_git
from harness.core.process import capture
from harness.environments import venv

OLDEST_GIT = (2, 30)
SPARE = 1_000_000_000  # bytes for clones, data and records beside the environments
CHECK_S = 10.0


def python(asked: DoctorRequest) -> Iterable[Line]:
    """The interpreter, and whether it can create virtual environments."""
    version = f"{platform.python_version()} at {sys.executable}"
    make = [sys.executable, "-m", "ensurepip", "--version"]
    try:
        capture(make, asked.config.base_env, CHECK_S)
    except SetupError:
        fix = (
            "install your system's python3-venv, or use --environment inherit with an interpreter that has the packages"
        )
        yield Line("Python", False, f"{version}, which cannot make virtual environments", fix, not asked.containers)
    else:
        yield Line("Python", True, version)


def git(asked: DoctorRequest) -> Iterable[Line]:
    """Git: its version, and whether it can create a repository."""
    fix = "install Git 2.30 or newer and put it on PATH"
    try:
        said = capture(["git", "--version"], asked.config.base_env, CHECK_S).strip()
    except SetupError as error:
        yield Line("Git", False, error.what, fix)
        return
    version = re.search(r"(\d+)\.(\d+)[.\d]*", said)
    if version and (int(version[1]), int(version[2])) < OLDEST_GIT:
        yield Line("Git", False, f"{version[0]} is too old", fix)
        return
    must_git(asked.scratch, "init", "--quiet", "--bare", "git-works")
    yield Line("Git", True, version[0] if version else said)


def folders(asked: DoctorRequest) -> Iterable[Line]:
    """Results and cache: writable, with space for what is still to be made."""
    config = asked.config
    need = SPARE + missing_bytes(asked)
    yield folder("results", config.results, SPARE // 10)
    yield folder("cache", config.cache, need, f", holds {gigabytes(bytes_below(config.cache))}")


def folder(subject: str, path: Path, need: int, more: str = "") -> Line:
    """One folder: whether it can be written and has this many bytes."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    with disk_errors(path), tempfile.TemporaryFile(dir=there) as file:
        file.write(b"harness")
    free = shutil.disk_usage(there).free
    if free < need:
        fix = "free some space, or set other folders with HARNESS_RESULTS and HARNESS_CACHE"
        return Line(subject, False, f"{path}: {gigabytes(free)} free, {gigabytes(need)} needed", fix)
    return Line(subject, True, f"{path}: writable, {gigabytes(free)} free{more}")


def bytes_below(path: Path) -> int:
    """Bytes of all readable files below a folder."""
    total = 0
    for where, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                continue  # removed meanwhile, or not readable
    return total


def to_make(asked: DoctorRequest) -> dict[str, int]:
    """The virtual environments for this device that are still to be made, with about how many bytes each takes."""
    config, found = asked.config, {}
    for name, environment in config.file.environments.items():
        made_of = venv.Request(
            name, environment, asked.device, config.root, config.cache, config.pip_args, config.base_env
        )
        try:
            if not made_of.inherits and not venv.marker_of(made_of).is_file():
                found[name] = environment.size_mb * 1_000_000
        except ConfigError:
            continue  # no lock for this device: nothing to make
    return found


def missing_bytes(asked: DoctorRequest) -> int:
    """About how many bytes are still to be installed into the cache."""
    return 0 if asked.containers else sum(to_make(asked).values())
