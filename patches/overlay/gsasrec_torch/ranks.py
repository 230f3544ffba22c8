"""Ranks and predicted probabilities of a test of the PyTorch port of gSASRec, from the scores that it ranks.

The port excludes the items of a user's history by the score -inf, even a test item in the history. Such an
item is never recommended, so 'printed' ranks it last; 'unseen' keeps it as a candidate with its score. Rows 0 and n + 1
of the item table are not items. Predicted probabilities are the logistic function of a score; `calibration` counts
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import probe
from ..calibration import PLACES, Calibration, report_user
from .split import Split

Array = NDArray[Any]


class TorchProxy:
    """`torch` for the port's network in the test: a listener gets scores before and after removal of seen items."""

    def __init__(self, listener: Callable[[Array, Array], None]) -> None:
        self.listener = listener
        self.scores: Array | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def einsum(self, *arguments: Any) -> torch.Tensor:
        """Scores of a batch, copied, since the port then modifies them."""
        found: torch.Tensor = torch.einsum(*arguments)
        self.scores = found.detach().cpu().numpy().copy()
        return found

    def topk(self, scores: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        """The first ranks of a batch."""
        assert self.scores is not None, "the port scores a batch before it ranks it"
        self.listener(self.scores, scores.detach().cpu().numpy())
        return torch.topk(scores, *arguments, **options)


class RankCollector:
    """Ranks of the users of a test, in the order of the data set's file, collected from their scores."""

    def __init__(self, split: Split, user: int) -> None:
        self.split, self.ranks, self.n_done, self.n_repeated = split, probe.Ranks(), 0, 0
        self.row = split.users.index(user) if user in split.users else 0  # whose probabilities are reported
        self.places = min(PLACES, split.n_items)
        self.calibration = Calibration(self.places)

    def add(self, scores: Array, left: Array) -> None:
        """A batch: scores of all rows of the item table, (n_users, n_items + 2), and the same with items excluded.

        Raises:
            ValueError: more users than the test has.
        """
        rows = slice(self.n_done, self.n_done + len(scores))
        users, sequences = self.split.users[rows], self.split.sequences[rows]
        if len(users) != len(scores):
            raise ValueError(f"the port ranks more users than the {len(self.split.users)} of the test")
        answers = np.array([sequence[-1] for sequence in sequences])
        items = np.zeros(scores.shape, dtype=bool)
        items[:, 1 : self.split.n_items + 1] = True
        unseen = items.copy()
        for row, sequence in enumerate(sequences):
            unseen[row, sequence[:-1]] = False
        self.n_repeated += int((~unseen[np.arange(len(answers)), answers]).sum())
        self.ranks.add(
            np.array(users),
            all=probe.count_ranks(scores, answers, items),
            unseen=probe.count_ranks(scores, answers, unseen),
            printed=probe.count_ranks(left, answers, unseen),
        )
        self.calibrate(left.astype(np.float64), scores.astype(np.float64), answers)
        self.n_done += len(users)

    def calibrate(self, left: Array, scores: Array, answers: Array) -> None:
        """Count a batch's first ranks."""
        order = np.argsort(-left, axis=1, kind="stable")[:, : self.places]
        chances = np.exp(-np.logaddexp(0.0, -scores))
        first = np.take_along_axis(chances, order, axis=1)
        self.calibration.add(first, order == answers[:, None])
        row = self.row - self.n_done
        if 0 <= row < len(scores):
            n = self.split.n_items
            report_user(self.split.users[self.row], first[row], float(chances[row, 1 : n + 1].sum()), n)

    def write(self) -> None:
        """Write the ranks, and report the counts at the first ranks."""
        protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
        protocol["n_repeated"] = str(self.n_repeated)
        self.ranks.write("test", protocol)
        self.calibration.report("logistic", self.n_done, self.split.n_items)
