"""What the harness is told of a run of the gsasrec code base: epochs, network, ranks, calibration, printed metrics.

Ranks come from the very scores that the code base ranks in its test, as they pass by; nothing is scored twice. An item
of the test that nobody had in training has no score there: it can never be recommended, so it is put last. So is one
that the code base does not list: it asks for 200 items more than it lists and drops a user's seen items from these,
however many there are, so the list of a user who has seen more than 200 of them ends early.
Calibration is petrov2023's section 6.2.2: of the first K places of each user's list, K up to 100, the share that is
the test item (precision), and the mean predicted probability: the logistic function of a score, or for a loss that is
a softmax over the catalogue the softmax over all items.
"""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from . import probe, proof_tf

PLACES = 100
SOFTMAX = ("ce-all", "mlm-ce", "ce-last")
NAMES = {
    "OurSASRec": "sasrec", "OurSampledBERT": "bert4rec", "OurFullBERT": "bert4rec", "SASRecModel": "sasrec",
    "BERT4RecFTModel": "bert4rec", "FullBertModel": "bert4rec", "TopRecommender": "popularity",
    "LightFMRecommender": "mf-bpr",
}  # fmt: skip


class Watch:
    """Listens to one system."""

    def __init__(self, options):
        self.options = options
        self.epochs, self.best, self.converged = 0, None, None
        self.spied = None

    def spy(self, name, options, chosen):
        """What looks at the first batch."""
        self.spied = proof_tf.Spy(name, options, chosen)
        return self.spied

    def begin(self, train, listed):
        """Training begins on these actions."""
        self.seen, self.listed, self.start = {}, listed, time.time()
        for action in train:
            self.seen.setdefault(action.user_id, set()).add(action.item_id)

    def log(self, trainer, epoch):
        """An epoch ended; in the place of the code base's method, whose console lines remain."""
        trainer.log_to_console(epoch)
        self.epochs, self.best = trainer.current_epoch + 1, trainer.best_epoch
        self.converged = trainer.time_to_converge
        probe.event(
            "epoch",
            epoch=trainer.current_epoch,
            train_s=round(epoch.train_result.training_time, 4),
            valid_s=round(epoch.val_result.validation_time, 4),
            loss=float(epoch.train_result.training_loss),
            metric="NDCG@10",
            value=float(epoch.val_result.val_metric),
            valid_loss=float(epoch.val_result.val_loss),
            best=trainer.best_epoch == trainer.current_epoch,
        )

    def watched(self, evaluate):
        """The code base's test of a system, listened to."""

        def call(recommender, test_actions, *arguments, **options):
            trained = time.time() - self.start
            inner = getattr(recommender, "recommender", recommender)
            scored = scores_of(inner)
            ranks = Ranked(self, inner, test_actions, getattr(recommender, "extra_items", None))
            scored(ranks.add)
            result = evaluate(recommender, test_actions, *arguments, **options)
            self.tell(inner, ranks, result, trained)
            return result

        return call

    def tell(self, system, ranks, result, trained):
        """Network, ranks, calibration, printed metrics, end."""
        probe.event("model", **described(system))
        ranks.write()
        printed = {called(name, self.listed): f"{value:.10f}" for name, value in result.items()}
        minutes = (trained if self.converged is None else self.converged) / 60
        probe.event("printed", split="test", metrics={**printed, "minutes to converge": f"{minutes:.4f}"})
        epochs = None if self.best is None else self.epochs
        probe.event("end", epochs=epochs, best_epoch=self.best, peak_memory_mb=peak_memory_mb())


def called(name, listed):
    """How the harness calls a metric; a reciprocal rank counts in the list of recommendations only."""
    return f"MRR@{listed}" if name == "MRR" else name.replace("ndcg", "NDCG")


def described(system):
    """Name and size of a system, by its class."""
    if hasattr(system, "config"):
        kind = next(c.__name__ for c in type(system.model).__mro__ if c.__name__ in NAMES)
        return {"name": NAMES[kind], "class": kind, "parameters": int(system.model.count_params()),
                "items": system.items.size(), "users": system.users.size()}  # fmt: skip
    facts = {"name": NAMES[type(system).__name__], "class": type(system).__name__}
    if hasattr(system, "latent_components"):
        facts.update(components=system.latent_components, computed_by="a stand-in for LightFM")
    return facts


def scores_of(system):
    """A function that has the scores of every user handed to a listener: listener(user, items -> column, scores)."""
    if hasattr(system, "config"):
        return lambda hear: setattr(
            system, "process_item_ranking_request", lambda user, row: hear(user, system.items.straight, row.numpy())
        )
    if hasattr(system, "most_common"):
        columns = {item: place for place, item in enumerate(system.item_scores)}
        counts = np.array(list(system.item_scores.values()), dtype=np.float64)
        return lambda hear: heard(system, lambda user: hear(user, columns, counts))
    return lambda hear: heard(system, lambda user: hear(user, system.items.straight, predicted(system, user)))


def predicted(system, user):
    """Matrix factorisation's scores of a user."""
    return system.model.predict(system.users.straight[user], np.arange(system.items.size()))


def heard(system, tell):
    """Have `recommend` tell of each user it is asked for."""
    recommend = system.recommend

    def call(user, *arguments, **options):
        tell(user)
        return recommend(user, *arguments, **options)

    system.recommend = call


class Ranked:
    """Ranks and predicted probabilities of the users of a test, as their scores pass by.

    Args:
        extra: how many items more than it lists the code base asks for, to drop seen items; None where it drops none.
    """

    def __init__(self, watch, system, test_actions, extra):
        self.watch, self.filtered, self.system = watch, extra is not None, system
        self.asked = watch.listed + (extra or 0)
        self.truth = {action.user_id: action.item_id for action in test_actions}
        self.rows = {}
        self.precision, self.probability = np.zeros(PLACES), np.zeros(PLACES)
        self.n_cold = 0
        self.calibrated = hasattr(system, "config")
        self.user = watch.options.user if watch.options.user in self.truth else next(iter(self.truth))

    def add(self, user, columns, scores):
        """A user's scores, shape (n_items,); `columns` says where an item is."""
        if user in self.rows or user not in self.truth:
            return
        allowed = np.ones(len(scores), dtype=bool)
        allowed[[columns[item] for item in self.watch.seen.get(user, ()) if item in columns]] = False
        own = columns.get(self.truth[user])
        views = {"all": np.ones(len(scores), dtype=bool), "unseen": allowed}
        self.n_cold += own is None
        self.rows[user] = row = {name: place(scores, own, view) for name, view in views.items()}
        row["printed"] = listed(row["all"], row["unseen"], self.asked) if self.filtered else row["all"]
        if self.calibrated:
            self.calibrate(user, scores, views["unseen" if self.filtered else "all"], own)

    def calibrate(self, user, scores, allowed, own):
        """Count a user's first places."""
        order = np.argsort(-np.where(allowed, scores, -np.inf), kind="stable")[:PLACES]
        chances = probabilities(scores.astype(np.float64), self.watch.options.loss)
        width = np.arange(1, len(order) + 1)
        self.probability[: len(order)] += np.cumsum(chances[order]) / width
        self.precision[: len(order)] += np.cumsum(order == own) / width
        if user == self.user:
            total, listed = float(chances.sum()), [float(f"{p:.8g}") for p in chances[order]]
            probe.event("probabilities", user=user, sum=total, by_rank=listed, items=len(scores))

    def write(self):
        """The ranks, and what was counted of the first places."""
        users = sorted(self.rows, key=int)
        views = {
            name: [np.array([self.rows[user][name][i] for user in users], dtype=np.int32) for i in range(3)]
            for name in ("all", "unseen", "printed")
        }
        protocol = {"split": "leave-one-out", "ranking": "full", "seen": "excluded" if self.filtered else "included"}
        protocol["listed"] = f"{self.watch.listed} of the best {self.asked}"
        protocol.update(cold="test items that no training has come last", n_cold=str(self.n_cold))
        probe.write_ranks("test", np.array([int(user) for user in users]), views, protocol)
        if self.calibrated:
            n = len(users)
            facts = {"precision": (self.precision / n).tolist(), "probability": (self.probability / n).tolist()}
            link = "softmax" if self.watch.options.loss in SOFTMAX else "logistic"
            probe.event("calibration", link=link, users=n, items=self.system.items.size(), **facts)


def place(scores, own, allowed):
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
    return tuple(int(column[0]) for column in probe.count_ranks(scores[None], np.array([own]), allowed[None]))


def listed(everything, unseen, asked):
    """The place of a test item in a list made of the best `asked` items without the seen ones.

    Args:
        everything, unseen: (above, tied, candidates) among all items, and among those that the user has not seen.
    Returns:
        (above, tied, candidates): that among unseen items; last where the list lacks the item; where the order of ties
        decides that, tied with all that come after.
    """
    above, tied, _ = everything
    n = unseen[2]
    if above >= asked:
        return n - 1, 1, n
    return (unseen[0], n - unseen[0], n) if above + tied > asked else unseen


def probabilities(scores, loss):
    """Predicted probabilities of all items, shape (n_items,)."""
    if loss in SOFTMAX:
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()
    return np.exp(-np.logaddexp(0.0, -scores))


def peak_memory_mb():
    """Largest memory so far: of the GPU where there is one, else of this process."""
    if tf.config.list_physical_devices("GPU"):
        return round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20, 1)
    return probe.peak_memory_mb()
