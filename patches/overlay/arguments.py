"""Arguments that the entries of several code bases share: gsasrec, its PyTorch port and bert4rec_repro."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def training_parser(description: str, *, models: Sequence[str], data: str, dataset: str) -> argparse.ArgumentParser:
    """A parser for one system on one data set; the caller adds limits that differ between the code bases.

    Args:
        data, dataset: help texts of the two arguments.
    """
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--data", required=True, help=data)
    parser.add_argument("--dataset", required=True, help=dataset)
    parser.add_argument("--out", required=True, help="folder to write to; must be there")
    parser.add_argument("--model", required=True, choices=models)
    parser.add_argument("--loss_options", default="", help="such as k=256,t=0.75")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10000, help="at most so many")
    parser.add_argument("--patience", type=int, default=200, help="epochs without a better validation NDCG@10")
    parser.add_argument("--sequence", type=int, default=200, help="items of a user that are looked at")
    parser.add_argument("--validation", type=int, default=512, help="users held out for validation")
    return parser
