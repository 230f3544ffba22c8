"""One system of the bert4rec_repro code base, trained and tested by the code base's own experiment code.

    python -m harness_overlay.bert4rec_repro.run --data FILE --dataset ID --out FOLDER --model sasrec --loss bce

Runs in the source tree of the code base. Its configurations are Python files that train one system after the other in
one process, continue after an exception, and end with status 0; here one process has one system. FILE is what the code
base would download for ID: `user item` a line in time order, or GroupLens' archive for `ml-20m`. BERT4Rec-VAE is
third-party PyTorch code, a package `b4rvae` next to the code base, and needs an environment with PyTorch; TensorFlow is
not imported then. No socket is opened, and files are written only below FOLDER.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import probe
from ..aprec import FEED_FORWARD
from ..arguments import training_parser
from . import home

MODELS = ("sasrec", "bert4rec-hf", home.VAE, "popularity", "mf-bpr")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = training_parser(
        "one system of the bert4rec_repro code base", models=MODELS, data="the data set's file",
        dataset="ml-20m, or the name of a file in the BERT4Rec format",
    )  # fmt: skip
    parser.add_argument("--loss", default="", help="bce, ce-all, mlm-ce, ..., or file.py:function")
    parser.add_argument("--limit_s", type=float, default=0, help="seconds after which training stops, 0 for no limit")
    parser.add_argument("--listed", type=int, default=900, help="recommendations for each user; MRR is cut there")
    parser.add_argument(
        "--sampled", type=int, default=101, help="candidates of the sampled ranking, drawn by popularity"
    )
    parser.add_argument("--scoring", choices=("blocks", "single"), default="blocks", help="users scored in one call")
    parser.add_argument("--feed_forward", choices=FEED_FORWARD, default="released", help="width of BERT4Rec-hf's")
    parser.set_defaults(sequence=50, validation=2048)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and report; the process ends with status 1 if the code base caught an exception and continued."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    home.prepare(os.getcwd(), options.model)
    from ..aprec.experiment import reason
    from . import experiment  # imports the code base

    if not experiment.run(options):
        text = "the code base caught an exception and went on without this system; see the log"
        probe.event("fault", reason=reason(options.out) or text)
        sys.exit(f"harness: {text}")


if __name__ == "__main__":
    main()
