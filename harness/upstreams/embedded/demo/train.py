"""Train the model with early stopping and print its test metrics.

python train.py --data data.txt --out run --seed 42
"""
# mypy: ignore-errors

import argparse
import os

import data
import numpy as np
from evaluate import all_scores, exclude, metrics, ranks
from model import Adam, Model


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--window", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.02)
    return parser.parse_args()


def sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def bce(scores, targets, negatives):
    """Binary cross entropy with one negative per position: mean over positions, gradient by score."""
    rows = np.arange(len(targets))
    positive, negative = scores[rows, targets], scores[rows, negatives]
    value = np.mean(np.logaddexp(0.0, -positive) + np.logaddexp(0.0, negative))
    by_score = np.zeros_like(scores)
    by_score[rows, targets] -= sigmoid(-positive) / len(rows)
    by_score[rows, negatives] += sigmoid(negative) / len(rows)
    return value, by_score


class Trainer:
    def __init__(self, args):
        self.args = args
        self.rng = np.random.Generator(np.random.PCG64(args.seed))
        self.users, sequences = data.read(args.data)
        self.n_items = max(max(items) for items in sequences)
        self.train = [items[:-2] for items in sequences]
        self.splits = {
            "valid": (self.train, np.array([items[-2] for items in sequences])),
            "test": ([items[:-1] for items in sequences], np.array([items[-1] for items in sequences])),
        }
        self.inputs, self.targets, self.owners = data.examples(self.train, args.window)
        self.tables, self.counts = data.unseen_tables(self.train, self.n_items)
        self.model = Model(self.rng, self.n_items, args.dim, args.window)
        self.adam = Adam(self.model.parameters, args.rate)

    def loss(self, scores, targets, owners):
        negatives = data.sample_unseen(self.rng, self.tables, self.counts, owners, 1)[:, 0]
        value, by_score = bce(scores, targets, negatives)
        return value, by_score

    def epoch(self):
        """One pass over all users; the mean loss of its batches."""
        values = []
        for rows in data.batches(self.rng, self.owners, len(self.train), self.args.batch):
            inputs, targets, owners = self.inputs[rows], self.targets[rows], self.owners[rows]
            hidden = self.model.hidden(inputs)
            scores = self.model.scores(hidden)
            value, by_score = self.loss(scores, targets, owners)
            self.adam.step(self.model.parameters, self.model.gradients(inputs, hidden, by_score))
            values.append(value)
        return np.mean(values)

    def evaluate(self, split):
        histories, answers = self.splits[split]
        scores = all_scores(self.model, histories, self.args.window)
        kept = exclude(scores, histories)
        return metrics(ranks(kept, answers))


class Log:
    def __init__(self, path):
        self.path = path
        open(path, "w").close()

    def write(self, line):
        print(line, flush=True)  # noqa: T201
        with open(self.path, "a") as file:
            file.write(line + "\n")


def text(values):
    return " ".join(f"{name} {value:.4f}" for name, value in values.items())


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    log = Log(os.path.join(args.out, "log.txt"))
    trainer = Trainer(args)
    best, best_epoch, best_parameters = -1.0, -1, {}
    for epoch in range(args.epochs):
        loss = trainer.epoch()
        valid = trainer.evaluate("valid")
        log.write(f"epoch {epoch} loss {loss:.4f} valid {text(valid)}")
        if valid["NDCG@10"] > best:
            best, best_epoch = valid["NDCG@10"], epoch
            best_parameters = {name: value.copy() for name, value in trainer.model.parameters.items()}
        elif epoch - best_epoch >= args.patience:
            break
    trainer.model.parameters = best_parameters
    printed = text(trainer.evaluate("test"))
    log.write(f"best epoch {best_epoch}")
    log.write(f"test {printed}")


if __name__ == "__main__":
    main()
