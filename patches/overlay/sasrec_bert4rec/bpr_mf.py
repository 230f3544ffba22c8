"""BPR-MF as in the code base's notebook: the package `implicit`, 128 factors, learning rate 0.05, penalty 0.01.

The notebook trains on all interactions but the test ones, validation items included, lists 100 items for each user
without those of the history, and takes the mean of ten unseeded runs on a GPU. Here the CPU version runs once, seeded.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import probe
from . import measures, pairs
from .ranks import RankCollector
from .watch import Watch

CUTOFFS = (10, 100)
BATCH = 256


def train_and_test(sequences: dict[int, list[int]], seed: int, iterations: int, threads: int) -> None:
    """Train, list, print and report to the probe."""
    from implicit.bpr import BayesianPersonalizedRanking
    from scipy.sparse import coo_matrix  # type: ignore[import-untyped]

    rows, columns = pairs.histories(sequences)
    shape = (len(sequences), pairs.count_items(sequences))
    seen = coo_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape).tocsr()
    options: dict[str, Any] = {"factors": 128, "learning_rate": 0.05, "regularization": 0.01, "iterations": iterations}
    model = BayesianPersonalizedRanking(**options, use_gpu=False, random_state=seed, num_threads=threads)
    watch = Watch()
    start = time.time()
    model.fit(seen, show_progress=False)
    watch.training_s = time.time() - start
    probe.event("model", name="bpr-mf", network=type(model).__name__, parameters=shape[0] * 128 + shape[1] * 128)
    users = np.array(list(sequences))
    collect(model, sequences, users)
    items, scores = model.recommend(np.arange(len(users)), seen, max(CUTOFFS), filter_already_liked_items=True)
    metrics = measured(sequences, users, items + 1, scores)
    print(metrics)  # noqa: T201
    watch.printed(metrics)
    facts = {"iterations": iterations, "training_s": watch.training_s, "peak_memory_mb": probe.peak_memory_mb()}
    probe.event("end", epochs=None, best_epoch=None, **facts)


def collect(model: Any, sequences: dict[int, list[int]], users: NDArray[np.int64]) -> None:
    """Write the ranks of the test items among all items except those of the history; column 0 is not an item."""
    ranks = RankCollector({user: items[-1] for user, items in sequences.items()}, n_reserved=1)
    for start in range(0, len(users), BATCH):
        batch = users[start : start + BATCH]
        scores = model.user_factors[start : start + BATCH] @ model.item_factors.T
        none = np.full((len(batch), 1), -np.inf, dtype=scores.dtype)
        longest = max(len(sequences[user]) for user in batch.tolist())
        seen = np.zeros((len(batch), longest), dtype=np.int64)
        for row, user in enumerate(batch.tolist()):
            seen[row, : len(sequences[user]) - 1] = sequences[user][:-1]
        ranks.add(batch, seen, np.hstack([none, scores]))
    ranks.write()


def measured(
    sequences: dict[int, list[int]], users: NDArray[np.int64], items: NDArray[Any], scores: NDArray[Any]
) -> dict[str, float]:
    """The metrics of lists, (n_users, 100), by the functions and under the names of the code base."""
    import pandas

    truth = pandas.DataFrame({"user_id": users, "item_id": [sequences[user][-1] for user in users.tolist()]})
    columns = {"user_id": np.repeat(users, items.shape[1]), "item_id": items.ravel(), "prediction": scores.ravel()}
    found = pandas.DataFrame(columns)
    named = {"col_user": "user_id", "col_item": "item_id", "col_prediction": "prediction"}
    functions = {"ndcg": measures.ndcg_at_k, "hit_rate": measures.recall_at_k, "mrr": measures.map_at_k}
    return {f"{name}@{k}": of(truth, found, **named, k=k) for k in CUTOFFS for name, of in functions.items()}
