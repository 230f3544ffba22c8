"""Fixtures for tests that run the harness as a user does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import ROOT, Project, fresh

FEW = ("--where", "loss=bce", "--seeds", "42", "--profile", "quick")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project folder."""
    return fresh(tmp_path / "project")


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project folder for all tests of a module."""
    return fresh(tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture(scope="session")
def reproduced_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, subprocess.CompletedProcess[str]]:
    """A project folder in which a quick table of one loss was reproduced, and how the command ended."""
    project = fresh(tmp_path_factory.mktemp("reproduced") / "project")
    return project, project.run("reproduce", "demo", *FEW)


@pytest.fixture
def reproduced_few(
    tmp_path: Path, reproduced_once: tuple[Project, subprocess.CompletedProcess[str]]
) -> tuple[Project, subprocess.CompletedProcess[str]]:
    """A copy of that folder, which a test may change."""
    project, done = reproduced_once
    folder = tmp_path / "project"
    shutil.copytree(project.folder, folder, symlinks=True)
    return Project(folder, project.env), done


@pytest.fixture
def mirror() -> str:
    """The mirror template of the real upstreams; the test is skipped where there is none."""
    template = os.environ.get("HARNESS_GIT_MIRROR", "")
    if not template:
        pytest.skip("HARNESS_GIT_MIRROR is not set: the real upstream code is not available")
    return template


@pytest.fixture
def real_project(project: Project, mirror: str) -> Project:
    """A project with access to the real upstreams and the existing cache of environments."""
    cache = os.environ.get("HARNESS_CACHE", str(ROOT / ".cache"))
    return Project(project.folder, {**project.env, "HARNESS_GIT_MIRROR": mirror, "HARNESS_CACHE": cache})


@pytest.fixture
def one_error() -> Callable[[subprocess.CompletedProcess[str], int], str]:
    """Check that a command failed with one message, no traceback, and this exit code; the message."""

    def check(done: subprocess.CompletedProcess[str], code: int) -> str:
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout
        assert done.stderr.count("harness:") == 1, done.stderr
        return done.stderr

    return check
