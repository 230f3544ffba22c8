"""A small, dense part of a data set, for smoke tests: users and items with enough mutual interactions.

    python -m harness_overlay.core_cut --data FILE --least 10 --out FILE [--renumber]

FILE has a line `user item` per interaction, a user's lines together, oldest first. Users and items with fewer
interactions are removed, repeatedly, until none has fewer. The rest keeps its order and ids, or with
`--renumber` gets the ids 1, 2, ... by increasing id, for code that uses the largest id as the number of items.
Nothing is random.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

Row = tuple[str, str]  # user and item


def core(rows: list[Row], least: int) -> list[Row]:
    """The rows whose user and item both have `least` rows or more among the rows that are kept."""
    while True:
        users, items = Counter(user for user, _ in rows), Counter(item for _, item in rows)
        kept = [row for row in rows if users[row[0]] >= least and items[row[1]] >= least]
        if len(kept) == len(rows):
            return kept
        rows = kept


def renumbered(rows: list[Row]) -> list[Row]:
    """The rows with users and items numbered from 1 by increasing id.

    Raises:
        ValueError: an id that is not a whole number.
    """
    users, items = (
        {name: str(n) for n, name in enumerate(sorted(set(c), key=int), 1)} for c in zip(*rows, strict=True)
    )
    return [(users[user], items[item]) for user, item in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, cut, write.

    Raises:
        ValueError: a line that is not `user item`, or nothing is left.
    """
    parser = argparse.ArgumentParser(description="users and items with enough interactions among themselves")
    parser.add_argument("--data", required=True)
    parser.add_argument("--least", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--renumber", action="store_true")
    options = parser.parse_args(arguments)
    with open(options.data) as file:
        lines = [line.split() for line in file]
    if invalid := [number for number, fields in enumerate(lines, start=1) if len(fields) != 2]:
        raise ValueError(f"{options.data}:{invalid[0]}: expected `user item`")
    kept = core([(user, item) for user, item in lines], options.least)
    if not kept:
        raise ValueError(f"{options.data}: nobody has {options.least} interactions")
    kept = renumbered(kept) if options.renumber else kept
    with open(options.out, "w") as file:
        file.writelines(f"{user} {item}\n" for user, item in kept)


if __name__ == "__main__":
    main()
