"""Reading, splitting and batching sequences."""
# mypy: ignore-errors

import numpy as np


def read(path):
    """User ids and every user's items, oldest first."""
    users, sequences = [], []
    with open(path) as file:
        for line in file:
            user, *items = line.split()
            users.append(int(user))
            sequences.append([int(item) for item in items])
    return np.array(users), sequences


def window(items, size):
    """The last `size` items, newest first, filled up with 0."""
    newest = items[::-1][:size]
    return newest + [0] * (size - len(newest))


def examples(sequences, size):
    """Every position of the training sequences: windows, next items, and whose they are."""
    inputs, targets, owners = [], [], []
    for owner, items in enumerate(sequences):
        for place in range(1, len(items)):
            inputs.append(window(items[:place], size))
            targets.append(items[place])
            owners.append(owner)
    return np.array(inputs), np.array(targets), np.array(owners)


def unseen_tables(sequences, n_items):
    """For each user the items that the training sequence lacks, filled up with 0, and how many they are."""
    tables = np.zeros((len(sequences), n_items), dtype=np.int64)
    counts = np.zeros(len(sequences), dtype=np.int64)
    for owner, items in enumerate(sequences):
        unseen = np.setdiff1d(np.arange(1, n_items + 1), items)
        tables[owner, : len(unseen)] = unseen
        counts[owner] = len(unseen)
    return tables, counts


def sample_unseen(rng, tables, counts, owners, n):
    """`n` items for each of `owners`, uniformly from those the owner has not had, with replacement."""
    places = (rng.random((len(owners), n)) * counts[owners][:, None]).astype(np.int64)
    return tables[owners[:, None], places]


def batches(rng, owners, n_users, size):
    """Row numbers of the examples, all those of `size` users at a time, users in random order."""
    order = np.argsort(rng.random(n_users), kind="stable")
    for start in range(0, n_users, size):
        yield np.flatnonzero(np.isin(owners, order[start : start + size]))
