"""Evaluation of released weights by the S3Rec code base; no training.

    python -m harness_overlay.s3rec.rescored --checkpoint FILE --model NAME [--all_positions] [arguments of the script]

Runs run_finetune_full.py, the code base's own script, in its patched source tree with no epoch to train. The script
builds data, network and trainer, reads the weights that it considers its best ones, and tests them by full ranking; the
probe in it writes the ranks. Its best weights are replaced by the released ones, under the names of the network
here. They are loaded strictly: a weight that is missing, unknown or of another shape ends the run. The ranks are
deterministic. Refused: a model whose released form is unknown.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from .. import probe, probe_torch

SCRIPT = "run_finetune_full.py"
OWN = "Finetune_full"  # prefix of the name of the script's best weights
# Prefixes of names in the released files -> names in models.py; the code base's own network needs no renaming.
GRU4REC = {"gru_layers.": "gru."}
SRGNN = {
    "gnn.w_ih": "from_messages.weight", "gnn.b_ih": "from_messages.bias",
    "gnn.w_hh": "from_node.weight", "gnn.b_hh": "from_node.bias",
    "gnn.b_iah": "edge_in_bias", "gnn.b_ioh": "edge_out_bias",
    "gnn.linear_edge_in.": "edge_in.", "gnn.linear_edge_out.": "edge_out.",
    "linear_one.": "attend_last.", "linear_two.": "attend_item.", "linear_three.": "attend_value.",
    "linear_transform.": "join.",
}  # fmt: skip
RENAMED: dict[str, dict[str, str]] = {"sasrec": {}, "s3rec": {}, "gru4rec": GRU4REC, "srgnn-as-released": SRGNN}


def own_names(weights: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Released weights under the names of our network.

    Raises:
        ValueError: two weights would get the same name.
    """
    named: dict[str, Any] = {}
    for released, tensor in weights.items():
        begins = [old for old in RENAMED[model] if released.startswith(old)]
        name = RENAMED[model][begins[0]] + released[len(begins[0]) :] if begins else released
        if name in named:
            raise ValueError(f"two weights for {name}, one of them {released}")
        named[name] = tensor
    return named


def describing(test: Callable[..., Any], model: str, checkpoint: str) -> Callable[..., Any]:
    """A trainer's `test` that first reports the network with its weights."""

    def describe_and_test(trainer: Any, *arguments: Any, **options: Any) -> Any:
        probe_torch.describe(trainer.model, model, checkpoint)
        return test(trainer, *arguments, **options)

    return describe_and_test


def run_script(words: Sequence[str]) -> None:
    """Run the script as `python run_finetune_full.py WORDS` would."""
    sys.argv = [SCRIPT, *words]
    runpy.run_path(SCRIPT, run_name="__main__")


def prepared(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the words for the script; the weights are where the script expects its best ones."""
    parser = argparse.ArgumentParser(description="released weights through the code base's own evaluation")
    parser.add_argument("--checkpoint", required=True, help="the released file")
    parser.add_argument("--model", required=True, choices=sorted(RENAMED))
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--data_name", required=True)
    options, others = parser.parse_known_args(arguments)
    weights = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    best = f"{OWN}-{options.data_name}-0.pt"
    torch.save(own_names(weights, options.model), os.path.join(options.output_dir, best))
    # The pre-trained network is SASRec's with other weights; under its own name it requires the pre-training file.
    network = "sasrec" if options.model == "s3rec" else options.model
    words = ["--output_dir", options.output_dir, "--data_name", options.data_name, "--model", network]
    return options, [*words, "--model_name", OWN, "--ckp", "0", "--epochs", "0", *others]


def main(arguments: Sequence[str] | None = None) -> None:
    """Load, rank, and report to the probe."""
    options, words = prepared(arguments)
    from trainers import FinetuneTrainer  # of the code base, in whose tree this runs

    FinetuneTrainer.test = describing(FinetuneTrainer.test, options.model, options.checkpoint)
    run_script(words)
    probe.event("end", epochs=None, best_epoch=None, peak_memory_mb=probe_torch.peak_memory_mb())


if __name__ == "__main__":
    main()
