"""A minimal recommender: item embeddings and a GRU, two epochs, ranks of every user's last item."""

import argparse
from pathlib import Path

import numpy as np
import torch
from harness_overlay import probe, probe_torch
from harness_overlay.losses import chosen_torch
from harness_overlay.proof import in_torch as proof
from harness_overlay.training import Training

LENGTH, WIDTH, BATCH = 6, 8, 16


def read(path: str) -> tuple[np.ndarray, torch.Tensor]:
    """Users, and the last LENGTH + 1 items of each, padded with 0 on the left."""
    rows = [[int(word) for word in line.split()] for line in Path(path).read_text().splitlines()]
    items = [([0] * LENGTH + row[1:])[-LENGTH - 1 :] for row in rows]
    return np.array([row[0] for row in rows]), torch.tensor(items)


class Net(torch.nn.Module):
    """Hidden states of sequences."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.items = torch.nn.Embedding(rows, WIDTH, padding_idx=0)
        self.gru = torch.nn.GRU(WIDTH, WIDTH, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, L, D) of (B, L)."""
        return self.gru(self.items(inputs))[0]


def main() -> None:
    """Train, rank, report."""
    parser = argparse.ArgumentParser()
    for name in ("--data", "--out", "--model", "--loss", "--loss_options", "--start"):
        parser.add_argument(name, default="")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--careless", action="store_true", help="drop the options, as a wrong patch would")
    parser.add_argument("--still", action="store_true", help="take no step, as after a wrong patch")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    users, items = read(args.data)
    net = Net(int(items.max()) + 1)
    if args.start:
        net.load_state_dict(torch.load(args.start))
    probe_torch.describe(net, args.model, args.start or None)
    training = Training(probe_torch.weights(net))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    chosen = chosen_torch.choose(args.loss, "" if args.careless else args.loss_options, (0,), args.seed)
    known, targets = items[:, :-2], items[:, 1:-1]
    for epoch in range(args.epochs):
        for start in range(0, len(users), BATCH):
            part = slice(start, start + BATCH)
            hidden, goals = net(known[part]), targets[part]
            loss = chosen(hidden, net.items.weight, goals, goals > 0, known[part])
            if epoch == start == 0:
                proof.first_batch(loss, hidden, net.items.weight, goals, chosen=chosen)
            optimizer.zero_grad()
            if args.still:
                continue
            loss.backward()
            optimizer.step()
        last = float(loss.detach())
        probe.event("epoch", epoch=epoch, loss=last, metric="loss", value=last)
        training.epoch_ends(last, probe_torch.weights(net))
    report(net, users, items, args.epochs)


def report(net: Net, users: np.ndarray, items: torch.Tensor, epochs: int) -> None:
    """Ranks of the last items among all, and the metrics that follow."""
    with torch.no_grad():
        scores = (net(items[:, 1:-1])[:, -1] @ net.items.weight.T).numpy()
    allowed = np.broadcast_to(np.arange(scores.shape[1]) > 0, scores.shape)
    triple = probe.count_ranks(scores, items[:, -1].numpy(), allowed)
    probe.write_ranks("test", users, {"printed": triple}, {"split": "test", "ranking": "full", "seen": "kept"})
    probe.event("printed", split="test", metrics={"HIT@10": f"{(triple[0] < 10).mean():.4f}"})
    probe.event("end", epochs=epochs, best_epoch=epochs - 1, peak_memory_mb=probe_torch.peak_memory_mb())


main()
