"""One system of the PyTorch port of gSASRec, trained and tested by the port's own scripts.

    python -m harness_overlay.gsasrec_torch.run --data FILE --dataset NAME --out FOLDER --model sasrec --loss gbce

Runs in the port's source tree. Its configurations are Python files; here one is made from these arguments, with the
network of its configuration for MovieLens-1M. train_gsasrec.py is run on it, then evaluate_gsasrec.py on the test
split with the best weights that the former saved; with `--checkpoint` there is no training, and those
weights are tested. Everything is seeded, and files are written only below FOLDER. `bce` is the port's loss with t = 0,
petrov2023 eq. 7; it has no other loss than gBCE.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import runpy
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import popularity, probe
from ..arguments import training_parser
from ..losses.named import LossError, parse_options
from . import home
from . import split as splits
from .split import PortError

MODELS = ("sasrec", "popularity")
DEFAULTS: dict[str, dict[str, Any]] = {"bce": {"k": 1}, "gbce": {"k": 256, "t": 0.75}}
NETWORK = {"embedding_dim": 128, "num_heads": 1, "num_blocks": 2, "dropout_rate": 0.5}  # of its config_ml1m.py


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = training_parser(
        "one system of the PyTorch port of gSASRec", models=MODELS,
        data="file with a line `user item` per interaction, oldest first", dataset="what the port is to call it",
    )  # fmt: skip
    parser.add_argument("--loss", default="bce", choices=sorted(DEFAULTS))
    parser.add_argument("--checkpoint", default="", help="weights to test; nothing is trained")
    parser.add_argument("--batches", type=int, default=100, help="at most so many batches in an epoch")
    parser.add_argument("--user", type=int, default=963, help="whose predicted probabilities are reported")
    return parser.parse_args(arguments)


def chosen(options: argparse.Namespace, n_items: int) -> dict[str, Any]:
    """Options of the loss: its defaults, replaced by the values given.

    Raises:
        PortError: an option that the loss does not have, or an impossible value.
    """
    known = DEFAULTS[options.loss]
    try:
        given = parse_options(options.loss_options)
    except LossError as fault:
        raise PortError(str(fault)) from None
    for name in given:
        if name not in known:
            raise PortError(f"{options.loss} has no option {name!r}; it has: {', '.join(known)}")
    used = {**known, **given}
    if not isinstance(used["k"], int) or not 1 <= used["k"] < n_items:
        raise PortError(f"k: expected a whole number from 1 to {n_items - 1}, got {used['k']!r}")
    if "t" in used and not (isinstance(used["t"], int | float) and 0 <= used["t"] <= 1):
        raise PortError(f"t: expected a number from 0 to 1, got {used['t']!r}")
    return used


def train_and_test(options: argparse.Namespace, split: splits.Split, used: Mapping[str, Any]) -> None:
    """Write the data set's files, run the port's scripts, and report to the probe.

    Raises:
        PortError: no weights to test.
    """
    tree = os.getcwd()
    splits.write(split, os.path.join(options.out, "datasets", options.dataset))
    probe.event("split", users=len(split.users), items=split.n_items, validating=len(split.validating))
    home.prepare(tree, options.out)
    from .watch import Watch  # imports modules of the port

    configure(options, used)
    seed(options.seed)
    watch = Watch(options, split, used)
    watch.listen()
    weights = options.checkpoint or script(tree, "train_gsasrec.py")["best_model_name"]
    if weights is None:
        raise PortError("no epoch had a validation metric, so the port kept no weights")
    watch.test_begins()
    try:
        script(tree, "evaluate_gsasrec.py", "--checkpoint", weights)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        if not options.checkpoint:
            raise
        raise PortError(f"{weights}: no weights of this network: {' '.join(str(error).split())[:300]}") from error
    watch.end()


def configure(options: argparse.Namespace, used: Mapping[str, Any]) -> None:
    """Make the port's scripts read a configuration with these options, regardless of the given file."""
    import utils  # of the port
    from config import GSASRecExperimentConfig  # of the port

    config = GSASRecExperimentConfig(
        dataset_name=options.dataset, sequence_length=options.sequence, negs_per_pos=used["k"],
        gbce_t=used.get("t", 0.0), max_epochs=options.epochs, max_batches_per_epoch=options.batches,
        early_stopping_patience=options.patience, **NETWORK,
    )  # fmt: skip
    utils.load_config = lambda _path: config


def seed(number: int) -> None:
    """Seed all generators."""
    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def script(tree: str, name: str, *words: str) -> dict[str, Any]:
    """Run one of the port's scripts as `python NAME WORDS` would; return its global names."""
    sys.argv = [name, *words]
    return runpy.run_path(os.path.join(tree, name), run_name="__main__")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and report; an invalid request ends the process with status 1 and one line."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    options.checkpoint = options.checkpoint and os.path.abspath(options.checkpoint)
    try:
        users, sequences = splits.read(options.data)
        if options.model == "popularity":
            path = os.path.join(options.out, "sequences.txt")
            splits.write_sequences(users, sequences, path)
            popularity.main(["--data", path, "--name", options.dataset])
        else:
            split = splits.split(users, sequences, options.validation)
            train_and_test(options, split, chosen(options, split.n_items))
    except PortError as fault:
        probe.event("fault", reason=str(fault))
        sys.exit(f"harness: {fault}")


if __name__ == "__main__":
    main()
