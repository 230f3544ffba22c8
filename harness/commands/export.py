"""A table's numbers as files for other programs: CSV, Parquet, and TREC run and qrels files."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from harness.commands.frames import Loaded, Numbers
from harness.core.errors import ArgumentError, SetupError, near_misses
from harness.core.files import write_whole
from harness.core.results import Ranks
from harness.stats import metrics
from harness.stats.metrics import TieRule

FRAMES = ("runs", "users", "values", "claims")
DEPTH = 100  # ranks of a TREC run
HELD_OUT = "held-out"


def write(numbers: Numbers, formats: Sequence[str], folder: Path) -> list[Path]:
    """Write the numbers in these formats; return the files' paths.

    Args:
        formats: of `FILES`.
    Raises:
        SetupError: Parquet without pyarrow.
        StoreError: the disk is full or the folder is not writable; existing files are unchanged.
    """
    found = []
    for name in dict.fromkeys(formats):
        for file, content in FILES[name](numbers):
            write_whole(folder / file, content)
            found.append(folder / file)
    return found


def check_formats(names: Sequence[str]) -> Sequence[str]:
    """The validated names of formats.

    Raises:
        ArgumentError: an unknown one, or none.
    """
    if not names:
        raise ArgumentError("--format", "has no format", near_misses("", FILES))
    if unknown := [name for name in names if name not in FILES]:
        raise ArgumentError("--format", f"unknown format {unknown[0]!r}", near_misses(unknown[0], FILES))
    return names


def tie_rule(text: str) -> TieRule:
    """The tie rule of this name.

    Raises:
        ArgumentError: an unknown one.
    """
    rules: dict[str, TieRule] = {rule: rule for rule in get_args(TieRule)}
    if text not in rules:
        raise ArgumentError("--ties", f"unknown rule {text!r}", near_misses(text, rules))
    return rules[text]


def as_csv(numbers: Numbers) -> Iterator[tuple[str, bytes]]:
    """One CSV file for each DataFrame; floating-point numbers in full precision."""
    for name in FRAMES:
        yield f"{name}.csv", getattr(numbers, name).to_csv(index=False, lineterminator="\n").encode()


def as_parquet(numbers: Numbers) -> Iterator[tuple[str, bytes]]:
    """One Parquet file for each DataFrame.

    Raises:
        SetupError: pyarrow is not installed.
    """
    for name in FRAMES:
        buffer = io.BytesIO()
        try:
            getattr(numbers, name).to_parquet(buffer, index=False, engine="pyarrow")
        except ImportError as error:
            fix = "pip install 'seqrec-harness[parquet]', or use --format csv"
            raise SetupError("--format parquet", "pyarrow is not installed", fix) from error
        yield f"{name}.parquet", buffer.getvalue()


def as_trec(numbers: Numbers) -> Iterator[tuple[str, bytes]]:
    """One qrels file for each dataset of each code base, and one run file for each finished run."""
    for part in numbers.parts:
        known: set[str] = set()
        for result in part.results:
            if result.ranks is None:
                continue
            place = f"trec/{part.request.recipe.upstream}/{result.dataset}"
            if place not in known:
                known.add(place)
                yield f"{place}/qrels.txt", qrels(part, result.dataset).encode()
            seed = "" if result.seed is None else f"-{result.seed}"
            tag = f"{result.system.replace('/', '-')}{seed}"
            yield f"{place}/{tag}.run", run_lines(result.ranks, tag, numbers.ties).encode()


def qrels(part: Loaded, dataset: str) -> str:
    """The single relevant item of each ranked user: `USER 0 held-out 1`."""
    users = [r.ranks.users for r in part.results if r.ranks is not None and r.dataset == dataset]
    return "".join(f"{user} 0 {HELD_OUT} 1\n" for user in np.unique(np.concatenate(users)))


def run_lines(ranks: Ranks, tag: str, ties: TieRule) -> str:
    """A TREC run of the first 100 ranks: `USER Q0 ITEM RANK SCORE TAG`.

    Records contain the rank of the held-out item but not the items above it, so those are called `above-1`,
    `above-2`, ... A mean rank between two ranks is rounded up. A user whose held-out item is not among the
    first 100 has one line, so that the user still counts.
    """
    lines = []
    for user, rank in zip(ranks.users, metrics.rank(ranks, ties), strict=True):
        place = math.ceil(rank)
        items = [f"above-{n}" for n in range(1, place)] + [HELD_OUT] if place <= DEPTH else ["above-1"]
        lines += [f"{user} Q0 {item} {n} {DEPTH + 1 - n} {tag}\n" for n, item in enumerate(items, 1)]
    return "".join(lines)


FILES = {"csv": as_csv, "parquet": as_parquet, "trec": as_trec}
