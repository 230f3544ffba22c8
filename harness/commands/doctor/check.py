"""One line of `harness doctor`: what was looked at, whether it works, whether anybody needs it, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.core.config import Config

WORKS, BROKEN, UNNEEDED = "works", "does not", "not needed"


@dataclass(frozen=True)
class Line:
    """What was found of one thing.

    Attributes:
        found: in words, also where nothing was found.
        fix: what to do about it, "" where nothing is to be done.
        needed: by the way of running that was asked for.
    """

    subject: str
    works: bool
    found: str
    fix: str = ""
    needed: bool = True

    @property
    def state(self) -> str:
        """One of `works`, `does not` and `not needed`."""
        return WORKS if self.works else BROKEN if self.needed else UNNEEDED


@dataclass(frozen=True)
class DoctorRequest:
    """What this machine's setup is checked for.

    Attributes:
        executor: local or docker.
        device: cpu or cuda.
        scratch: a folder that goes away afterwards.
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
    """Bytes for a reader."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
