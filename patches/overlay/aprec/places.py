"""Ranks of a test item among the items that a system of either code base scored, and hooks that receive scores.

An item without training interactions has no score: it can never be recommended, so it is ranked last. NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import probe

Array = NDArray[Any]
Columns = Mapping[str, int]  # item -> its column among the scores
Listener = Callable[[str, Columns, Array], None]  # user, columns, scores of shape (n_items,)
Place = tuple[int, int, int]  # candidates above an item, tied with it (itself included), and in all


def place(scores: Array, own: int | None, allowed: Array) -> Place:
    """Candidates above the test item, tied with it (itself included) and in all, for one user.

    Args:
        own: its column, None for an item without a score, which comes last.
        allowed: shape (n_items,) bool, which of the others are candidates.

    Raises:
        ValueError: the score of the test item is not a number.
    """
    if own is None:
        n = int(allowed.sum())
        return n, 1, n + 1
    above, tied, n_candidates = probe.count_ranks(scores[None], np.array([own]), allowed[None])
    return int(above[0]), int(tied[0]), int(n_candidates[0])


def listed(everything: Place, unseen: Place, asked: int) -> Place:
    """The rank of a test item in a list of the best `asked` items without the seen ones.

    Args:
        everything, unseen: (above, tied, candidates) among all items, and among those that the user has not seen.

    Returns:
        (above, tied, candidates) in that list. Three cases, by how many items score above the test item or as it does:
        - `asked` or more score above it: the list lacks it, and it comes last;
        - it is among the best `asked` in any order of ties: its place among unseen items;
        - the order of ties decides: it is tied with all that come after it.
    """
    above, tied, _ = everything
    n = unseen[2]
    if above >= asked:
        return n - 1, 1, n
    return (unseen[0], n - unseen[0], n) if above + tied > asked else unseen


def among_items(unseen: Place, own: int | None, n_unscored: int) -> Place:
    """The rank of a test item among all items of a data set that are not in its user's history.

    Args:
        unseen: its place among those that have a score.
        own: its column, None if it has no score.
        n_unscored: items of the data set without a score, the test item included if it is one; they come last.
    """
    above, tied, n = unseen
    if own is None:
        return above + n_unscored - 1, tied, n + n_unscored - 1
    return above, tied, n + n_unscored


def columns_of(items: Iterable[str], columns: Columns) -> list[int]:
    """The columns of those items that have a score."""
    return [columns[item] for item in items if item in columns]


def pass_counts(system: Any, listener: Listener) -> None:
    """Make a system that ranks by popularity call a listener with each requested user."""
    columns = {item: place for place, item in enumerate(system.item_scores)}
    counts = np.array(list(system.item_scores.values()), dtype=np.float64)
    call_first(system, lambda user: listener(user, columns, counts))


def pass_factors(system: Any, listener: Listener) -> None:
    """The same of matrix factorisation."""
    call_first(system, lambda user: listener(user, system.items.straight, predicted(system, user)))


def predicted(system: Any, user: str) -> Array:
    """Matrix factorisation's scores of a user."""
    scores: Array = system.model.predict(system.users.straight[user], np.arange(system.items.size()))
    return scores


def call_first(system: Any, listener: Callable[[str], None]) -> None:
    """Make `recommend` call the listener with each requested user."""
    recommend = system.recommend

    def call(user: str, *arguments: Any, **options: Any) -> Any:
        listener(user)
        return recommend(user, *arguments, **options)

    system.recommend = call
