"""Calibration: predicted probabilities compared with the users' next items, over the first ranks of their lists.

Petrov and Macdonald 2023, section 6.2.2: of the first K ranks of each user's list, K up to PLACES, the share that is
the test item (precision), and the mean predicted probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import probe

PLACES = 100
Floats = NDArray[np.float64]


class Calibration:
    """Counts at the first ranks, user by user.

    Attributes:
        precision, probability: shape (n_places,), sums over users of the means over the first 1, 2, ... ranks.
    """

    def __init__(self, n_places: int) -> None:
        self.precision, self.probability = np.zeros(n_places), np.zeros(n_places)

    def add(self, chances: Floats, hits: NDArray[np.bool_]) -> None:
        """Count the lists of some users.

        Args:
            chances: shape (n_users, n), the predicted probabilities at the first n ranks; n is at most n_places.
            hits: the same shape, whether the item at a rank is the test item.
        """
        n = chances.shape[1]
        width = np.arange(1, n + 1)
        self.probability[:n] += (np.cumsum(chances, axis=1) / width).sum(axis=0)
        self.precision[:n] += (np.cumsum(hits, axis=1) / width).sum(axis=0)

    def report(self, link: str, n_users: int, n_items: int) -> None:
        """Write the event: means over users.

        Args:
            link: the function from scores to probabilities.
        """
        means = {"precision": self.precision / n_users, "probability": self.probability / n_users}
        facts = {name: mean.tolist() for name, mean in means.items()}
        probe.event("calibration", link=link, users=n_users, items=n_items, **facts)


def report_user(user: Any, chances: Floats, total: float, n_items: int) -> None:
    """Write the event with one user's predicted probabilities.

    Args:
        chances: shape (n,), at the first n ranks.
        total: the sum over all items.
    """
    listed = [float(f"{p:.8g}") for p in chances]
    probe.event("probabilities", user=str(user), sum=total, by_rank=listed, items=n_items)
