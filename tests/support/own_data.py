"""Small interactions, generated, written in the formats of public data."""

from __future__ import annotations

import random
from pathlib import Path

N_USERS, N_ITEMS = 60, 40
FORMATS = ("interactions.inter", "ratings.dat", "ratings.csv", "pairs.txt", "timed.txt", "sequences.txt")


def sequences(n_users: int = N_USERS) -> list[list[int]]:
    """The items of each user, oldest first: walks through 1 to N_ITEMS that come to no item twice."""
    rng = random.Random(7)
    starts = [(rng.randrange(N_ITEMS), 1 + user % 2, rng.randrange(6, 12)) for user in range(n_users)]
    return [[1 + (start + step * n) % N_ITEMS for n in range(length)] for start, step, length in starts]


def write(folder: Path, name: str) -> Path:
    """The interactions as a file of this name and format; with times the lines are in no order."""
    path = folder / name
    rows = [(user, n, item) for user, own in enumerate(sequences(), start=1) for n, item in enumerate(own)]
    mixed = random.Random(1).sample(rows, len(rows))
    if name == "interactions.inter":
        lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
        lines += [f"U{user:03}\tB{item:03}\t{1 + n % 5}.0\t{1_500_000_000 + n}" for user, n, item in mixed]
    elif name == "ratings.dat":
        lines = [f"{user}::{item}::{1 + n % 5}::{978_300_000 + n}" for user, n, item in mixed]
    elif name == "ratings.csv":
        lines = ["userId,movieId,rating,timestamp"]
        lines += [f"{user},{item},3.5,{1_100_000_000 + n}" for user, n, item in mixed]
    elif name == "pairs.txt":
        lines = [f"{user} {item}" for user, _, item in rows]
    elif name == "timed.txt":
        lines = [f"{user}\t{item}\t{n}" for user, n, item in mixed]
    else:
        lines = [f"{user} {' '.join(map(str, own))}" for user, own in enumerate(sequences(), start=1)]
    path.write_text("\n".join(lines) + "\n")
    return path
