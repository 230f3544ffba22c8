"""Full ranking of the held-out item; what the user has had is excluded."""
# mypy: ignore-errors

import math

import numpy as np
from data import window


def all_scores(model, histories, size):
    """Scores of all items for every user after the given items: (users, n_items + 1)."""
    inputs = np.array([window(items, size) for items in histories])
    # The last bits of a product depend on the machine's linear algebra; a ranking should not.
    return np.round(model.scores(model.hidden(inputs)), 9)


def exclude(scores, histories):
    """Scores with minus infinity for padding and for what each user has had."""
    kept = scores.copy()
    kept[:, 0] = -np.inf
    for row, items in enumerate(histories):
        kept[row, items] = -np.inf
    return kept


def ranks(scores, answers):
    """1-based places of the answers."""
    own = scores[np.arange(len(answers)), answers]
    return 1 + (scores > own[:, None]).sum(axis=1)


def metrics(places, k=10):
    """HIT@k and NDCG@k, summed place by place, so that the sum does not depend on the order of users."""
    counts = np.bincount(places[places <= k], minlength=k + 1).tolist()
    gains = [counts[place] / math.log2(place + 1) for place in range(1, k + 1)]
    return {f"HIT@{k}": sum(counts) / len(places), f"NDCG@{k}": math.fsum(gains) / len(places)}
