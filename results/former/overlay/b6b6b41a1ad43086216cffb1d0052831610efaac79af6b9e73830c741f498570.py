"""Ranks and predicted probabilities of a test of the PyTorch port of gSASRec, from the very scores that it ranks.

The port leaves the items of a user's history out by the score -inf, also a test item that the user had before. Such a
one is never recommended, so 'printed' puts it last; 'unseen' keeps it a candidate at its score. Rows 0 and n + 1 of the
item table are no items. Calibration is petrov2023's section 6.2.2: of the first K places of each user's list, K up to
100, the share that is the test item (precision), and the mean predicted probability, the logistic function of a score.
"""

from __future__ import annotations

import numpy as np
import torch

from . import probe

PLACES = 100


class Looked:
    """`torch`, as the port's network sees it in the test: scores are heard before and after items are left out."""

    def __init__(self, hear):
        self.hear, self.scores = hear, None

    def __getattr__(self, name):
        return getattr(torch, name)

    def einsum(self, *arguments):
        """Scores of a batch; the port goes on to write into them."""
        found = torch.einsum(*arguments)
        self.scores = found.detach().cpu().numpy().copy()
        return found

    def topk(self, scores, *arguments, **options):
        """The first places of a batch."""
        self.hear(self.scores, scores.detach().cpu().numpy())
        return torch.topk(scores, *arguments, **options)


class Ranked:
    """Ranks of the users of a test, in the order of the data set's file, as their scores pass by."""

    def __init__(self, split, user):
        self.split, self.ranks, self.n_done, self.n_repeated = split, probe.Ranks(), 0, 0
        self.row = split.users.index(user) if user in split.users else 0
        self.places = min(PLACES, split.n_items)
        self.precision, self.probability = np.zeros(self.places), np.zeros(self.places)

    def add(self, scores, left):
        """A batch: scores of all rows of the item table, (n_users, n_items + 2), and with items left out.

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

    def calibrate(self, left, scores, answers):
        """Count a batch's first places."""
        order = np.argsort(-left, axis=1, kind="stable")[:, : self.places]
        chances = np.exp(-np.logaddexp(0.0, -scores))
        width = np.arange(1, self.places + 1)
        first = np.take_along_axis(chances, order, axis=1)
        self.probability += (np.cumsum(first, axis=1) / width).sum(axis=0)
        self.precision += (np.cumsum(order == answers[:, None], axis=1) / width).sum(axis=0)
        row = self.row - self.n_done
        if 0 <= row < len(scores):
            n, listed = self.split.n_items, [float(f"{p:.8g}") for p in first[row]]
            user, total = str(self.split.users[self.row]), float(chances[row, 1 : n + 1].sum())
            probe.event("probabilities", user=user, sum=total, by_rank=listed, items=n)

    def write(self):
        """The ranks, and what was counted of the first places."""
        protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
        protocol["n_repeated"] = str(self.n_repeated)
        self.ranks.write("test", protocol)
        n = self.n_done
        facts = {"precision": (self.precision / n).tolist(), "probability": (self.probability / n).tolist()}
        probe.event("calibration", link="logistic", users=n, items=self.split.n_items, **facts)
