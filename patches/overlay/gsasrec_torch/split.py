"""A data set in the format of the PyTorch port of gSASRec: split by its rule, in its files.

FILE has a line `user item` per interaction, a user's lines in time order. Users and items are numbered 1, 2, ... by
increasing id, which changes nothing for MovieLens-1M, the data set included in the port. Its rule: the last
item of each user is the test; validation users are drawn by NumPy's RandomState(42), and the item before a validation
user's last is the validation target. Training has all but the last two items of a user, all but the last three of a
validation user: one item fewer than in the TensorFlow code, and in the port's README. The port draws from 0
to n - 1 and its users are 1 to n, so a drawn 0 is no user, and user n is never used for validation; this is kept, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class PortError(Exception):
    """Why a run cannot start, in one line."""


class Split(NamedTuple):
    """A data set.

    Attributes:
        users: their ids in FILE, in its order.
        sequences: the items of each, numbered, oldest first.
        numbers: of the users.
        validating: numbers of the validation users.
    """

    users: list[int]
    sequences: list[list[int]]
    numbers: list[int]
    validating: frozenset[int]
    n_items: int


def read(path: str) -> tuple[list[int], list[list[int]]]:
    """Ids of the users in the order of the file, and the items of each, in the order of the file.

    Raises:
        PortError: a line that is not `user item`, a user with one item, or no line.
    """
    users, sequences = interactions(path)
    if short := [user for user, sequence in zip(users, sequences, strict=True) if len(sequence) < 2]:
        raise PortError(f"{path}: user {short[0]} has one item, expected two or more")
    return users, sequences


def split(users: list[int], sequences: list[list[int]], n_validation: int) -> Split:
    """The data set, numbered, with this number of random validation users.

    Raises:
        PortError: more validation users than users, or none.
    """
    if not 1 <= n_validation <= len(users):
        raise PortError(f"--validation {n_validation}: expected 1 to {len(users)}, as many users as there are at most")
    items = {item: number for number, item in enumerate(sorted({i for s in sequences for i in s}), start=1)}
    order = {user: number for number, user in enumerate(sorted(users), start=1)}
    numbers = [order[user] for user in users]
    drawn = np.random.RandomState(42).choice(len(users), n_validation, replace=False).tolist()
    validating = frozenset(drawn) & frozenset(numbers)
    if not validating:
        raise PortError(f"--validation {n_validation}: nobody was drawn; ask for more")
    return Split(users, [[items[i] for i in s] for s in sequences], numbers, validating, len(items))


def interactions(path: str) -> tuple[list[int], list[list[int]]]:
    """As `read`, with users of one item.

    Raises:
        PortError: no such file, no line in it, or one that is not `user item`.
    """
    found: dict[int, list[int]] = {}
    try:
        with open(path) as file:
            for number, line in enumerate(file, start=1):
                try:
                    user, item = map(int, line.split())
                except ValueError:
                    what = f"expected `user item`, two whole numbers, got {line[:40]!r}"
                    raise PortError(f"{path}:{number}: {what}") from None
                found.setdefault(user, []).append(item)
    except OSError as error:
        raise PortError(f"{path}: cannot be read: {error.strerror}") from None
    if not found:
        raise PortError(f"{path}: is empty")
    return list(found), list(found.values())


def files(split: Split) -> dict[str, list[str]]:
    """The port's files of a data set: lines by path."""
    sequences = list(zip(split.numbers, split.sequences, strict=True))
    validating = [sequence for number, sequence in sequences if number in split.validating]
    stats = {
        "num_users": len(split.users), "num_items": split.n_items,
        "num_interactions": sum(map(len, split.sequences)),
    }  # fmt: skip
    return {
        "train/input.txt": [line_of(s[:-3] if number in split.validating else s[:-2]) for number, s in sequences],
        "val/input.txt": [line_of(s[:-2]) for s in validating],
        "val/output.txt": [line_of(s[-2:-1]) for s in validating],
        "test/input.txt": [line_of(s[:-1]) for s in split.sequences],
        "test/output.txt": [line_of(s[-1:]) for s in split.sequences],
        "dataset_stats.json": [json.dumps(stats, indent=4)],
    }


def line_of(items: Iterable[int]) -> str:
    """A line of items."""
    return " ".join(map(str, items)) + "\n"


def write(split: Split, folder: str) -> None:
    """Write the port's files of a data set into a new folder."""
    for path, lines in files(split).items():
        place = os.path.join(folder, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.writelines(lines)


def write_sequences(users: list[int], sequences: list[list[int]], path: str) -> None:
    """Write a line `user item item ...` for each user."""
    with open(path, "w") as file:
        file.writelines(f"{user} {line_of(sequence)}" for user, sequence in zip(users, sequences, strict=True))
