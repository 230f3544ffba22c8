"""Strict models of files that people write, and messages for their mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from harness.core.errors import near_misses


class Strict(BaseModel, extra="forbid", frozen=True):
    """A part of a file that a person writes: unknown keys are errors, values are immutable."""


def problems(error: ValidationError, kind: type[BaseModel]) -> str:
    """All problems of a file, one per line: key path, problem, value as written, similar known keys.

    Args:
        kind: model of the file.
    """
    lines = [one_problem(dict(problem), kind) for problem in error.errors()]
    return "\n  ".join([f"{error.error_count()} problem(s)", *lines])


def one_problem(problem: dict[str, Any], kind: type[BaseModel]) -> str:
    """One problem of pydantic in the harness's format."""
    *above, last = problem["loc"] or ("file",)
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*above, last)).lstrip(".")
    if problem["type"] == "extra_forbidden":
        return f"{path}: unknown key ({near_misses(str(last), keys_at(kind, above))})"
    if problem["type"] == "missing":
        return f"{path}: is missing"
    shown = repr(problem["input"])
    return f"{path}: {problem['msg'].removeprefix('Value error, ')}" + (f", got {shown}" if len(shown) < 80 else "")


def keys_at(kind: Any, path: Sequence[int | str]) -> Iterable[str]:
    """The keys that a file may have at a key path, found by descending the types of its models."""
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
