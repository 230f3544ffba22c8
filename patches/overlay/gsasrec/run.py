"""One system of the gsasrec code base, trained and tested by the code base's own experiment code.

    python -m harness_overlay.gsasrec.run --data FILE --dataset ID --out FOLDER --model sasrec --loss gbce

Runs in the source tree of the code base. Its configurations are Python files; here one is built from these arguments,
with the code base's own builders, with limits for quick runs and with everything seeded. FILE is what the code base
would download for ID: `beauty`, `ml-1m` and `steam` are in the BERT4Rec format, `user item` a line in time order;
`gowalla` is the gzipped check-ins. No socket is opened, and files are written only below FOLDER.
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

MODELS = ("sasrec", "bert4rec", "popularity", "mf-bpr")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = training_parser(
        "one system of the gsasrec code base", models=MODELS, data="the data set's file",
        dataset="beauty, ml-1m, steam or gowalla: which format and protocol",
    )  # fmt: skip
    parser.add_argument("--loss", default="", help="bce, gbce, ssm, ce-all, mlm-ce, ..., or file.py:function")
    parser.add_argument("--batches", type=int, default=256, help="at most so many batches in an epoch")
    parser.add_argument("--listed", type=int, default=900, help="recommendations for each user; MRR is cut there")
    parser.add_argument("--feed_forward", choices=FEED_FORWARD, default="released", help="width of BERT4Rec's")
    parser.add_argument("--user", default="963", help="whose predicted probabilities are reported")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and report; the process ends with status 1 if the code base caught an exception and continued."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    home.prepare(os.getcwd())
    from ..aprec.experiment import reason
    from . import experiment  # imports the code base and TensorFlow

    if not experiment.run(options):
        text = "the code base caught an exception and went on without this system; see the log"
        probe.event("fault", reason=reason(options.out) or text)
        sys.exit(f"harness: {text}")


if __name__ == "__main__":
    main()
