"""Reads the data of this code base: a line `user item` per interaction, a user's lines in time order."""

from __future__ import annotations

from itertools import chain

import numpy as np
from numpy.typing import NDArray


class RunError(Exception):
    """Why a run cannot start, in one line."""


def read(path: str) -> dict[int, list[int]]:
    """The items of each user, oldest first; users in the order of the file.

    Raises:
        RunError: no such file, no line in it, one that is not two whole numbers from 1, or a user with fewer than
            three items, who has no training data.
    """
    found: dict[int, list[int]] = {}
    try:
        with open(path) as file:
            for number, line in enumerate(file, start=1):
                fields = line.split()
                if len(fields) != 2 or not all(field.isdecimal() and int(field) for field in fields):
                    what = f"expected `user item`, two whole numbers from 1, got {line[:40]!r}"
                    raise RunError(f"{path}:{number}: {what}")
                found.setdefault(int(fields[0]), []).append(int(fields[1]))
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None
    if not found:
        raise RunError(f"{path}: is empty")
    if short := [user for user, items in found.items() if len(items) < 3]:
        raise RunError(f"{path}: user {short[0]} has fewer than three items")
    return found


def write_sequences(sequences: dict[int, list[int]], path: str) -> None:
    """Write a line `user item item ...` for each user."""
    with open(path, "w") as file:
        file.writelines(f"{user} {' '.join(map(str, items))}\n" for user, items in sequences.items())


def count_items(sequences: dict[int, list[int]]) -> int:
    """The code base's number of items: its largest id."""
    return max(map(max, sequences.values()))


def histories(sequences: dict[int, list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column, from 0, of every interaction except the test ones; rows are users in order, columns ids - 1."""
    rows = np.repeat(np.arange(len(sequences)), [len(items) - 1 for items in sequences.values()])
    return rows, np.fromiter(chain.from_iterable(items[:-1] for items in sequences.values()), dtype=np.int64) - 1
