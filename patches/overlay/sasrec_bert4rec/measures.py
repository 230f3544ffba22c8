"""The three measures of the package `recommenders` that the code base uses, with one relevant item per user.

Written from their definitions. A user's list is sorted by prediction, equal ones in the order of the frame. The mean of
NDCG is taken over all users of the ground truth, that of recall and MAP over those who have a list, as the package
does. With one relevant item recall is HIT@k, and MAP@k is the reciprocal rank cut off at k.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def places(truth: Any, found: Any, col_user: str, col_item: str, col_prediction: str, k: int) -> tuple[Any, int, int]:
    """Ranks, from 1, of the relevant items among the first k of their user's list.

    Args:
        truth, found: pandas frames with a row for each relevant, and for each listed item.
    Returns:
        the ranks; the number of users in `truth`; the number of those with a list.
    Raises:
        ValueError: a user with two relevant items.
    """
    if truth[col_user].duplicated().any():
        raise ValueError("a user has more than one relevant item; the stand-in for recommenders knows one")
    ordered = found.sort_values([col_user, col_prediction], ascending=[True, False], kind="stable")
    placed = ordered.assign(place=ordered.groupby(col_user).cumcount() + 1)
    hits = placed[placed["place"] <= k].merge(truth[[col_user, col_item]], on=[col_user, col_item])
    return hits["place"].to_numpy(), len(truth), int(truth[col_user].isin(found[col_user].unique()).sum())


def ndcg_at_k(truth: Any, found: Any, *, col_user: str, col_item: str, col_prediction: str, k: int, **_: Any) -> float:
    """NDCG@k; arguments as in `places`. Source: Jarvelin and Kekalainen 2002, discount log2(rank + 1)."""
    at, n_users, _n_listed = places(truth, found, col_user, col_item, col_prediction, k)
    return float((1 / np.log2(at + 1)).sum() / n_users)


def recall_at_k(
    truth: Any, found: Any, *, col_user: str, col_item: str, col_prediction: str, k: int, **_: Any
) -> float:
    """Recall@k; arguments as in `places`."""
    at, _n_users, n_listed = places(truth, found, col_user, col_item, col_prediction, k)
    return len(at) / n_listed


def map_at_k(truth: Any, found: Any, *, col_user: str, col_item: str, col_prediction: str, k: int, **_: Any) -> float:
    """MAP@k; arguments as in `places`."""
    at, _n_users, n_listed = places(truth, found, col_user, col_item, col_prediction, k)
    return float((1 / at).sum() / n_listed)
