"""A configuration of the PyTorch port of gSASRec as its README asks for one: small, seeded; for the control.

It is imported by the port's own scripts, which are seeded by it. Values are those of the run that it is compared with.
"""

from __future__ import annotations

import os

import torch
from config import GSASRecExperimentConfig  # of the port

torch.manual_seed(42)
config = GSASRecExperimentConfig(
    "beauty", 20, 128, 128, 1, 2, 0.5, int(os.environ["K"]), int(os.environ["EPOCHS"]), gbce_t=float(os.environ["T"])
)
