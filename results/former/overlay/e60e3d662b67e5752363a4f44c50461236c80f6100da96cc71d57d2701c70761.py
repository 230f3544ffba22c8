"""One system of the PyTorch port of gSASRec, trained and tested by the port's own scripts.

    python -m harness_overlay.port_run --data FILE --dataset NAME --out FOLDER --model sasrec --loss gbce

Runs in the port's source tree. Its configurations are Python files; here one is made from these arguments, with the
network of those that it ships for MovieLens-1M. train_gsasrec.py is run on it, then evaluate_gsasrec.py on the test
split with the weights that the former saved last, its best; with `--checkpoint` there is no training, and those
weights are tested. Everything is seeded, and nothing is written but below FOLDER. `bce` is the port's loss with t = 0,
petrov2023 eq. 7; it has no other loss than gBCE.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import runpy
import sys

import numpy as np

from . import popularity, port_home, port_split, probe
from .own_loss import LossError, parse_options
from .port_split import PortError

MODELS = ("sasrec", "popularity")
DEFAULTS = {"bce": {"k": 1}, "gbce": {"k": 256, "t": 0.75}}
NETWORK = {"embedding_dim": 128, "num_heads": 1, "num_blocks": 2, "dropout_rate": 0.5}  # of its config_ml1m.py


def parsed(arguments=None):
    """The arguments."""
    parser = argparse.ArgumentParser(description="one system of the PyTorch port of gSASRec", allow_abbrev=False)
    parser.add_argument("--data", required=True, help="file with a line `user item` per interaction, oldest first")
    parser.add_argument("--dataset", required=True, help="what the port is to call it")
    parser.add_argument("--out", required=True, help="folder to write to; must be there")
    parser.add_argument("--model", required=True, choices=MODELS)
    parser.add_argument("--loss", default="bce", choices=sorted(DEFAULTS))
    parser.add_argument("--loss_options", default="", help="such as k=256,t=0.75")
    parser.add_argument("--checkpoint", default="", help="weights to test; nothing is trained")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10000, help="at most so many")
    parser.add_argument("--patience", type=int, default=200, help="epochs without a better validation NDCG@10")
    parser.add_argument("--sequence", type=int, default=200, help="items of a user that are looked at")
    parser.add_argument("--batches", type=int, default=100, help="at most so many batches in an epoch")
    parser.add_argument("--validation", type=int, default=512, help="users held out for validation")
    parser.add_argument("--user", type=int, default=963, help="whose predicted probabilities are reported")
    return parser.parse_args(arguments)


def chosen(options, n_items):
    """Options of the loss: its defaults, changed by those that were given.

    Raises:
        PortError: an option that it does not have, or a value that cannot be.
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


def train_and_test(options, split, used):
    """Hand the data set over, run the port's scripts and tell the probe."""
    tree = os.getcwd()
    port_split.write(split, os.path.join(options.out, "datasets", options.dataset))
    probe.event("split", users=len(split.users), items=split.n_items, validating=len(split.validating))
    port_home.prepare(tree, options.out)
    import torch
    import utils  # of the port
    from config import GSASRecExperimentConfig  # of the port

    from . import port_watch

    config = GSASRecExperimentConfig(
        dataset_name=options.dataset, sequence_length=options.sequence, negs_per_pos=used["k"],
        gbce_t=used.get("t", 0.0), max_epochs=options.epochs, max_batches_per_epoch=options.batches,
        early_stopping_patience=options.patience, **NETWORK,
    )  # fmt: skip
    utils.load_config = lambda _path: config
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    watch = port_watch.Watch(options, split, used)
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


def script(tree, name, *words):
    """Run one of the port's scripts as `python NAME WORDS` would; the names that it leaves."""
    sys.argv = [name, *words]
    return runpy.run_path(os.path.join(tree, name), run_name="__main__")


def main(arguments=None):
    """Train, test and tell; what cannot be run ends the process with status 1 and one line."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    options.checkpoint = options.checkpoint and os.path.abspath(options.checkpoint)
    try:
        users, sequences = port_split.read(options.data)
        if options.model == "popularity":
            path = os.path.join(options.out, "sequences.txt")
            port_split.write_sequences(users, sequences, path)
            popularity.main(["--data", path, "--name", options.dataset])
        else:
            split = port_split.split(users, sequences, options.validation)
            train_and_test(options, split, chosen(options, split.n_items))
    except PortError as fault:
        probe.event("fault", reason=str(fault))
        sys.exit(f"harness: {fault}")


if __name__ == "__main__":
    main()
