"""The popularity baseline: every user gets the most frequent items of all users. A floor for every table.

    python -m harness_overlay.popularity --data FILE --name DATASET

FILE has a line `user item item ...` per user, oldest first, all integers. Leave-one-out: the last item is held out for
the test, everything before it is the user's history, validation item included, because the systems in the same table
are tested with it too. An item's score is the number of times it occurs in the histories of all users.
Candidates ('printed') are the items of the file that are not in the user's history, plus the test item; 'all' keeps the
seen ones. Counts are often tied: the printed metrics use the mean of the tied ranks, 1 + above + (tied - 1) / 2.
There are no random numbers and no training. User ids are the file's, or with `--users rows` 0 for the first line, 1 for
the next, as in upstreams that drop the file's ids: the ids must be those of the systems that it is paired with.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import probe

CUTOFFS = (5, 10, 20)
Integers = NDArray[np.int64]
Triple = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def read_sequences(path: str) -> tuple[Integers, list[Integers]]:
    """User ids, shape (n_users,), and a list with each user's items as an array, oldest first.

    Raises:
        ValueError: a line that is not integers, a user with fewer than two items, or a user with two lines.
    """
    users: list[int] = []
    sequences: list[Integers] = []
    with open(path) as file:
        for number, line in enumerate(file, start=1):
            fields = line.split()
            if not fields:
                continue
            if len(fields) < 3:
                raise ValueError(f"{path}:{number}: expected `user item item ...` with two items or more, got {line!r}")
            users.append(int(fields[0]))
            sequences.append(np.array(fields[1:], dtype=np.int64))
    if len(set(users)) != len(users):
        raise ValueError(f"{path}: {len(users) - len(set(users))} users have more than one line")
    return np.array(users, dtype=np.int64), sequences


def popularity_ranks(sequences: Sequence[Integers]) -> dict[str, Triple]:
    """Ranks of each user's last item by the counts of all items in the histories.

    Args:
        sequences: one array of item ids per user, oldest first.
    Returns:
        'printed' (seen items out) and 'all' (every item of the file), each a triple of int32 arrays of shape
        (n_users,): items counted more often, items counted as often (the test item itself included), candidates.
    """
    # 1. Items numbered from 0, each user's row of them, and how often each occurs in all histories.
    items, flat = np.unique(np.concatenate(sequences), return_inverse=True)
    rows = np.split(flat.reshape(-1), np.cumsum([len(sequence) for sequence in sequences])[:-1])
    counts = np.bincount(np.concatenate([row[:-1] for row in rows]), minlength=len(items))
    # 2. Among all items: those with a larger count than the last item, and those with the same one.
    own = counts[[row[-1] for row in rows]]
    ordered = np.sort(counts)
    above = len(items) - np.searchsorted(ordered, own, side="right")
    tied = len(items) - above - np.searchsorted(ordered, own, side="left")
    every = np.stack([above, tied, np.full(len(rows), len(items))], axis=1)
    # 3. The seen ones among these, which the view 'printed' excludes.
    seen = np.array([seen_places(row, counts) for row in rows])
    return {"printed": triple(every - seen), "all": triple(every)}


def seen_places(row: Integers, counts: Integers) -> tuple[int, int, int]:
    """Of one user's seen items: how many are counted more often than the last item, as often, and at all.

    The last item itself is never among them, even if it is in the user's history: it remains a candidate.
    """
    seen = np.unique(row[:-1])
    seen = seen[seen != row[-1]]
    own = counts[row[-1]]
    return int((counts[seen] > own).sum()), int((counts[seen] == own).sum()), len(seen)


def triple(columns: Integers) -> Triple:
    """The columns of an array of shape (n_users, 3) as three int32 arrays."""
    above, tied, candidates = columns.astype(np.int32).T
    return above, tied, candidates


def metrics_text(above: NDArray[np.int32], tied: NDArray[np.int32]) -> dict[str, str]:
    """HIT@k and NDCG@k over all users, rounded to 4 decimals, as text; a tie has its mean rank."""
    rank = 1 + above + (tied - 1) / 2
    metrics = {}
    for k in CUTOFFS:
        hit = rank <= k
        metrics[f"HIT@{k}"] = f"{hit.mean():.4f}"
        metrics[f"NDCG@{k}"] = f"{np.where(hit, 1 / np.log2(rank + 1), 0.0).mean():.4f}"
    return metrics


def main(arguments: Sequence[str] | None = None) -> None:
    """Rank, print, and report to the probe."""
    parser = argparse.ArgumentParser(description="popularity baseline, leave-one-out, full ranking, seen items out")
    parser.add_argument("--data", required=True, help="file with a line `user item item ...` per user, oldest first")
    parser.add_argument("--name", required=True, help="name of the data set, for the record")
    parser.add_argument("--users", choices=["file", "rows"], default="file", help="ids: the file's, or 0, 1, 2, ...")
    options = parser.parse_args(arguments)
    users, sequences = read_sequences(options.data)
    if options.users == "rows":
        users = np.arange(len(users))
    n_items = len(np.unique(np.concatenate(sequences)))
    probe.event("model", name="popularity", parameters=n_items, dataset=options.name, users=len(users), items=n_items)
    views = popularity_ranks(sequences)
    metrics = metrics_text(*views["printed"][:2])
    print(metrics)  # noqa: T201
    probe.event("printed", split="test", metrics=metrics)
    protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded", "ties": "mean"}
    probe.write_ranks("test", users, views, protocol)
    probe.event("end", epochs=None, best_epoch=None, peak_memory_mb=probe.peak_memory_mb())


if __name__ == "__main__":
    main()
