"""Makes the bert4rec_repro code base importable, with substitutes for packages that an environment lacks.

Substitutes, in memory only:
    lightfm                          published as source only; see `aprec.mf`
    recommenders.svd, .recbole_...   modules of the code base that need scikit-learn and RecBole; no run here uses them
    ...b4vae_bert4rec                under TensorFlow: it needs PyTorch
    tensorflow, pandas, requests ... under PyTorch: imported but not needed by BERT4Rec-VAE
    b4rvae.datasets                  it downloads and reads data, which the code base passes directly
    torch.utils.tensorboard          its writer of event files, which are not used
"""

from __future__ import annotations

from typing import Any

from .. import stand_ins
from ..aprec import home, mf

VAE = "bert4rec-vae"
REPRO = "aprec.recommenders.bert4recrepro"
UNUSED = ("dateutil", "dateutil.parser", "mmh3", "pandas", "pytz", "requests", "tensorflow")  # by BERT4Rec-VAE


class NoWriter:
    """A writer of event files that writes nothing."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        pass

    def add_scalar(self, *_arguments: Any) -> None:
        """Write nothing."""

    def close(self) -> None:
        """There is nothing to close."""


def prepare(tree: str, model: str) -> None:
    """Install everything above for the checkout `tree`; must be called before a framework is imported.

    Raises:
        FileNotFoundError: `tree` is not a checkout of the code base.
    """
    home.settle_environment()
    stand_ins.install({"lightfm": {"LightFM": mf.LightFM}, **(beside_torch() if model == VAE else beside_tf())})
    home.importable(tree)


def beside_tf() -> dict[str, dict[str, Any]]:
    """Names and contents of the substitute modules under TensorFlow."""
    return {
        "aprec.recommenders.svd": {"SvdRecommender": object},
        f"{REPRO}.recbole_bert4rec": {"RecboleBERT4RecRecommender": object},
        f"{REPRO}.b4vae_bert4rec": {"B4rVaeBert4Rec": object},
    }


def beside_torch() -> dict[str, dict[str, Any]]:
    """Names and contents of the substitute modules under PyTorch; a user's hash keeps every user."""
    found: dict[str, dict[str, Any]] = {name: {} for name in UNUSED}
    found["mmh3"]["hash"] = lambda _text: 0
    found["b4rvae.datasets"] = {"dataset_factory": None}
    return {**found, "torch.utils.tensorboard": {"SummaryWriter": NoWriter}}
