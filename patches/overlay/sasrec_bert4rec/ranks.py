"""Ranks of a test of this code base, from the scores that it sorts.

It removes a user's history from the list; in a batch, histories are padded with 0 up to the longest
one. So row 0, the padding, is a candidate for the user with the longest history, and the mask token of
BERT4Rec for all users: 'printed' includes both. A test item in the user's history is never recommended and ranked
last there; 'unseen' keeps it as a candidate with its score. 'all' and 'unseen' contain only items: 'items' is 'unseen'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import probe
from ..views import ITEMS_PROTOCOL

Array = NDArray[Any]


class RankCollector:
    """Ranks of the users of a test, collected from their scores.

    Attributes:
        n_repeated: users whose test item was in their history.
    """

    def __init__(self, answers: Mapping[int, int], n_reserved: int) -> None:
        """Args:
        answers: each user's test item, by user.
        n_reserved: rows of the item table, from 0, that are not items.
        """
        self.answers, self.n_reserved, self.n_repeated, self.ranks = answers, n_reserved, 0, probe.Ranks()

    def add(self, users: Array, histories: Array, scores: Array) -> None:
        """A batch: users, (B,); their histories, (B, S), padded with 0; scores of all rows of the table, (B, V)."""
        answers = np.array([self.answers[user] for user in users.tolist()])
        rows = np.arange(len(users))
        items = np.ones(scores.shape, dtype=bool)
        items[:, : self.n_reserved] = False
        printed = np.ones(scores.shape, dtype=bool)
        printed[rows[:, None], histories] = False
        repeated = ~printed[rows, answers]
        self.n_repeated += int(repeated.sum())
        left = scores.copy()
        left[rows[repeated], answers[repeated]] = -np.inf
        unseen = probe.count_ranks(scores, answers, items & printed)
        self.ranks.add(
            users,
            all=probe.count_ranks(scores, answers, items),
            unseen=unseen,
            items=unseen,
            printed=probe.count_ranks(left, answers, printed),
        )

    def write(self) -> None:
        """Write the ranks."""
        protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
        self.ranks.write("test", {**protocol, "n_repeated": str(self.n_repeated), **ITEMS_PROTOCOL})
