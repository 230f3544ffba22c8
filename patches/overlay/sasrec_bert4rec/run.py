"""One system of the code base of Klenitskiy and Vasilev 2023, trained and tested by its own script.

    python -m harness_overlay.sasrec_bert4rec.run --data FILE --dataset NAME --out FOLDER --model sasrec --loss ce-all

Runs in the code base's source tree. The arguments become the words of the script's command line, see `words`. A loss
is the code base's own if it has it with these options (bce, ce-all and sampled-ce, with BERT4Rec mlm-ce), otherwise
the overlay's. Files are written only below FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import sys
from collections.abc import Sequence

from .. import popularity, probe
from ..losses.named import LossError, parse_options
from . import bpr_mf, home, pairs
from .pairs import RunError

CONFIGS = {"sasrec": "SASRec", "gru4rec": "RNN", "bert4rec": "BERT4Rec"}
WIDTH = {"sasrec": ("hidden_units",), "gru4rec": ("input_size", "hidden_size"), "bert4rec": ("hidden_size",)}
OWN = {"bce": {"k"}, "sampled-ce": {"k"}, "ce-all": set[str](), "mlm-ce": set[str]()}
OF_MASKED = ("ce-all", "mlm-ce")  # the code base's loss for BERT4Rec
STOPPED = 143  # the status of a process that SIGTERM ended
SWITCH = {"on": "true", "off": "false"}


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description="one system of sasrec-bert4rec", allow_abbrev=False)
    parser.add_argument("--data", required=True, help="file with a line `user item` per interaction, oldest first")
    parser.add_argument("--dataset", required=True, help="its name, for the record")
    parser.add_argument("--out", required=True, help="folder to write to; must be there")
    parser.add_argument("--model", required=True, choices=[*CONFIGS, "bpr-mf", "popularity"])
    parser.add_argument("--loss", default="ce-all", help="a name, or path/to/file.py:function")
    parser.add_argument("--loss_options", default="", help="such as k=256,t=0.75")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=100, help="at most so many")
    parser.add_argument("--patience", type=int, default=10, help="epochs without a better validation NDCG@10")
    parser.add_argument("--sequence", type=int, default=50, help="items of a user that are looked at")
    parser.add_argument("--hidden", type=int, default=64, help="size of the hidden states")
    parser.add_argument("--validation", type=int, default=10000, help="users of a validation, drawn once")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw negatives: changes what is drawn")
    parser.add_argument("--last_step", choices=SWITCH, default="on", help="score the last step alone in predictions")
    parser.add_argument("--labelled_only", choices=SWITCH, default="on", help="score labelled positions alone")
    parser.add_argument("--iterations", type=int, default=100, help="of BPR-MF")
    parser.add_argument("--threads", type=int, default=1, help="of BPR-MF")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    return parser.parse_args(arguments)


def words(options: argparse.Namespace) -> list[str]:
    """The command line of the code base's script: words for the paper's settings, then those of the patches.

    Raises:
        LossError: invalid options of a loss.
    """
    given = parse_options(options.loss_options)
    own = set(given) <= OWN.get(options.loss, {"never"}) and (options.model != "bert4rec" or options.loss in OF_MASKED)
    found = [f"--config-name={CONFIGS[options.model]}", f"data_path={json.dumps(options.data)}"]
    found.append(f"dataset.max_length={options.sequence}")
    if own and options.loss == "bce":
        found += ["+seqrec_module.loss=bce", f"+dataset.num_negatives={given.get('k', 1)}"]
        found.append("dataset.full_negative_sampling=True")
    if own and options.loss == "sampled-ce":
        found.append(f"+dataset.num_negatives={given.get('k', 3000)}")
    found += [f"model_params.{name}={options.hidden}" for name in WIDTH[options.model]]
    found += [f"dataloader.validation_size={options.validation}", f"dataloader.num_workers={options.workers}"]
    found += [f"trainer_params.max_epochs={options.epochs}", f"patience={options.patience}"]
    found += [f"+trainer_params.accelerator={options.device}", f"+seed={options.seed}"]
    found.append(f"cuda_visible_devices={json.dumps(os.environ.get('CUDA_VISIBLE_DEVICES', '0'))}")
    found += [f"+harness.{name}={SWITCH[getattr(options, name)]}" for name in ("last_step", "labelled_only")]
    if not own:
        custom = {"loss": options.loss, "loss_options": options.loss_options}
        found += [f"+harness.{name}={json.dumps(value)}" for name, value in custom.items()]
    return found


def check(options: argparse.Namespace, sequences: dict[int, list[int]]) -> None:
    """Refuse settings on which the code base fails during training.

    Raises:
        RunError: more different negatives than items, or a last batch of one user, whose axes its losses drop.
    """
    n_items, batch = len({item for items in sequences.values() for item in items[:-2]}), 128
    k = parse_options(options.loss_options).get("k", 3000)
    if options.loss == "sampled-ce" and (not isinstance(k, int) or k >= n_items):
        raise RunError(f"k: expected a whole number below {n_items}, the items of the training, got {k!r}")
    if options.loss in ("bce", "sampled-ce") and len(sequences) % batch == 1:
        what = f"{len(sequences)} users leave a last batch of one, which this code base's losses cannot take"
        raise RunError(f"{what}: leave out a user")


def train_and_test(options: argparse.Namespace, sequences: dict[int, list[int]]) -> None:
    """Run the code base's script; its exception is reported as the fault of the run."""
    check(options, sequences)
    script = home.prepare(os.getcwd(), options.out)
    sys.argv = [script, *words(options)]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code:  # the fault has already been reported
            raise
        probe.event("fault", reason="stopped by a signal before its test")  # Lightning ends with status 0 then
        raise SystemExit(STOPPED) from end
    except Exception as error:
        probe.event("fault", reason=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and report; an invalid request ends the process with status 1 and one line."""
    options = parsed(arguments)
    options.data, options.out = os.path.abspath(options.data), os.path.abspath(options.out)
    try:
        sequences = pairs.read(options.data)
        if options.model == "popularity":
            path = os.path.join(options.out, "sequences.txt")
            pairs.write_sequences(sequences, path)
            popularity.main(["--data", path, "--name", options.dataset])
        elif options.model == "bpr-mf":
            bpr_mf.train_and_test(sequences, options.seed, options.iterations, options.threads)
        else:
            train_and_test(options, sequences)
    except (RunError, LossError) as fault:
        probe.event("fault", reason=str(fault))
        sys.exit(f"harness: {fault}")


if __name__ == "__main__":
    main()
