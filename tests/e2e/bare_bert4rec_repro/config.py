"""A configuration of the bert4rec_repro code base as its README asks for one: one system, small, seeded; for a control.

It is imported by the code base's own run_experiment.py. Values are those of the run it is compared with.
"""

from __future__ import annotations

import os
import random

from aprec.evaluation.metrics.hit import HIT
from aprec.evaluation.metrics.map import MAP
from aprec.evaluation.metrics.mrr import MRR
from aprec.evaluation.metrics.ndcg import NDCG
from aprec.evaluation.samplers.pop_sampler import PopTargetItemsSampler
from aprec.evaluation.split_actions import LeaveOneOut
from aprec.recommenders.filter_seen_recommender import FilterSeenRecommender

SEED, EPOCHS, SYSTEM, LENGTH = 42, int(os.environ["EPOCHS"]), os.environ["SYSTEM"], 20
DATASET = "BERT4rec.beauty"
USERS_FRACTIONS = [1.0]
METRICS = [HIT(1), HIT(5), HIT(10), NDCG(5), NDCG(10), MRR(), HIT(4), NDCG(40), MAP(10)]
N_VAL_USERS = 128
RECOMMENDATIONS_LIMIT = 100
SPLIT_STRATEGY = LeaveOneOut(1000)
TARGET_ITEMS_SAMPLER = PopTargetItemsSampler(101)


def limited(built):
    """The limits that the run has."""
    built.train_epochs, built.early_stop_epochs, built.training_time_limit, built.debug = EPOCHS, 200, None, True
    return built


def sasrec():
    """SASRec with BCE, trained as li2023's configuration trains it."""
    from aprec.evaluation.configs.bert4rec_repro_paper import common_benchmark_config as common

    common.HISTORY_LEN = LENGTH
    return limited(common.vanilla_sasrec())


def bert4rec():
    """BERT4Rec on Hugging Face's BERT."""
    from aprec.evaluation.configs.bert4rec_repro_paper import common_benchmark_config as common

    return limited(common.our_bert4rec(sequence_len=LENGTH))


def vae():
    """BERT4Rec-VAE, on a CPU."""
    from aprec.recommenders.bert4recrepro.b4vae_bert4rec import B4rVaeBert4Rec

    built = B4rVaeBert4Rec(epochs=EPOCHS)
    built.args.model_init_seed, built.args.bert_max_len, built.args.device, built.args.num_gpu = SEED, LENGTH, "cpu", 0
    return built


def recommender():
    """The system, seeded."""
    if SYSTEM != "vae":  # which seeds itself
        import tensorflow as tf

        tf.keras.utils.set_random_seed(SEED)
    return FilterSeenRecommender({"sasrec": sasrec, "bert4rec": bert4rec, "vae": vae}[SYSTEM]())


RECOMMENDERS = {"system": recommender}
random.seed(SEED)
