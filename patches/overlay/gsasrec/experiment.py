"""The configuration of one system, from arguments, and the run of the code base's experiment code on it.

Reproducibility: `random` is seeded before the code base draws its validation users, all generators at the
start of the training process, and `random` again for each epoch's order of users, which one separate process draws
instead of eight concurrent ones. One run has one system, so it is trained in this process, where the code base forks
one for each system: TensorFlow has threads by then, and a fork of it may wait forever.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import queue
import random
import shutil
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from aprec.datasets import bert4rec_datasets, gowalla
from aprec.datasets.datasets_register import DatasetsRegister
from aprec.evaluation import evaluate_recommender, run_experiment
from aprec.evaluation.configs.gsasrec import common_benchmark_config as common
from aprec.recommenders import lightfm
from aprec.recommenders.filter_seen_recommender import FilterSeenRecommender
from aprec.recommenders.recommender import Recommender
from aprec.recommenders.sequential.model_trainier import ModelTrainer

from .. import probe
from ..aprec.experiment import EveryUser, note_exceptions, result_path
from ..losses import chosen_tf
from . import systems
from .watch import Watch

UNFILTERED = ("gowalla",)  # the code base's own configuration keeps seen items there
EXTRA = 200  # number of items that FilterSeenRecommender requests beyond the limit


class InProcess:
    """Instead of a process that the code base forks: its target is called directly in this one."""

    def __init__(self, target: Callable[..., Any], args: tuple[Any, ...] = ()) -> None:
        self.target, self.args = target, args

    def start(self) -> None:
        """Call the target."""
        self.target(*self.args)

    def join(self) -> None:
        """Return: the target has ended."""


class Evaluator(evaluate_recommender.RecommendersEvaluator):
    """The code base's evaluator; requests at most as many recommendations as items, and writes no event files."""

    watch: Watch | None = None
    recommendations_limit: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        n_items = len({action.item_id for action in self.train})
        self.recommendations_limit = min(self.recommendations_limit, n_items - EXTRA)

    def evaluate_single_recommender(self, recommender_name: str, result_queue: Any) -> None:
        """Train and test one system."""
        if self.watch is not None:
            self.watch.begin(self.train, self.recommendations_limit)
        super().evaluate_single_recommender(recommender_name, result_queue)

    def log_result_to_tensorboard(self, evaluation_result: Any) -> None:
        """Write nothing."""


def run(options: argparse.Namespace) -> bool:
    """Whether the system was trained and tested."""
    watch = Watch(options) if probe.folder() else None
    rebind(options, watch)
    random.seed(options.seed)
    config = configuration(options, watch)
    with config.out_file:
        run_experiment.run_experiment(config)
    with open(result_path(options.out)) as file:
        (found,) = json.load(file)
    return options.model in found["recommenders"]


def rebind(options: argparse.Namespace, watch: Watch | None) -> None:
    """Rebind names of the code base: data folder, extra output files, use of other processes."""
    DatasetsRegister.get_dataset_file = staticmethod(lambda name: os.path.join(options.out, name + ".pickle"))
    bert4rec_datasets.download_file = lambda *_: options.data
    gowalla.prepare_data = lambda: gowalla_text(options)
    bert4rec_datasets.VALID_DATASETS.add(options.dataset)
    DatasetsRegister._all_datasets = {**DatasetsRegister._all_datasets, options.dataset: reader(options.dataset)}
    Recommender.save = lambda *_: None  # a checkpoint of gigabytes that is never loaded
    evaluate_recommender.compress_async = lambda *_: None
    evaluate_recommender.ForkProcess = InProcess
    evaluate_recommender.ForkContext = lambda: types.SimpleNamespace(Queue=queue.Queue)
    ModelTrainer.log = ModelTrainer.log_to_console  # epochs are only logged
    lightfm.LightFM.default_seed = options.seed
    Evaluator.watch = watch
    run_experiment.RecommendersEvaluator = Evaluator
    if watch is not None:
        listener = watch
        evaluate_recommender.evaluate_recommender = watch.watched(evaluate_recommender.evaluate_recommender)
        ModelTrainer.log = lambda trainer, epoch: listener.log(trainer, epoch)


def reader(dataset: str) -> Callable[[], Any]:
    """The reader of a data set, by the code base's own parsers."""
    if dataset == "gowalla":
        found: Callable[[], Any] = DatasetsRegister._all_datasets["gowalla_warm5"]
        return found
    return lambda: bert4rec_datasets.get_bert4rec_dataset(dataset)


def gowalla_text(options: argparse.Namespace) -> str:
    """The check-ins, unpacked below the output folder; the code base unpacks next to the file, which is read-only."""
    path = os.path.join(options.out, "gowalla.txt")
    with gzip.open(options.data) as packed, open(path, "wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


def configuration(options: argparse.Namespace, watch: Watch | None) -> Any:
    """The attributes that the code base expects of a configuration file."""
    common.SEQUENCE_LENGTH = options.sequence
    return types.SimpleNamespace(
        DATASET=options.dataset,
        USERS_FRACTIONS=common.USERS_FRACTIONS,
        METRICS=common.METRICS,
        N_VAL_USERS=options.validation,
        RECOMMENDATIONS_LIMIT=options.listed,
        SPLIT_STRATEGY=EveryUser(),
        RECOMMENDERS={options.model: lambda: recommender(options, watch)},
        out_file=open(result_path(options.out), "w"),
        out_dir=options.out,
        global_tensorboard_dir=Path(tempfile.mkdtemp(dir=options.out)),
    )


def recommender(options: argparse.Namespace, watch: Watch | None) -> Any:
    """The system, seeded; called in the process that trains it."""
    tf.keras.utils.set_random_seed(options.seed)
    built = systems.build(options, watch)
    note_exceptions(built, options.out, describe=lambda error: described(error, options))
    return built if options.dataset in UNFILTERED else FilterSeenRecommender(built)


def described(error: BaseException, options: argparse.Namespace) -> str:
    """An exception in one line; with the custom loss if the error comes from its file."""
    file, _, name = options.loss.rpartition(":")
    return chosen_tf.described(error, f"{os.path.basename(file)}:{name}", file)
