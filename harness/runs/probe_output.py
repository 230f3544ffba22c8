"""Reads the probe's output, events and ranks, without trusting it: a run may have written anything.

Values that are damaged, too large or of another type are dropped or refused, never guessed.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.core.errors import MetricsError
from harness.core.results import Ranks
from harness.executors.run_folder import MOST_EVENTS
from harness.stats.metrics import VIEWS

HIGHEST_POWER = 300  # of ten; "0e999999999" is a valid number, but too expensive to compute with

DAMAGED = (  # raised by NumPy and zipfile for files that are truncated or have a flipped byte
    OSError, EOFError, KeyError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
SHAPES: Mapping[str, type | tuple[type, ...]] = {  # types of the probe's values; any may be missing or None
    "metrics": dict, "options": dict, "computed": list, "files": dict, "reason": str, "epoch": (int, float),
}  # fmt: skip
COUNTS = ("epochs", "best_epoch")
MOST_ARRAY = 1 << 30


def read_events(path: Path, live: bool = False) -> list[dict[str, Any]]:
    """Events of the probe, without a last line truncated by a kill and without invalid events.

    A number that is not finite is returned as its name: records hold no NaN.

    Args:
        live: whether the run may still be active, so that the file may become a link or a pipe at any moment.
    """
    found = []
    for line in head(path, live).split("\n"):
        try:
            event = json.loads(line, parse_constant=str, parse_float=finite, parse_int=finite)
            json.dumps(event, ensure_ascii=False).encode()  # a lone surrogate such as \ud800 cannot be stored
        except UnicodeEncodeError:
            continue
        except (ValueError, RecursionError):
            break
        if is_event(event):
            found.append(event)
    return found


def head(path: Path, live: bool) -> str:
    """The beginning of a file's text up to the limit, "" if it does not exist; see `read_events`."""
    if not path.is_file():
        return ""
    try:
        handle = os.open(path, os.O_RDONLY | (os.O_NOFOLLOW | os.O_NONBLOCK if live else 0))
    except OSError:
        if live:
            return ""
        raise
    with os.fdopen(handle, "rb") as file:
        return file.read(MOST_EVENTS).decode(errors="replace")


def finite(text: str) -> int | float | str:
    """A number of JSON; as text if no float can hold it."""
    if not math.isfinite(float(text)):
        return text
    return float(text) if {".", "e", "E"} & set(text) else int(text)


def is_event(value: Any) -> bool:
    """Whether a line holds an event whose parts have the required types and ranges."""
    if not isinstance(value, dict):
        return False
    shaped = all(isinstance(value[name], kind) for name, kind in SHAPES.items() if value.get(name) is not None)
    counts = [value[name] for name in COUNTS if value.get(name) is not None]
    memory = value.get("peak_memory_mb") or 0
    return (
        shaped
        and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts)
        and (isinstance(memory, int | float) and not isinstance(memory, bool) and memory >= 0)
        and all(isinstance(name, str) for name in value.get("computed") or ())
    )


def read_ranks(path: Path, view: str = "printed") -> Ranks:
    """Ranks of a split as the probe wrote them, with those of other protocols among their `views`.

    Args:
        view: `printed` are the ranks of the upstream's own metrics.
    Raises:
        MetricsError: missing, damaged, or without this view.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if sum(member.file_size for member in file.infolist()) > MOST_ARRAY:
                raise ValueError("its columns are too large to read")
            protocol = json.loads(str(array(file.read("protocol.npy"))))
            others = [name for name in VIEWS if name != view and f"above_{name}.npy" in file.namelist()]
            own = one_view(file, view, protocol)
            return replace(
                own, items=items_ranked(file), views={name: one_view(file, name, protocol) for name in others}
            )
    except DAMAGED as error:
        raise MetricsError(path.name, f"is not valid: {error}", "repeat the run with --retry-failed") from error


def items_ranked(file: zipfile.ZipFile) -> int:
    """The number of items in the view that does not exclude seen ones, 0 if there is no such view."""
    name = "candidates_all"
    if f"{name}.npy" not in file.namelist():
        return 0
    return int(whole_numbers(name, array(file.read(f"{name}.npy"))).max(initial=0))


def one_view(file: zipfile.ZipFile, view: str, protocol: Mapping[str, str]) -> Ranks:
    """The ranks of one view.

    Args:
        protocol: of the file. A word about one view has the view's name before it (`sampled.ranking`); all
            other words apply to the views without their own.
    Raises:
        ValueError: columns that differ in length, or hold anything but integers. KeyError: unknown view.
    """
    columns = ("user", f"above_{view}", f"tied_{view}", f"candidates_{view}")
    users, above, tied, candidates = (whole_numbers(name, array(file.read(f"{name}.npy"))) for name in columns)
    if not users.shape == above.shape == tied.shape == candidates.shape == (users.size,):
        raise ValueError("its columns differ in length")
    own = {name.partition(".")[2]: word for name, word in protocol.items() if name.startswith(f"{view}.")}
    shared = {name: word for name, word in protocol.items() if "." not in name}
    return Ranks(users, above, tied, candidates, own or shared)


def array(data: bytes) -> npt.NDArray[Any]:
    """The content of a .npy file; five times as fast as NumPy's reader, which parses every header again.

    Raises:
        ValueError: not an array, truncated, or one of Python objects.
    """
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, by_column, dtype = header(data[:start])
    if dtype.hasobject:
        raise ValueError("holds Python objects, which need allow_pickle")
    return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape, order="F" if by_column else "C")


@functools.lru_cache(maxsize=1000)
def header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type, from the header of a .npy file.

    Raises:
        ValueError: not of version 1.0, which NumPy writes for plain arrays.
    """
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not of version 1.0 of the .npy format")
    return np.lib.format.read_array_header_1_0(file)


def whole_numbers(name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """A column as int64; ValueError for other types, which may hide a NaN."""
    if column.dtype.kind not in "iu":
        raise ValueError(f"{name} is {column.dtype}, expected integers")
    return column.astype(np.int64)


def is_number(text: Any) -> bool:
    """Whether a printed metric is a finite number."""
    try:
        return math.isfinite(float(text)) and abs(Decimal(str(text)).adjusted()) < HIGHEST_POWER
    except (TypeError, ValueError, ArithmeticError):
        return False
