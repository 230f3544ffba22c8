"""Time steps: which item is asked for where, what is left out of the candidates, and ties in the middle."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overlay.s3rec import positions  # noqa: E402


def test_short_and_long_sequences_end_at_the_last_time_step() -> None:
    assert list(positions.prefixes([7, 8, 9], 5)) == [(4, [7], 8), (5, [7, 8], 9)]
    long = list(positions.prefixes([1, 2, 3, 4, 5, 6], 3))
    assert long == [(1, [1, 2, 3], 4), (2, [1, 2, 3, 4], 5), (3, [1, 2, 3, 4, 5], 6)]


def test_places_leave_seen_items_out_and_take_the_middle_of_ties() -> None:
    scores = np.array([[9.0, 8.0, 7.0, 7.0, 7.0]] * 3)
    seen = [[], [0, 1], [0, 2]]
    assert positions.places(scores, seen, np.array([3, 3, 2])).tolist() == [4, 2, 3]


class Net(torch.nn.Module):
    """Answers with the embedding of the item itself: the best next item is the last one, which is excluded."""

    def __init__(self) -> None:
        super().__init__()
        self.item_embeddings = torch.nn.Embedding.from_pretrained(torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]]))

    def finetune(self, inputs: Any) -> Any:
        return self.item_embeddings(inputs)


def test_counts_by_hand() -> None:
    """Scores grow with the item's number, so a next item's rank is the number of larger unseen ones plus 1."""

    class Data(torch.utils.data.Dataset):  # type: ignore[misc]
        user_seq = ([4, 3, 2], [1, 2, 4])

        def __len__(self) -> int:
            return 2

        def __getitem__(self, user: int) -> Any:
            return user, torch.tensor([0, *self.user_seq[user][:-1]])

    trainer = argparse.Namespace(
        model=Net(),
        args=argparse.Namespace(max_seq_length=3),
        device="cpu",
        test_dataloader=torch.utils.data.DataLoader(Data(), batch_size=2),
    )
    found = positions.count(trainer)
    assert found[1][0] == 0
    assert (found[2][0], found[2][1][:4].tolist()) == (2, [1, 0, 1, 0])  # 3 after 4; 2 after 1, behind 4 and 3
    assert (found[3][0], found[3][1][:4].tolist()) == (2, [2, 0, 0, 0])  # 2 after 4, 3; 4 after 1, 2
