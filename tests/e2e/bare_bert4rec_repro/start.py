"""Starts the code base's own experiment: its script does nothing else, but needs a GPU to start."""

from __future__ import annotations

from aprec.evaluation import run_experiment

run_experiment.run_experiment(run_experiment.config())
