"""Interrupts that wait for a moment in which they may be raised.

An exception that a signal handler raises can come between the start of a process and the assignment of its handle; the
process then runs on and nobody knows it. `deferred` holds such an exception back until the handle is kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_pending: list[BaseException] = []
_depth = 0


def interrupt(error: BaseException) -> None:
    """Raise an error now, or at the end of the enclosing `deferred`; called by signal handlers."""
    if not _depth:
        raise error
    _pending.append(error)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold back interrupts until the block has ended."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth and _pending:
            error = _pending.pop()
            _pending.clear()
            raise error
