"""A loss as the command line names it: one of ours with options, or a function in a file of the user's.

Standard library only, for every framework. What is wrong with a loss is told as a `LossError`, in words of the person
who wrote it, and `refuse` brings that into the record of the run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from . import probe

EXPECTED = ("hidden", "item_embeddings", "targets", "mask")
SIGNATURE = "(hidden, item_embeddings, targets, mask, *, generator)"
DRAWS = {
    "bce": "position", "gbce": "position", "ssm": "position", "sampled-ce": "sequence",
    "bpr": "position", "bpr-max": "position", "top1": "position", "top1-max": "position",
}  # fmt: skip
RESERVED = {"ce-last": "in", "ce-all": "in", "mlm-ce": "in", **dict.fromkeys(DRAWS, "out")}


class LossError(Exception):
    """Why a loss cannot be used: one line."""


class Own(NamedTuple):
    """A loss out of the user's file.

    Attributes:
        told: `file.py:function`, for messages. name: `function@<12 hex digits of the file's SHA-256>`, for the proof.
    """

    function: Callable[..., Any]
    told: str
    name: str
    path: str


def refuse(fault: LossError) -> None:
    """Report the fault and end the process with status 1."""
    probe.event("fault", reason=str(fault))
    raise SystemExit(f"loss: {fault}")


def is_file(name: str) -> bool:
    """Whether `name` is `path/to/file.py:function`."""
    return ".py:" in name


def parse_options(text: str) -> dict[str, Any]:
    """`k=256,t=0.75,average=sequences` as values: whole numbers, other numbers, text.

    Raises:
        LossError: a part without `=`.
    """
    found: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise LossError(f"loss options: {part!r} is not name=value")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def load(spec: str) -> Own:
    """The function that `path/to/file.py:function` names.

    Raises:
        LossError: no such file or function, it cannot be imported, or takes other arguments.
    """
    path, _, name = spec.rpartition(":")
    told = f"{os.path.basename(path)}:{name}"
    try:
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        module_spec = importlib.util.spec_from_file_location("harness_own_loss", path)
        module = importlib.util.module_from_spec(module_spec)  # type: ignore[arg-type]
        sys.modules[module.__name__] = module  # dataclasses look their module up
        module_spec.loader.exec_module(module)  # type: ignore[union-attr]
    except Exception as error:  # whatever the file raises is told in one line
        raise LossError(f"{told}: the file cannot be loaded: {in_words(error, path)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise LossError(f"{told}: the file has no function {name}")
    check_signature(function, told)
    return Own(function, told, f"{name}@{digest[:12]}", path)


def check_signature(function: Callable[..., Any], told: str) -> None:
    """Refuse a function that cannot be called as losses are.

    Raises:
        LossError: with the signature that stands there and the one expected.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*EXPECTED, generator=None)
    except TypeError as error:
        raise LossError(f"{told} takes {signature}, expected {SIGNATURE}: {error}") from error


def in_words(error: BaseException, path: str) -> str:
    """An exception in one line, with the line of the user's file that it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    where = f", line {lines[-1]}" if lines else f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
