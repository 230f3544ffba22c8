"""A small, dense part of a data set, for a look: the users and items that have enough interactions among themselves.

    python -m harness_overlay.core_cut --data FILE --least 10 --out FILE

FILE has a line `user item` per interaction, a user's lines together, oldest first. Users and items with fewer than so
many interactions go, again and again, until none has fewer; what is left keeps its order and its ids. Nothing is drawn.
"""

from __future__ import annotations

import argparse
from collections import Counter


def core(rows, least):
    """The rows whose user and item both have `least` rows or more among those that are kept."""
    while True:
        users, items = (Counter(row[place] for row in rows) for place in (0, 1))
        kept = [row for row in rows if users[row[0]] >= least and items[row[1]] >= least]
        if len(kept) == len(rows):
            return kept
        rows = kept


def main(arguments=None):
    """Read, cut, write.

    Raises:
        ValueError: a line that is not `user item`, or nothing is left.
    """
    parser = argparse.ArgumentParser(description="users and items with enough interactions among themselves")
    parser.add_argument("--data", required=True)
    parser.add_argument("--least", type=int, required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    with open(options.data) as file:
        rows = [tuple(line.split()) for line in file]
    if odd := [number for number, row in enumerate(rows, start=1) if len(row) != 2]:
        raise ValueError(f"{options.data}:{odd[0]}: expected `user item`")
    kept = core(rows, options.least)
    if not kept:
        raise ValueError(f"{options.data}: nobody has {options.least} interactions")
    with open(options.out, "w") as file:
        file.writelines(f"{user} {item}\n" for user, item in kept)


if __name__ == "__main__":
    main()
