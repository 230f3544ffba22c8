"""One line of `harness doctor`: subject, whether it works, whether it is needed, and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core.config import Config

WORKS, BROKEN, UNNEEDED = "works", "broken", "not needed"


@dataclass(frozen=True)
class Line:
    """The result of one check.

    Attributes:
        found: what was found, in words; never empty.
        fix: what to do, "" if nothing.
        needed: by the requested executor and device.
    """

    subject: str
    works: bool
    found: str
    fix: str = ""
    needed: bool = True

    @property
    def state(self) -> str:
        """One of `works`, `broken` and `not needed`."""
        return WORKS if self.works else BROKEN if self.needed else UNNEEDED


@dataclass(frozen=True)
class DoctorRequest:
    """The executor and device that a machine is checked for.

    Attributes:
        executor: local or docker.
        device: cpu or cuda.
        scratch: a temporary folder.
    """

    config: Config
    executor: str
    device: str
    scratch: Path

    @property
    def containers(self) -> bool:
        """Whether a container engine is needed."""
        return self.executor == "docker"

    @property
    def gpus(self) -> bool:
        """Whether a GPU is needed."""
        return self.device == "cuda"


def gigabytes(count: float) -> str:
    """Bytes as GB or MB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
