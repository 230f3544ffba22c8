"""Checks what must be fetched: upstreams and releases at their pins, packages from pip's index."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial

from harness.commands.doctor.check import DoctorRequest, Line
from harness.commands.doctor.machine import to_make
from harness.core.config import EMBEDDED, Config
from harness.core.errors import HarnessError, SetupError
from harness.core.process import capture
from harness.upstreams import checkout

INDEX_S = 20.0


def origins(config: Config) -> dict[str, tuple[str, str]]:
    """URL and commit of each upstream and release that is not embedded, by label."""
    upstreams = {f"upstream {name}": (u.url, u.commit) for name, u in config.file.upstreams.items()}
    releases = {f"release {name}": (r.url, r.commit) for name, r in config.file.releases.items()}
    return {name: pin for name, pin in (upstreams | releases).items() if not pin[0].startswith(EMBEDDED)}


def origin(asked: DoctorRequest, subject: str) -> Iterable[Line]:
    """One upstream or release: whether its pinned commit is available, by fetching it without files."""
    url, commit = origins(asked.config)[subject]
    pin = checkout.Pin(subject.partition(" ")[2], url, commit)
    template = asked.config.git_mirror
    needed = subject.startswith("upstream")
    try:
        checkout.clone(pin, asked.scratch / subject.replace(" ", "-"), template)
    except HarnessError as error:
        yield Line(subject, False, error.what, error.fix, needed)
    else:
        where = f"in the mirror {checkout.mirror_url(pin, template)}" if template else f"at {url}"
        yield Line(subject, True, f"{commit[:12]} {where}")


def index(asked: DoctorRequest) -> Iterable[Line]:
    """pip's index with pip's own settings: whether it has a package."""
    missing = [] if asked.containers else list(to_make(asked))
    needed = bool(missing)
    what_for = f", for environment {', '.join(missing)}" if needed else ""
    words = [
        "-m",
        "pip",
        "index",
        "versions",
        "numpy",
        "--disable-pip-version-check",
        "--timeout",
        "8",
        "--retries",
        "1",
    ]
    try:
        said = capture([sys.executable, *words, *asked.config.pip_args], asked.config.base_env, INDEX_S)
    except SetupError as error:
        last = error.what.strip().splitlines()[-1].strip()
        fix = "set an index in [mirrors] pip or HARNESS_PIP_ARGS, a certificate in pip's configuration"
        yield Line("package index", False, f"{last}{what_for}", fix, needed)
    else:
        found = next((line for line in said.splitlines() if line.startswith("numpy")), "numpy")
        yield Line("package index", True, f"answers: {found}{what_for}")


def checks(asked: DoctorRequest) -> dict[str, partial[Iterable[Line]]]:
    """A check for each origin and for the index, by subject."""
    return {
        **{subject: partial(origin, asked, subject) for subject in origins(asked.config)},
        "package index": partial(index, asked),
    }
