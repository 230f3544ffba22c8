"""What a run left behind, and whether it can be trusted; silent is not success.

A run counts only if its command ended with 0, its ranks cover the users that the recipe states, and the probe proves
the network and the loss that were asked for. Metrics that do not follow from the ranks are flagged, not dropped.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import signal
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import MetricsError
from harness.executors.contract import MOST_EVENTS, Outcome, RunFolder
from harness.files import sha256_file
from harness.metrics import agrees_with_printed
from harness.plan import Run
from harness.records import Ranks

DAMAGED = (  # what NumPy and zipfile raise for files that are cut off or have a flipped byte
    OSError, EOFError, KeyError, ValueError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
NUMBER = (int, float)
SHAPES: Mapping[str, type | tuple[type, ...]] = {  # of what the probe reports; anything may be missing or None
    "metrics": dict, "options": dict, "computed": list, "reason": str, "epoch": NUMBER, "epochs": NUMBER,
    "best_epoch": NUMBER, "peak_memory_mb": NUMBER,
}  # fmt: skip
HIGHEST_POWER = 300  # of ten; "0e999999999" is a number too, until somebody reckons with its digits
MOST_ARRAY = 1 << 30
FaultClass = Literal["setup", "patch", "environment", "training", "metrics"]


@dataclass(frozen=True)
class Fault:
    """Why a run cannot be used.

    Attributes:
        kind: setup, patch, environment, training or metrics.
        reason: one line.
    """

    kind: FaultClass
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What a run left, judged.

    Attributes:
        disagreements: printed metrics that do not follow from the ranks; empty where all do.
        events: what the probe reported, in order.
    """

    fault: Fault | None
    events: Sequence[Mapping[str, Any]]
    disagreements: Sequence[str] = ()

    def last(self, kind: str) -> Mapping[str, Any]:
        """The last event of a kind, empty if there was none."""
        return next((e for e in reversed(self.events) if e.get("event") == kind), {})


def read_events(path: Path, live: bool = False) -> list[dict[str, Any]]:
    """Events of the probe; a last line that was cut off by a kill is left out, and so is what no probe writes.

    A number that is not finite comes as its name: records hold no NaN.

    Args:
        live: whether the run may still be at work, and the file be made a link or a pipe at any moment.
    """
    found = []
    for line in head(path, live).split("\n"):
        try:
            event = json.loads(line, parse_constant=str, parse_float=finite, parse_int=finite)
            json.dumps(event, ensure_ascii=False).encode()  # half a character, written as \ud800, can be kept nowhere
        except UnicodeEncodeError:
            continue
        except (ValueError, RecursionError):
            break
        if is_event(event):
            found.append(event)
    return found


def head(path: Path, live: bool) -> str:
    """The text of a file as far as anybody reads it, "" if it is not there; see `read_events`."""
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
    """Whether a line holds an event whose parts have the types that readers rely on."""
    if not isinstance(value, dict):
        return False
    return all(isinstance(value[name], kind) for name, kind in SHAPES.items() if value.get(name) is not None)


def read_ranks(path: Path, view: str = "printed") -> Ranks:
    """Ranks of a split as the probe wrote them.

    Args:
        view: `printed` is what the upstream's own metrics come from.
    Raises:
        MetricsError: missing, damaged, or without this view.
    """
    try:
        with zipfile.ZipFile(path) as file:
            columns = ("user", f"above_{view}", f"tied_{view}", f"candidates_{view}")
            if sum(member.file_size for member in file.infolist()) > MOST_ARRAY:
                raise ValueError("its columns are too large to read")
            users, above, tied, candidates = (whole_numbers(name, array(file.read(f"{name}.npy"))) for name in columns)
            if not users.shape == above.shape == tied.shape == candidates.shape == (users.size,):
                raise ValueError("its columns differ in length")
            return Ranks(users, above, tied, candidates, json.loads(str(array(file.read("protocol.npy")))))
    except DAMAGED as error:
        raise MetricsError(path.name, f"cannot be used: {error}", "rerun with --retry-failed") from error


def array(data: bytes) -> npt.NDArray[Any]:
    """What a .npy file holds; NumPy's own reader, which parses every header anew, takes five times as long.

    Raises:
        ValueError: no array, half of one, or one of Python objects.
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
        ValueError: not of version 1.0, the one that NumPy writes for plain arrays.
    """
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not of version 1.0 of the .npy format")
    return np.lib.format.read_array_header_1_0(file)


def whole_numbers(name: str, column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """A column as int64; ValueError for anything but integers, which may hide a NaN."""
    if column.dtype.kind not in "iu":
        raise ValueError(f"{name} is {column.dtype}, expected integers")
    return column.astype(np.int64)


def judge(run: Run, folder: RunFolder, outcome: Outcome) -> Evidence:
    """Everything a run left, with the first fault found."""
    events = read_events(folder.events)
    try:
        ranks: Ranks | MetricsError = read_ranks(folder.ranks("test"))
    except MetricsError as error:
        ranks = error
    fault = next(faults(run, folder, outcome, events, ranks), None)
    if fault is not None or isinstance(ranks, MetricsError):
        return Evidence(fault, events)
    printed = Evidence(None, events).last("printed").get("metrics") or {}
    return Evidence(None, events, agrees_with_printed(ranks, {name: str(text) for name, text in printed.items()}))


def faults(
    run: Run, folder: RunFolder, outcome: Outcome, events: Sequence[Mapping[str, Any]], ranks: Ranks | MetricsError
) -> Iterator[Fault]:
    """Faults of a run, the most telling first.

    Args:
        ranks: of the test split, or why there are none.
    """
    reported = Evidence(None, events)
    if outcome.reason:
        yield Fault("training", outcome.reason)
    if told := reported.last("fault").get("reason"):
        yield Fault("training", " ".join(str(told).split()))
    if outcome.timed_out:
        yield Fault("training", f"timed out after {outcome.seconds:.0f} s")
    if outcome.status != 0:
        yield Fault("training", ended(outcome.status))
    yield from proof_faults(run, folder, reported)
    printed = reported.last("printed").get("metrics") or {}
    if not printed:
        yield Fault("metrics", "the probe saw no printed test metrics")
    for name in (name for name, text in printed.items() if not is_number(text)):
        yield Fault("metrics", f"the upstream printed {name} {printed[name]}")
    if isinstance(ranks, MetricsError):
        yield Fault("metrics", f"{ranks.where}: {ranks.what}")
    else:
        yield from rank_faults(run, ranks)


def is_number(text: Any) -> bool:
    """Whether a printed metric is a finite number."""
    try:
        return math.isfinite(float(text)) and abs(Decimal(str(text)).adjusted()) < HIGHEST_POWER
    except (TypeError, ValueError, ArithmeticError):
        return False


def ended(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with status {status}" + (" (killed, perhaps out of memory)" if status == 137 else "")
    name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def proof_faults(run: Run, folder: RunFolder, reported: Evidence) -> Iterator[Fault]:
    """Faults in the proof of the network and of the loss."""
    model = reported.last("model")
    if model.get("name") != run.model:
        yield Fault("patch", f"asked for model {run.model}, the probe reports {model.get('name')}")
    if run.checkpoint and not loaded(folder.out / run.checkpoint, model):
        yield Fault("patch", "the pre-trained checkpoint was not loaded")
    yield from loss_faults(run, reported.last("loss"))


def loss_faults(run: Run, event: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults in the proof of the loss: another one, or with other options."""
    computed = event.get("computed")
    if run.proof and (computed is None or run.proof not in computed):
        found = "no known loss" if computed == [] else "nothing" if computed is None else " or ".join(computed)
        yield Fault("patch", f"asked for loss {run.proof}, the first batch was trained with {found}")
    used = event.get("options") or {}
    odd = [name for name, value in run.loss_options.items() if not same(value, used.get(name))]
    if run.proof and odd:
        asked = ", ".join(f"{name}={run.loss_options[name]}" for name in odd)
        found = ", ".join(f"{name}={used[name]}" if name in used else f"no {name}" for name in odd)
        yield Fault("patch", f"asked for {run.loss} with {asked}, the first batch was trained with {found}")


def same(asked: str, reported: Any) -> bool:
    """Whether an option was used as asked: the same text, or the same number."""
    if str(reported) == asked:
        return True
    try:
        return float(str(reported)) == float(asked)
    except ValueError:
        return False


def loaded(checkpoint: Path, model: Mapping[str, Any]) -> bool:
    """Whether the network reports the weights that were laid out for it, and they still lie there."""
    return checkpoint.is_file() and model.get("checkpoint_sha256") == sha256_file(checkpoint)


def rank_faults(run: Run, ranks: Ranks) -> Iterator[Fault]:
    """Faults in the ranks: users missing or twice, impossible counts."""
    n_users = len(ranks.users)
    if n_users != run.users:
        yield Fault("metrics", f"ranks of {n_users} users, expected {run.users}")
    if len(np.unique(ranks.users)) != n_users:
        yield Fault("metrics", "a user has more than one rank")
    if (ranks.above < 0).any() or (ranks.tied < 1).any() or (ranks.above + ranks.tied > ranks.candidates).any():
        yield Fault("metrics", "ranks outside the number of candidates")
