"""Stand-ins for what the code base imports and an environment lacks, for the control; nothing of the overlay.

Python imports this before anything else, where its folder is on PYTHONPATH.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_ENABLE_ONEDNN_OPTS="0", TF_CPP_MIN_LOG_LEVEL="2")


class NoWriter:
    """A writer of event files that writes none."""

    def __init__(self, *_arguments):
        pass

    def add_scalar(self, *_arguments):
        """Nothing."""

    def close(self):
        """Nothing."""


def stand_in(name, **content):
    """Put a module into place."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(content)
    sys.modules[name] = module


stand_in("lightfm", LightFM=object)
if os.environ.get("SYSTEM") == "vae":
    for absent in ("dateutil", "dateutil.parser", "pandas", "pytz", "requests", "tensorflow"):
        stand_in(absent)
    stand_in("mmh3", hash=lambda _text: 0)
    stand_in("torch.utils.tensorboard", SummaryWriter=NoWriter)
    stand_in("b4rvae.datasets", dataset_factory=None)
else:
    stand_in("aprec.recommenders.svd", SvdRecommender=object)
    stand_in("aprec.recommenders.bert4recrepro.recbole_bert4rec", RecboleBERT4RecRecommender=object)
    stand_in("aprec.recommenders.bert4recrepro.b4vae_bert4rec", B4rVaeBert4Rec=object)
