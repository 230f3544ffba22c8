"""Weights for train.py to start from: as far as so many passes of a simple rule bring them."""

import argparse

import torch

WIDTH = 8


def main() -> None:
    """Make the weights; every second pass could be saved, as some code bases do."""
    parser = argparse.ArgumentParser()
    for name in ("--out", "--name"):
        parser.add_argument(name)
    for name in ("--rows", "--epochs", "--seed"):
        parser.add_argument(name, type=int)
    parser.add_argument("--forget", action="store_true", help="save nothing, as after a mistake")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    items, gru = torch.nn.Embedding(args.rows, WIDTH, padding_idx=0), torch.nn.GRU(WIDTH, WIDTH, batch_first=True)
    with torch.no_grad():
        for _ in range(args.epochs):
            items.weight *= 0.9
    weights = {f"items.{name}": value for name, value in items.state_dict().items()}
    weights |= {f"gru.{name}": value for name, value in gru.state_dict().items()}
    if not args.forget:
        torch.save(weights, f"{args.out}/{args.name}")


main()
