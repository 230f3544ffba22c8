"""One system of the gsasrec code base, trained and tested by the code base's own experiment code.

    python -m harness_overlay.aprec_run --data FILE --dataset ID --out FOLDER --model sasrec --loss gbce

Runs in the source tree of the code base. Its configurations are Python files; here one is put together from these
arguments, out of the code base's own builders, with limits for quick runs and everything seeded. FILE is what the code
base would download for ID: `beauty`, `ml-1m` and `steam` are of the BERT4Rec format, `user item` a line in time order;
`gowalla` is the gzipped check-ins. No socket is opened, and nothing is written but below FOLDER.
"""

from __future__ import annotations

import argparse
import os
import sys

from . import aprec_home, probe

MODELS = ("sasrec", "bert4rec", "popularity", "mf-bpr")


def parsed(arguments=None):
    """The arguments."""
    parser = argparse.ArgumentParser(description="one system of the gsasrec code base", allow_abbrev=False)
    parser.add_argument("--data", required=True, help="the data set's file")
    parser.add_argument("--dataset", required=True, help="beauty, ml-1m, steam or gowalla: which format and protocol")
    parser.add_argument("--out", required=True, help="folder to write to; must be there")
    parser.add_argument("--model", required=True, choices=MODELS)
    parser.add_argument("--loss", default="", help="bce, gbce, ssm, ce-all, mlm-ce, ..., or file.py:function")
    parser.add_argument("--loss_options", default="", help="such as k=256,t=0.75")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10000, help="at most so many")
    parser.add_argument("--patience", type=int, default=200, help="epochs without a better validation NDCG@10")
    parser.add_argument("--sequence", type=int, default=200, help="items of a user that are looked at")
    parser.add_argument("--batches", type=int, default=256, help="at most so many batches in an epoch")
    parser.add_argument("--validation", type=int, default=512, help="users held out for validation")
    parser.add_argument("--listed", type=int, default=900, help="recommendations for each user; MRR is cut there")
    parser.add_argument("--user", default="963", help="whose predicted probabilities are reported")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Train, test and tell; the process ends with status 1 where the code base caught an exception and went on."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    aprec_home.prepare(os.getcwd())
    from . import aprec_experiment

    if not aprec_experiment.run(options):
        text = "the code base caught an exception and went on without this system; see the log"
        probe.event("fault", reason=aprec_experiment.reason(options) or text)
        sys.exit(f"harness: {text}")


if __name__ == "__main__":
    main()
