"""Differences of users over seeds, drawn from a crossed design, and the interval that a claim takes of them."""

from __future__ import annotations

import numpy as np

from harness.stats.estimates import Floats, Interval
from harness.stats.seed_noise import gain_test, noise_of


def crossed(rng: np.random.Generator, n_seeds: int, n_users: int, seed_sd: float, mean: float = 0.0) -> Floats:
    """Shape (n_seeds, n_users): mean + seed + user + rest."""
    seeds, users = rng.normal(0, seed_sd, (n_seeds, 1)), rng.normal(0, 0.2, (1, n_users))
    return mean + seeds + users + rng.normal(0, 0.3, (n_seeds, n_users))


def over_users_and_seeds(differences: Floats) -> Interval:
    """Of a gain over a system without randomness, in a table whose other systems are as noisy."""
    noise = noise_of(list(differences))
    own = [noise] if noise else []
    return gain_test(differences, own, own * 3, 0.0).interval
