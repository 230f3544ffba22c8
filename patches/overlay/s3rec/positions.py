"""HIT@k of released weights for the next item at every time step of the test input, including training steps.

    python -m harness_overlay.s3rec.positions [arguments of s3rec.rescored]

Like `rescored`, with a step before it: the test input (all items but the last, the last L of these) goes through
the network once, and the output at each time step t = 1..L is used to predict the next item. So t = L is the test,
t = L - 1 the validation, and t = L - 2 and before are targets that the network was trained on. Candidates are all rows
of the item table except the user's items up to t; the target remains a candidate. Padded steps are
skipped. For each t, an event `position` reports `users`, their number, and `places`, the number of them whose item has
rank 1, 2, ... 20. An item that shares its score with others has the mean of their ranks, rounded up.
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
    """A user's items up to each time step that is not padded, and the next item: (t, items up to t, next item).

    Args:
        sequence: all items of the user, oldest first, the test item last.
        length: time steps of the network.
    """
    n_inputs = len(sequence) - 1
    for t in range(max(1, length - n_inputs + 1), length + 1):
        upto = n_inputs - length + t  # inputs of the network at step t
        yield t, sequence[:upto], sequence[upto]


def places(scores: NDArray[Any], seen: Sequence[Sequence[int]], targets: NDArray[Any]) -> NDArray[Any]:
    """The rank of each target among all items except those seen.

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
    """Number of users and counts of ranks, for each time step: t -> (n, counts of shape (PLACES,))."""
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
    """A trainer's `test` that first reports the ranks at every time step."""

    def test_and_count(trainer: Any, *arguments: Any, **options: Any) -> Any:
        for t, (users, counts) in sorted(count(trainer).items()):
            if users:
                probe.event("position", position=t, users=users, places=counts.tolist())
        return test(trainer, *arguments, **options)

    return test_and_count


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, then run `rescored`."""
    from trainers import FinetuneTrainer  # of the code base, in whose tree this runs

    FinetuneTrainer.test = counting(FinetuneTrainer.test)
    rescored.main(arguments)


if __name__ == "__main__":
    main()
