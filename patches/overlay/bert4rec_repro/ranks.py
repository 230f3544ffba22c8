"""Ranks of a test of this code base, full and sampled, from the scores that it sorts.

It requests as many extra items as a user has seen and removes these, so its list contains the best unseen
items; for BERT4Rec-VAE two rows that are not items are also removed. A test item in the user's history is
never recommended and ranked last, and so is one without training interactions. In the sampled ranking the candidates
are the test item and others drawn by popularity; items that the user has seen, and items without training interactions,
have the score minus infinity there. NumPy only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import probe
from ..aprec.places import Columns, Place, among_items, columns_of, listed, place
from ..views import ITEMS_PROTOCOL

Array = NDArray[Any]
VIEWS = ("all", "unseen", "items", "printed", "sampled")


class RankCollector:
    """Ranks of the users of a test, collected from their scores.

    Args:
        seen: training items of each user.
        test_actions: of the test, one for each user.
        limit: number of recommendations that the code base lists for a user.
        special: columns of scores that are not items.
    """

    def __init__(
        self, seen: Mapping[str, set[str]], test_actions: Iterable[Any], limit: int, special: Sequence[int] = ()
    ) -> None:
        self.seen, self.limit, self.special = seen, limit, list(special)
        self.truth = {action.user_id: action.item_id for action in test_actions}
        self.items = set(self.truth.values()).union(*seen.values())
        self.rows: dict[str, dict[str, Place]] = {}
        self.n_sampled = self.n_cold = self.n_repeated = 0

    def add(self, user: str, columns: Columns, scores: Array) -> None:
        """A user's scores of all rows, shape (n_rows,); `columns` maps items to columns."""
        if user in self.rows or user not in self.truth:
            return
        target, seen = self.truth[user], self.seen.get(user, set())
        own = columns.get(target)
        every = np.ones(len(scores), dtype=bool)
        left = every.copy()
        left[columns_of(seen, columns) + self.special] = False
        everything, unseen = place(scores, own, every), place(scores, own, left)
        n_unscored = len(self.items) - (len(scores) - len(self.special))
        self.n_cold += own is None
        self.n_repeated += target in seen
        asked = 0 if target in seen else self.limit + len(seen)  # of a list that asks for nothing every item is last
        self.rows[user] = {
            "all": everything,
            "unseen": unseen,
            "items": among_items(unseen, own, n_unscored),
            "printed": listed(everything, unseen, asked),
        }

    def add_sampled(self, rankings: Mapping[str, Collection[tuple[str, float]]]) -> None:
        """The sampled ranking of every user: candidates with their scores."""
        for user, ranking in rankings.items():
            scores = np.array([float(np.squeeze(score)) for _, score in ranking])
            own = next(i for i, (item, _) in enumerate(ranking) if item == self.truth[user])
            self.rows[user]["sampled"] = place(scores, own, np.ones(len(scores), dtype=bool))
            self.n_sampled = max(self.n_sampled, len(scores))

    def write(self) -> None:
        """Write the ranks."""
        users = sorted(self.rows, key=int)
        views = {
            name: [np.array([self.rows[user][name][i] for user in users], dtype=np.int32) for i in range(3)]
            for name in VIEWS
        }
        probe.write_ranks("test", np.array([int(user) for user in users]), views, self.protocol())

    def protocol(self) -> dict[str, str]:
        """The protocol of the views; words about a view other than `printed` have its name as prefix."""
        return {
            "split": "leave-one-out", "ranking": "full", "seen": "excluded", "listed": str(self.limit),
            "cold": "test items that no training has come last",
            "n_cold": str(self.n_cold), "n_repeated": str(self.n_repeated),
            "sampled.split": "leave-one-out", "sampled.ranking": "sampled", "sampled.seen": "excluded",
            "sampled.candidates": f"the test item and {self.n_sampled - 1} by popularity",
            **ITEMS_PROTOCOL,
        }  # fmt: skip
