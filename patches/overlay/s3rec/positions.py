"""How well released weights predict the next item at every time step of the test input, training steps included.

    python -m harness_overlay.s3rec.positions [arguments of s3rec.rescored]

What `rescored` does, and something before it: the test input (all items but the last, the last L of these) goes through
the network once, and the output at each time step t = 1..L is asked for the item that comes next. So t = L is the test,
t = L - 1 the validation, and t = L - 2 and before are targets that the network was trained on. Candidates are all rows
of the item table but the items that the user had up to t; the item asked for stays a candidate. Padded steps are left
out. For each t, an event `position` reports `users`, the number asked, and `places`, how many of them had their item in
place 1, 2, ... 20. An item that shares its score with others gets the middle of their places, rounded up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import probe
from . import rescored

PLACES = 20
Integers = NDArray[np.int64]


def prefixes(sequence: Sequence[int], length: int) -> Iterator[tuple[int, Sequence[int], int]]:
    """What a user had up to each time step that is not padded, and what came next: (t, items up to t, next item).

    Args:
        sequence: all items of the user, oldest first, the test item last.
        length: time steps of the network.
    """
    n_inputs = len(sequence) - 1
    for t in range(max(1, length - n_inputs + 1), length + 1):
        upto = n_inputs - length + t  # inputs that the network has seen at step t
        yield t, sequence[:upto], sequence[upto]


def places(scores: NDArray[Any], seen: Sequence[Sequence[int]], targets: NDArray[Any]) -> NDArray[Any]:
    """The place of each target among all items but those seen.

    Args:
        scores: shape (n, n_items).
        seen: n lists of items.
        targets: shape (n,).
    """
    allowed = np.ones(scores.shape, dtype=bool)
    for row, items in enumerate(seen):
        allowed[row, items] = False
    above, tied, _ = probe.count_ranks(scores, targets, allowed)  # a target is a candidate even if it was seen
    found: NDArray[Any] = 1 + above + tied // 2
    return found


def count(trainer: Any) -> dict[int, tuple[int, Integers]]:
    """Users asked and their places, for each time step: t -> (n, counts of shape (PLACES,))."""
    trainer.model.eval()
    length, table = trainer.args.max_seq_length, trainer.model.item_embeddings.weight
    sequences = trainer.test_dataloader.dataset.user_seq
    n_users, counts = np.zeros(length + 1, dtype=np.int64), np.zeros((length + 1, PLACES), dtype=np.int64)
    for batch in trainer.test_dataloader:
        users, inputs = batch[0].tolist(), batch[1].to(trainer.device)
        with torch.no_grad():
            hidden = trainer.model.finetune(inputs)
        # Rows of the batch by time step: at each step, all users that have one are scored at once.
        asked: dict[int, list[tuple[int, Sequence[int], int]]] = {}
        for row, user in enumerate(users):
            for t, seen, target in prefixes(sequences[user], length):
                asked.setdefault(t, []).append((row, seen, target))
        for t, entries in asked.items():
            rows, histories, targets = zip(*entries, strict=True)
            with torch.no_grad():
                scores = (hidden[list(rows), t - 1] @ table.T).cpu().numpy()
            place = places(scores, histories, np.array(targets))
            n_users[t] += len(place)
            counts[t] += np.bincount(place[place <= PLACES], minlength=PLACES + 1)[1:]
    return {t: (int(n_users[t]), counts[t]) for t in range(1, length + 1)}


def counting(test: Callable[..., Any]) -> Callable[..., Any]:
    """A trainer's `test` that first reports the places at every time step."""

    def test_and_count(trainer: Any, *arguments: Any, **options: Any) -> Any:
        for t, (users, counts) in sorted(count(trainer).items()):
            if users:
                probe.event("position", position=t, users=users, places=counts.tolist())
        return test(trainer, *arguments, **options)

    return test_and_count


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, then do what `rescored` does."""
    from trainers import FinetuneTrainer  # of the code base, in whose tree this runs

    FinetuneTrainer.test = counting(FinetuneTrainer.test)
    rescored.main(arguments)


if __name__ == "__main__":
    main()
