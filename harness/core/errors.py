"""Exception classes of the harness, each with its exit code.

HarnessError
├── ArgumentError, ConfigError, RecipeError, PatchError    2: something a person wrote is wrong
├── SourceError (CommitGoneError), DatasetError,           3: the environment is at fault (Git, data, packages, disk)
│   SetupError, StoreError
├── RunError, MetricsError                                 4: an upstream's run failed or cannot be trusted
└── Interrupted                                            130: Ctrl-C; finished runs are kept

Exit code 1 has no exception: the harness ran, but something was not reproduced.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """A failure with its place, its cause and a fix; the command line prints it as two lines."""

    exit_code = 3

    def __init__(self, where: str, what: str, fix: str = "") -> None:
        super().__init__(where, what, fix)
        self.where, self.what, self.fix = where, what, fix

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"\n  fix: {self.fix}" if self.fix else "")

    @property
    def brief(self) -> str:
        """The cause in one line: of a longer text its first line and its last, where programs say what failed."""
        first, *rest = self.what.splitlines() or [""]
        return f"{first} {rest[-1].strip()}" if rest else first


class ArgumentError(HarnessError):
    """An unknown or invalid argument of the command line."""

    exit_code = 2


class ConfigError(HarnessError):
    """Invalid harness.toml or environment variable."""

    exit_code = 2


class RecipeError(HarnessError):
    """Invalid recipe, dataset list or file of published numbers."""

    exit_code = 2


class PatchError(HarnessError):
    """A patch does more than insert, lacks its header, or does not fit the pinned files."""

    exit_code = 2


class SourceError(HarnessError):
    """An upstream is unavailable at its pin."""


class CommitGoneError(SourceError):
    """The host of an upstream answers, but the pinned commit is gone."""


class DatasetError(HarnessError):
    """A data file is missing or is not the one the recipe pins."""


class SetupError(HarnessError):
    """An environment cannot be created, or an executor cannot start a run."""


class StoreError(HarnessError):
    """Records are not readable or writable (disk full, permissions, damaged file)."""


class RunError(HarnessError):
    """An upstream's run ended without valid results."""

    exit_code = 4


class MetricsError(HarnessError):
    """Invalid ranks or metrics: missing users, NaN, sets that cannot be paired."""

    exit_code = 4


class Interrupted(HarnessError):  # noqa: N818  an order, not a fault
    """Stopped by the user."""

    exit_code = 130


def near_misses(value: str, known: Iterable[str]) -> str:
    """Text of a fix for an unknown name: the nearest known names, then all of them.

    Args:
        value: what was written.
        known: what would have been accepted.
    """
    names = sorted(known)
    hint = did_you_mean(value, names)
    return f"{hint + ' ' if hint else ''}known: {', '.join(names) or '(none)'}"


def did_you_mean(value: str, known: Iterable[str]) -> str:
    """A question that names the nearest known names, "" if none is near; for names that are too many to list."""
    close = difflib.get_close_matches(value, sorted(known), n=2)
    return f"did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
