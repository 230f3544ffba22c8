"""The configuration of one system, from arguments, and the run of the code base's experiment code on it.

Reproducibility: `random` is seeded before the code base draws its validation users, and all generators
where the system is built. The items of the sampled ranking are drawn in between, by a generator that the code base
seeds itself, so they are the same for every run. No framework is imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import types
import zipfile
from collections.abc import Callable
from typing import Any

from aprec.datasets import bert4rec_datasets, movielens20m
from aprec.datasets.datasets_register import DatasetsRegister
from aprec.evaluation import evaluate_recommender, run_experiment
from aprec.evaluation.metrics.hit import HIT
from aprec.evaluation.metrics.map import MAP
from aprec.evaluation.metrics.mrr import MRR
from aprec.evaluation.metrics.ndcg import NDCG
from aprec.evaluation.samplers.pop_sampler import PopTargetItemsSampler
from aprec.recommenders.filter_seen_recommender import FilterSeenRecommender

from ..aprec.experiment import EveryUser, note_exceptions, noted, raised_path, result_path
from . import home
from .watch import Watch

METRICS = (HIT(1), HIT(5), HIT(10), NDCG(5), NDCG(10), MRR(), HIT(4), NDCG(40), MAP(10))  # of its benchmark
RATINGS = "ml-20m/ratings.csv"


class Evaluator(evaluate_recommender.RecommendersEvaluator):
    """The code base's evaluator; requests at most as many recommendations as a user has unseen items."""

    watch: Watch
    recommendations_limit: int

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        seen: dict[str, set[str]] = {}
        for action in self.train:
            seen.setdefault(action.user_id, set()).add(action.item_id)
        n_items = len(set().union(*seen.values()))
        self.recommendations_limit = min(self.recommendations_limit, n_items - max(map(len, seen.values())))
        self.watch.begin(seen, self.test, self.recommendations_limit)


def run(options: argparse.Namespace) -> bool:
    """Whether the system was trained and tested."""
    watch = Watch(options)
    rebind(options, watch)
    random.seed(options.seed)
    with open(result_path(options.out), "w") as file:
        run_experiment.run_experiment(configuration(options, watch, file))
    with open(result_path(options.out)) as file:
        (found,) = json.load(file)
    return options.model in found["recommenders"]


def rebind(options: argparse.Namespace, watch: Watch) -> None:
    """Rebind names of the code base: data folder, extra output files and processes."""
    bert4rec_datasets.download_file = lambda *_: options.data
    bert4rec_datasets.VALID_DATASETS.add(options.dataset)
    movielens20m.prepare_data = lambda: None
    movielens20m.RATINGS_FILE = os.path.join(options.out, "ratings.csv")
    DatasetsRegister._all_datasets = {**DatasetsRegister._all_datasets, options.dataset: reader(options)}
    DatasetsRegister.get_from_cache = staticmethod(lambda name: DatasetsRegister._all_datasets[name])
    run_experiment.shell = lambda *_: None  # a script that compares systems; a run has one
    Evaluator.watch = watch
    run_experiment.RecommendersEvaluator = Evaluator
    evaluate_recommender.evaluate_recommender = watch.watched(evaluate_recommender.evaluate_recommender)


def reader(options: argparse.Namespace) -> Callable[[], Any]:
    """The reader of a data set, by the code base's own parsers."""
    if options.dataset != "ml-20m":
        return lambda: bert4rec_datasets.get_bert4rec_dataset(options.dataset)

    def read() -> Any:
        with zipfile.ZipFile(options.data) as archive:
            unpacked = archive.extract(RATINGS, options.out)
        shutil.move(unpacked, movielens20m.RATINGS_FILE)
        return movielens20m.get_movielens20m_actions(min_rating=0.0)

    return read


def configuration(options: argparse.Namespace, watch: Watch, file: Any) -> Any:
    """The attributes that the code base expects of a configuration file."""
    return types.SimpleNamespace(
        DATASET=options.dataset,
        USERS_FRACTIONS=[1.0],
        METRICS=METRICS,
        N_VAL_USERS=options.validation,
        RECOMMENDATIONS_LIMIT=options.listed,
        SPLIT_STRATEGY=EveryUser(),
        TARGET_ITEMS_SAMPLER=PopTargetItemsSampler(options.sampled),
        RECOMMENDERS={options.model: noted(lambda: recommender(options, watch), raised_path(options.out))},
        out_file=file,
        out_dir=options.out,
    )


def recommender(options: argparse.Namespace, watch: Watch) -> Any:
    """The system, seeded."""
    if options.model == home.VAE:
        from . import vae as systems
    else:
        from . import systems  # type: ignore[no-redef]
    built = systems.build(options, watch)
    filtered = FilterSeenRecommender(built)
    note_exceptions(built, options.out, ("rebuild_model",))
    note_exceptions(filtered, options.out, ("recommend_batch", "get_item_rankings"))
    return filtered
