"""Matrix factorisation with the BPR loss, in place of LightFM, which is published as source only.

    score(u, i) = p_u . q_i + b_i        loss of a triple (u, i, j) = -log s(score(u, i) - score(u, j))

Rendle et al. 2009, trained as LightFM documents it: AdaGrad with rate 0.05, no regularisation, start values uniform in
(-0.5, 0.5) divided by the number of components, a negative drawn from the items of all interactions (so popular items
are drawn more often) and skipped where the user has it. One difference: triples are taken in batches of 256, whose
steps are summed, so the result does not depend on threads; LightFM with several threads differs from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 256
RATE = 0.05


class LightFM:
    """The part of LightFM's class of this name that the code base uses."""

    default_seed = 0  # the code base passes none

    def __init__(self, no_components: int = 10, loss: str = "bpr", random_state: int | None = None) -> None:
        if loss != "bpr":
            raise ValueError(f"loss: this stand-in knows 'bpr' only, got {loss!r}")
        self.size = no_components
        self.random = np.random.default_rng(self.default_seed if random_state is None else random_state)

    def fit(self, interactions: Any, epochs: int = 1, verbose: bool = False, num_threads: int = 1) -> LightFM:  # noqa: ARG002
        """Train on a SciPy matrix, users by rows; an entry is one interaction, or several where entries are summed."""
        matrix = interactions.tocoo()
        self.users, self.items = matrix.row.astype(np.int64), matrix.col.astype(np.int64)
        n_users, self.n_items = matrix.shape
        self.had = np.unique(self.users * self.n_items + self.items)  # one number for each pair of user and item
        self.p, self.q = (self.random.random((n, self.size)) - 0.5 for n in (n_users, self.n_items))
        self.p, self.q, self.b = self.p / self.size, self.q / self.size, np.zeros(self.n_items)
        self.sums = [np.ones_like(x) for x in (self.p, self.q, self.b)]
        for _ in range(epochs):
            order = self.random.permutation(len(self.users))
            for start in range(0, len(order), BATCH):
                self.step(order[start : start + BATCH])
        return self

    def step(self, rows: NDArray[np.int64]) -> None:
        """One batch of triples; those whose negative the user has are left out."""
        # 1. Users, their items, and one negative each, drawn from the items of all interactions.
        u, i = self.users[rows], self.items[rows]
        j = self.items[self.random.integers(len(self.items), size=len(rows))]
        # 2. Keep the triples whose pair (user, negative) is not among the sorted pairs of the training data.
        pairs = u * self.n_items + j
        fresh = self.had[np.searchsorted(self.had[:-1], pairs)] != pairs
        u, i, j = u[fresh], i[fresh], j[fresh]
        # 3. Minus the derivative of the loss by the difference of scores, then by each factor.
        apart = (self.p[u] * (self.q[i] - self.q[j])).sum(1) + self.b[i] - self.b[j]
        pull = (1.0 / (1.0 + np.exp(apart)))[:, None]
        both, ones = np.concatenate([i, j]), pull[:, 0]
        towards = pull * self.p[u]
        self.move(0, self.p, u, pull * (self.q[i] - self.q[j]))
        self.move(1, self.q, both, np.concatenate([towards, -towards]))
        self.move(2, self.b, both, np.concatenate([ones, -ones]))

    def move(self, place: int, values: NDArray[np.float64], rows: NDArray[np.int64], gradient: Any) -> None:
        """AdaGrad's step for these rows; a row that occurs twice is moved twice."""
        step = RATE * gradient / np.sqrt(self.sums[place][rows])
        np.add.at(values, rows, step)
        np.add.at(self.sums[place], rows, gradient**2)

    def predict(self, user: int, items: Sequence[int] | NDArray[Any]) -> NDArray[np.float32]:
        """Scores of items for one user, shape (n_items,) float32."""
        places = np.asarray(items)
        scores: NDArray[np.float64] = self.q[places] @ self.p[user] + self.b[places]
        return scores.astype(np.float32)
