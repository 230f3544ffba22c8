"""Scores of users in blocks: the code base requests one user at a time, and computes an entire batch for each.

The order of requests is known: users are ranked in the order of the test, once for the full ranking and once for the
sampled one. So a block of users is scored when the first of them is requested. NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Score = Callable[[Sequence[str]], Array]  # users to scores, (n_users, n_rows)


class Blocks:
    """Scores by user, computed for as many users at once as a block has.

    Args:
        users: in the order of requests; others are scored alone.
        size: users in a block. The last block is filled up with its own first user: a network of this code base
            always computes its full batch size.
    """

    def __init__(self, score: Score, users: Sequence[str], size: int) -> None:
        self.score, self.users, self.size = score, users, size
        self.places = {user: place for place, user in enumerate(users)}
        self.block: dict[str, Array] = {}

    def __call__(self, user: str) -> Array:
        """Scores of one user, shape (n_rows,)."""
        if user not in self.block:
            start = self.places.get(user)
            asked = [user] if start is None else list(self.users[start : start + self.size])
            rows = self.score(asked + [asked[0]] * (self.size - len(asked)))
            self.block = dict(zip(asked, rows, strict=False))
        return self.block[user]
