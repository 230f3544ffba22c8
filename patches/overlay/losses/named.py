"""A loss as the command line names it: a loss of the harness with options, or a function in a user's file.

Standard library only, so that every framework can use it. Every error of a loss is raised as a `LossError` with
a message for its author; `refuse` writes the message to the run's record and ends the process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .. import probe

EXPECTED = ("hidden", "item_embeddings", "targets", "mask")
SIGNATURE = "(hidden, item_embeddings, targets, mask, *, generator)"
NOT_OPTIONS = (*EXPECTED, "generator", "negatives", "seen", "excluded_rows")  # parameters that no option sets
DRAWS = {  # losses with negatives: each position its own, or one set for a sequence
    "bce": "position", "gbce": "position", "ssm": "position", "sampled-ce": "sequence",
    "bpr": "position", "bpr-max": "position", "top1": "position", "top1-max": "position",
}  # fmt: skip
RESERVED = {"ce-last": "in", "ce-all": "in", "mlm-ce": "in", **dict.fromkeys(DRAWS, "out")}


class LossError(Exception):
    """Why a loss is not valid, in one line."""


class NamedLoss(NamedTuple):
    """A loss of the command line.

    Attributes:
        display_name: for messages; of a custom loss `file.py:function`.
        name: for the proof; of a custom loss `function@<12 hex digits of the file's SHA-256>`.
        path: the user's file, "" for a loss of the harness.
    """

    function: Callable[..., Any]
    display_name: str
    name: str
    path: str


def refuse(fault: LossError) -> None:
    """Report the fault and end the process with status 1."""
    probe.event("fault", reason=str(fault))
    raise SystemExit(f"loss: {fault}")


def is_file(name: str) -> bool:
    """Whether `name` is `path/to/file.py:function`."""
    return ".py:" in name


def look_up(
    loss: str, given: Mapping[str, Any], catalogue: Mapping[str, Callable[..., Any]], reserved: Mapping[str, str]
) -> tuple[NamedLoss, dict[str, Any]]:
    """The loss named `loss`, and all its options with their values.

    Args:
        loss: a name of `catalogue`, or `path/to/file.py:function`.
        given: options that differ from their defaults. A loss of the harness also has `reserved`, `in` or `out`:
            whether reserved rows of the item table (padding, mask token) enter the softmax or can be drawn.
        reserved: the default of that option for each name of `catalogue`.

    Raises:
        LossError: no such loss, option or value.
    """
    if is_file(loss):
        custom = load(loss)
        return custom, resolve_options(custom.function, given, custom.display_name)
    if loss not in catalogue:
        raise LossError(f"unknown loss {loss!r}; known: {', '.join(catalogue)}, or file.py:function")
    others = dict(given)
    rows = others.pop("reserved", reserved[loss])
    if rows not in ("in", "out"):
        raise LossError(f"{loss}: reserved: unknown value {rows!r}; expected 'in' or 'out'")
    function = catalogue[loss]
    return NamedLoss(function, loss, loss, ""), {**resolve_options(function, others, loss), "reserved": rows}


def resolve_options(function: Callable[..., Any], given: Mapping[str, Any], display_name: str) -> dict[str, Any]:
    """The options of a loss: its defaults, replaced by the values given.

    Raises:
        LossError: an option that the loss does not have, or one without default and value.
    """
    known = {
        name: parameter.default
        for name, parameter in list(inspect.signature(function).parameters.items())[4:]
        if name not in NOT_OPTIONS and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    for name in given:
        if name not in known:
            raise LossError(f"{display_name} has no option {name!r}; it has: {', '.join(known) or 'none'}")
    values = {**known, **given}
    for name, value in values.items():
        if value is inspect.Parameter.empty:
            raise LossError(f"{display_name} needs a value for {name!r}: give it as an option")
    return values


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
    """The text as a whole number, else as a number, else unchanged."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def load(spec: str) -> NamedLoss:
    """The function that `path/to/file.py:function` names.

    Raises:
        LossError: no such file or function, the file cannot be imported, or the function takes other arguments.
    """
    path, _, name = spec.rpartition(":")
    display_name = f"{os.path.basename(path)}:{name}"
    try:
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        module_spec = importlib.util.spec_from_file_location("harness_own_loss", path)
        module = importlib.util.module_from_spec(module_spec)  # type: ignore[arg-type]
        sys.modules[module.__name__] = module  # dataclasses look up their module there
        module_spec.loader.exec_module(module)  # type: ignore[union-attr]
    except Exception as error:  # the file may raise anything
        raise LossError(f"{display_name}: the file cannot be loaded: {describe_error(error, path)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise LossError(f"{display_name}: the file has no function {name}")
    check_signature(function, display_name)
    return NamedLoss(function, display_name, f"{name}@{digest[:12]}", path)


def check_signature(function: Callable[..., Any], display_name: str) -> None:
    """Refuse a function that cannot be called like a loss.

    Raises:
        LossError: with the function's signature and the expected one.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*EXPECTED, generator=None)
    except TypeError as error:
        raise LossError(f"{display_name} takes {signature}, expected {SIGNATURE}: {error}") from error


def describe_error(error: BaseException, path: str) -> str:
    """An exception in one line, with the line of the user's file that raised it."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    where = f", line {lines[-1]}" if lines else f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
