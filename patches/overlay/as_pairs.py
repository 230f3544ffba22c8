"""Interactions as pairs, a line `user item` for each, of all users or of some.

    python -m harness_overlay.as_pairs --data FILE --out FILE [--users 1000 --seed 1]

FILE has lines `user item item ...` or `user item`, a user's items oldest first. With `--users`, this number is drawn by
the seed, without replacement from the sorted ids, for smoke tests. Lines keep their order, users and items their ids.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

Row = tuple[str, str]  # user and item


def read(path: str) -> list[Row]:
    """The interactions of a file.

    Raises:
        ValueError: a line without an item.
    """
    rows: list[Row] = []
    with open(path) as file:
        for number, line in enumerate(file, start=1):
            user, *items = line.split() or [""]
            if not items:
                raise ValueError(f"{path}:{number}: expected `user item item ...`, got {line!r}")
            rows += [(user, item) for item in items]
    return rows


def drawn(rows: list[Row], n_users: int, seed: int) -> list[Row]:
    """The rows of this number of users.

    Raises:
        ValueError: there are fewer users, or an id is not a whole number.
    """
    users = sorted({user for user, _ in rows}, key=int)
    if not 0 < n_users <= len(users):
        raise ValueError(f"{n_users} users were to be drawn from {len(users)}")
    kept = set(random.Random(seed).sample(users, n_users))
    return [row for row in rows if row[0] in kept]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, draw if requested, write; see `read` and `drawn`."""
    parser = argparse.ArgumentParser(description="a line `user item` for each interaction")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--users", type=int, default=0, help="how many to draw, 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rows = read(options.data)
    if options.users:
        rows = drawn(rows, options.users, options.seed)
    with open(options.out, "w") as file:
        file.writelines(f"{user} {item}\n" for user, item in rows)


if __name__ == "__main__":
    main()
