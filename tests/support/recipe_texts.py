"""A small recipe for tests, as a person would write it, and how to change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from harness.recipes.datasets import Dataset
from harness.recipes.recipe import Recipe

SHA = "ab" * 32
RECIPE = """
artifact: paper/table
title: A table
upstream: toy
environment: numpy
protocol: {split: leave-one-out, ranking: full, seen: left out}
metrics: [HIT@10, NDCG@10]
seeds: [1, 2]
datasets: [small, large]
systems:
  popularity: {model: popularity, loss: none, label: Popularity, seeded: false, floor: true, proof: "",
               command: [python, count.py, "{data}/{sequences}"]}
  net/bce: {model: net, loss: bce, label: Net, published: {model: Net, loss: bce}}
  net/ce-all: {model: net, loss: ce-all, label: Net+, arguments: [--all], published: {model: Net, loss: ce-all}}
  deep/bce: {model: deep, loss: bce, label: Deep, checkpoint: true}
command: [python, train.py, "--data={data}/{sequences}", "--out={out}", "--name={dataset}", "--model={model}",
          "--loss={loss}", "--seed={seed}", "--epochs={epochs}", "--lr={lr}", "--ckp={checkpoint_epochs}"]
options: {epochs: 200, lr: 0.001, mode: full}
profiles:
  quick: {epochs: 3}
devices: {cpu: [--no_cuda], cuda: []}
claims:
  - {better: net/ce-all, worse: net/bce}
  - {better: net/bce, worse: popularity, metrics: [NDCG@10]}
published: paper#table
"""
DATA = f"""
datasets:
  small: &small
    upstream: toy
    name: Small
    label: Small
    users: 10
    items: 20
    interactions: 60
    sequences: Small.txt
    files: [{{path: data/Small.txt, name: Small.txt, sha256: {SHA}}}]
    checkpoint: {{path: Small.pt, name: Small.pt, epochs: 7, sha256: {SHA}}}
  large: {{<<: *small, name: Large}}
"""
PRINTED = """
artifacts:
  table:
    caption: for people
    values:
      - {dataset: small, model: Net, loss: bce, metric: HIT@10, value: 0.50, decimals: 2, column: first}
      - {dataset: small, model: Net, loss: ce-all, metric: HIT@10, value: 0.6, decimals: 4, mark: "*"}
      - {dataset: small, model: Other, loss: bce, metric: HIT@10, value: 0.7, decimals: 4}
"""


def write(root: Path, recipe: str = RECIPE, data: str = DATA, printed: str = PRINTED) -> Path:
    """Put the three files where a project has them."""
    for name, text in (("paper/table", recipe), ("data/toy", data), ("papers/paper", printed)):
        path = root / "recipes" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def raw(**changes: Any) -> dict[str, Any]:
    """The recipe as YAML reads it, with these top-level keys changed."""
    return {**yaml.safe_load(RECIPE), **changes}


def recipe(**changes: Any) -> Recipe:
    """The recipe as a typed value."""
    return Recipe.model_validate(raw(**changes))


def data(**changes: Any) -> dict[str, Dataset]:
    """The datasets as typed values, `small` changed."""
    made = yaml.safe_load(DATA)["datasets"]
    made["small"] = {**made["small"], **changes}
    return {name: Dataset.model_validate(value) for name, value in made.items()}
