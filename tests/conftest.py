"""What all tests share: how they are spread over processors, what ends with them, and the container engine.

Tests that need an engine are skipped loudly where none answers, and fail there if HARNESS_ENGINE=required.
"""

from __future__ import annotations

import gc
import os
import signal
import ssl
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import under_way

from harness.core.errors import SetupError
from harness.environments import container_engine as engines

if TYPE_CHECKING:
    import docker

MISSING = "NO CONTAINER ENGINE"
# How fast examples are drawn depends on what else the machine does.
hypothesis.settings.register_profile("shared", suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared")
FRAMEWORKS = ("torch", "tensorflow", "keras")


class Blocked:
    """A finder of modules that finds no framework, so that a test that imports one fails or is skipped."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse frameworks and their parts."""
        if name.partition(".")[0] in FRAMEWORKS:
            raise ModuleNotFoundError(f"{name} is not to be imported: --no-frameworks", name=name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --no-frameworks, which `make check` gives."""
    parser.addoption("--no-frameworks", action="store_true", help="skip tests that need PyTorch or TensorFlow")


def pytest_configure(config: pytest.Config) -> None:
    """Block frameworks where that is asked for."""
    if config.getoption("--no-frameworks"):
        sys.meta_path.insert(0, Blocked())  # type: ignore[arg-type]


def pytest_collection_finish() -> None:
    """Have no search for garbage look at what was imported: with two frameworks each one takes most of a second."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep tests on one worker that share fixtures, which are those of a file, or the one container engine."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "engine" if file.startswith(("tests/containers/", "tests/contract/")) else file

    return Scheduling(config, log)


@pytest.fixture
def signals() -> Iterator[None]:
    """Have Ctrl-C and hang-ups count, here and in children, also where the tests run behind nohup or in the background.

    A child starts with the ignored signals of its parent, and no harness ends by a signal that it was to ignore.
    """
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """What a test started ends with it."""
    yield
    under_way.end_all()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the container engine that DOCKER_HOST names, or of Docker's own."""
    try:
        client = engines.connect()
    except SetupError as error:
        if os.environ.get("HARNESS_ENGINE") == "required":
            pytest.fail(f"HARNESS_ENGINE=required, and the engine {error.what}", pytrace=False)
        pytest.skip(f"{MISSING}: {error.what}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """A base image out of this machine's own files, made at most once per machine."""
    import base_image

    return base_image.ensure(engine)


@pytest.fixture(scope="session")
def container_settings(base_image: str) -> dict[str, str]:
    """Variables with which images are built on that base, from the index that pip uses on this machine."""
    from base_image import python_version

    found = {"HARNESS_BASE_IMAGE": base_image, "HARNESS_BASE_PYTHON": python_version()}
    bundle = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or ""
    if Path(bundle).is_file():
        found["HARNESS_CERTIFICATES"] = bundle
    if (wheels := os.environ.get("PIP_FIND_LINKS")) and Path(wheels).is_dir():
        found["HARNESS_WHEELS"] = wheels
    if index := os.environ.get("PIP_INDEX_URL"):
        found["HARNESS_PIP_ARGS"] = f"--index-url {index}"
    return found


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """Say last of all, where it cannot be overlooked, that container tests did not run."""
    yield
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if MISSING in str(report.longrepr)]
    if skipped:
        said = f"{MISSING}: {len(skipped)} tests of containers did not run"
        terminalreporter.write_sep("!", said, red=True, bold=True)
