"""The overlay's parts that gsasrec and bert4rec_repro share, as far as they need neither code base nor Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from overlay.aprec import home, mf, places
from scipy.sparse import csr_matrix


def blocks() -> csr_matrix:
    """Users of two kinds, who take items of their own kind only: 30 users, 20 items."""
    random = np.random.default_rng(0)
    dense = np.zeros((30, 20))
    for user in range(30):
        kind = 10 * (user % 2)
        dense[user, kind + random.choice(10, 6, replace=False)] = 1
    return csr_matrix(dense)


def test_factors_tell_kinds_apart_and_a_seed_fixes_them() -> None:
    first, same, other = (mf.LightFM(8, "bpr", seed).fit(blocks(), epochs=100) for seed in (1, 1, 2))
    own, foreign = first.predict(0, range(10)), first.predict(0, range(10, 20))
    assert own.mean() > foreign.mean() + 1
    np.testing.assert_array_equal(first.p, same.p)
    assert not np.array_equal(first.p, other.p)
    with pytest.raises(ValueError, match="bpr"):
        mf.LightFM(8, "warp")


Place = tuple[int, int, int]


def test_places_of_items_with_and_without_a_score() -> None:
    scores, allowed = np.array([3.0, 1.0, 2.0, 2.0]), np.array([False, True, True, True])
    assert places.place(scores, 2, allowed) == (0, 2, 3)
    assert places.place(scores, 1, allowed) == (2, 1, 3)
    assert places.place(scores, 0, allowed) == (0, 1, 4)  # the test item is a candidate, also where it was seen
    assert places.place(scores, None, allowed) == (3, 1, 4)  # never recommended


@pytest.mark.parametrize(
    ("everything", "unseen", "expected"),
    [
        ((4, 1, 9), (1, 1, 5), (1, 1, 5)),  # the last of five that are asked for
        ((5, 1, 9), (1, 1, 5), (4, 1, 5)),  # the sixth: it is not listed, however few unseen items lie above it
        ((3, 3, 9), (1, 2, 5), (1, 4, 5)),  # the fourth to sixth
        ((3, 2, 9), (1, 2, 5), (1, 2, 5)),
    ],
)
def test_an_item_that_the_code_base_does_not_list_is_last(everything: Place, unseen: Place, expected: Place) -> None:
    assert places.listed(everything, unseen, asked=5) == expected


def test_items_without_a_score_come_last_among_all_items() -> None:
    assert places.among_items((2, 1, 5), own=0, n_unscored=3) == (2, 1, 8)
    assert places.among_items((4, 1, 5), own=None, n_unscored=3) == (6, 1, 7)  # it is one of the three itself


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkout of the code base"):
        home.importable(str(tmp_path))
