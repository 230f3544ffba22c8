"""A configuration of the gsasrec code base as its README asks for one: SASRec with BCE, small, seeded; for the control.

It is imported by the code base's own run_experiment.py. Values are those of the run it is compared with.
"""

from __future__ import annotations

import os
import queue
import random
import types

import sitecustomize
import tensorflow as tf
from aprec.evaluation import evaluate_recommender
from aprec.evaluation.configs.gsasrec import common_benchmark_config as common
from aprec.evaluation.split_actions import LeaveOneOut
from aprec.recommenders.filter_seen_recommender import FilterSeenRecommender
from aprec.recommenders.recommender import Recommender
from aprec.recommenders.sequential.model_trainier import ModelTrainer

SEED, EPOCHS, N_USERS, LISTED = 42, int(os.environ["EPOCHS"]), 1340, 533
common.SEQUENCE_LENGTH = 20

DATASET = "BERT4rec.beauty"
USERS_FRACTIONS = [1.0]
METRICS = common.METRICS
N_VAL_USERS = 128
RECOMMENDATIONS_LIMIT = LISTED
SPLIT_STRATEGY = LeaveOneOut(N_USERS)
evaluate_recommender.ForkProcess = sitecustomize.Here
evaluate_recommender.ForkContext = lambda: types.SimpleNamespace(Queue=queue.Queue)
evaluate_recommender.RecommendersEvaluator.log_result_to_tensorboard = lambda *_: None
ModelTrainer.log_to_tensorboard = lambda *_: None
Recommender.save = lambda *_: None


class Seeded:
    """The order of each epoch's users."""

    def __init__(self, make):
        self.make, self.count = make, 0

    def __call__(self):
        random.seed(f"{SEED} {self.count}")
        self.count += 1
        return self.make()


def sasrec():
    """SASRec with BCE and one negative."""
    tf.keras.utils.set_random_seed(SEED)
    built = common.vanilla_sasrec()
    built.config.train_epochs, built.config.early_stop_epochs = EPOCHS, 200
    built.config.validation_batch_size = 128
    built.config.data_generator_processes, built.config.data_generator_queue_size = 1, 2
    built.config.sequence_splitter = Seeded(built.config.sequence_splitter)
    return FilterSeenRecommender(built)


RECOMMENDERS = {"sasrec": sasrec}
random.seed(SEED)
