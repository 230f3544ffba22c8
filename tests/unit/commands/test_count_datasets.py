"""Tables of dataset sizes: counted in files of a Git repository of our own, held against a paper of our own."""

from __future__ import annotations

import csv
import io
import subprocess
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.commands import count_datasets
from harness.core.config import load
from harness.core.errors import RecipeError, SourceError
from harness.recipes.papers.dataset_sizes import SizeTable, statistic
from harness.report import dataset_sizes

DATA = b"1 1 2 3\n2 2 3 4 4\n3 1\n"  # 3 users, 4 items, 8 interactions
PAPER = """
paper: {key: toy2020, title: T}
artifacts:
  table1:
    values:
      - {dataset: small, metric: users, value: 3, unit: count}
      - {dataset: small, metric: items, value: 4, unit: count}
      - {dataset: small, metric: interactions, value: 9, unit: count}
      - {dataset: small, metric: average_length, value: 2.25, decimals: 2, unit: interactions}
      - {dataset: small, metric: density, value: 66.7, decimals: 1, unit: percent}
      - {dataset: big, metric: users, value: 1000, unit: count}
"""
RECIPE = """
artifact: toy2020/table1
title: Sizes of toys
published: toy2020#table1
files: {small: toy}
absent: {big: nobody has it}
labels: {big: Big_one}
"""
DATASETS = """
datasets:
  small:
    upstream: toy
    name: Small
    label: Small
    users: 3
    items: 4
    interactions: 8
    sequences: small.txt
    files:
      - {{path: data/small.txt, name: small.txt, sha256: {sha256}}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one paper, one upstream and one table of sizes."""
    upstream = tmp_path / "upstream"
    (upstream / "data").mkdir(parents=True)
    (upstream / "data" / "small.txt").write_bytes(DATA)
    git = ["git", "-C", str(upstream), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "data"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    root = tmp_path / "project"
    for folder in ("papers", "data", "toy2020"):
        (root / "recipes" / folder).mkdir(parents=True)
    (root / "recipes/papers/toy2020.yaml").write_text(PAPER)
    (root / "recipes/toy2020/table1.counts.yaml").write_text(RECIPE)
    (root / "recipes/data/toy.yaml").write_text(DATASETS.format(sha256=sha256(DATA).hexdigest()))
    pin = f'url = "{upstream}"\ncommit = "{commit}"\ncode = ["/*"]\nframework = "numpy"\nlosses = []\n'
    environments = '[environments.numpy]\nkind = "inherit"\n'
    (root / "harness.toml").write_text(f"{environments}[upstreams.toy]\n{pin}own_loss = false\n")
    return root


def table(root: Path) -> SizeTable:
    return count_datasets.carry_out(load(root, {}), "toy2020/table1")


def change(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_every_number_of_the_paper_stands_beside_what_the_file_has(root: Path) -> None:
    small, big = table(root).rows
    found = {s.name: (str(s.printed), s.found, s.verdict, s.remark) for s in small.statistics}
    assert found == {
        "users": ("3", "3", "reproduced", ""),
        "items": ("4", "4", "reproduced", ""),
        "interactions": ("9", "8", "differs", "differs in one digit"),
        "average_length": ("2.25", "2.6667", "differs", "the printed value is interactions per item"),
        "density": ("66.7", "66.667", "reproduced", ""),
    }
    assert small.sha256 == sha256(DATA).hexdigest()
    assert [(s.found, s.verdict) for s in big.statistics] == [("", "not counted")]
    assert big.reason == "nobody has it"


def test_a_file_that_the_mirror_lacks_is_not_counted_and_says_why(root: Path) -> None:
    change(root, "recipes/data/toy.yaml", "data/small.txt", "data/gone.txt")
    small = table(root).rows[0]
    assert {s.verdict for s in small.statistics} == {"not counted"}
    assert "data/gone.txt: no such file" in small.reason


def test_an_upstream_that_cannot_be_had_is_no_error_of_the_table(root: Path) -> None:
    change(root, "harness.toml", "/upstream", "/nowhere")
    assert "cannot" in table(root).rows[0].reason or table(root).rows[0].reason


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("recipes/toy2020/table1.counts.yaml", "absent: {big: nobody has it}", "", "no entry for big"),
        ("recipes/toy2020/table1.counts.yaml", "#table1", "#table9", "no artifact 'table9'"),
        ("recipes/toy2020/table1.counts.yaml", "artifact: toy2020/table1", "artifact: toy2020/t", "its path says"),
        ("recipes/data/toy.yaml", "  small:", "  smal:", "did you mean 'smal'"),
    ],
)
def test_mistakes_are_told(root: Path, path: str, old: str, new: str, message: str) -> None:
    change(root, path, old, new)
    with pytest.raises(RecipeError, match=message):
        table(root)


@pytest.mark.parametrize(
    ("printed", "value", "same"),
    [("8.88", "8.8764", True), ("8.87", "8.8764", False), ("8.875", "8.8745", True), ("8.9", "8.8499", False)],
)
def test_derived_numbers_are_held_to_the_printed_digits(printed: str, value: str, same: bool) -> None:
    found = statistic("average_length", Decimal(printed), Fraction(value), Fraction(1))
    assert (found.verdict == "reproduced") == same


def test_all_formats_say_the_same(root: Path) -> None:
    files = dataset_sizes.files(table(root))
    assert "| Small | 3 | 4 | **8** ≠ 9 | **2.6667** ≠ 2.25 | 66.667 |" in files[".md"]
    assert r"| Big\_one | (1,000) |" in files[".md"]
    assert r"Small & 3 & 4 & \textbf{8} $\neq$ 9 & \textbf{2.6667} $\neq$ 2.25 & 66.667 \\" in files[".tex"]
    rows = list(csv.DictReader(io.StringIO(files[".csv"])))
    assert [(r["statistic"], r["paper"], r["counted"]) for r in rows if r["verdict"] == "differs"] == [
        ("interactions", "9", "8"),
        ("average_length", "2.25", "2.6667"),
    ]
    assert "6 numbers: 3 reproduced, 2 differ, 1 not counted" in files[".md"]


def test_it_is_no_table_of_runs(root: Path) -> None:
    from harness.recipes import recipe

    assert recipe.artifacts(root) == []
    with pytest.raises(RecipeError, match="counts data files and has no runs"):
        recipe.load_recipe(root, "toy2020/table1", {})
    assert SourceError("a", "b").exit_code == 3


def test_a_dry_run_says_what_would_be_counted_and_touches_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    change(root, "harness.toml", "/upstream", "/nowhere")
    before = set(root.rglob("*"))
    done = CliRunner().invoke(app, ["reproduce", "toy2020/table1", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert done.output == "small: count small.txt of toy\nbig: not counted: nobody has it\n"
    assert set(root.rglob("*")) == before


def test_a_dry_run_tells_mistakes_too(root: Path) -> None:
    change(root, "recipes/data/toy.yaml", "  small:", "  smal:")
    with pytest.raises(RecipeError, match="did you mean 'smal'"):
        list(count_datasets.plan(load(root, {}), "toy2020/table1"))


def test_a_layout_of_a_code_base_s_own_is_not_counted(root: Path) -> None:
    change(root, "recipes/data/toy.yaml", "label: Small", "label: Small\n    layout: other")
    said = "small.txt has a layout that only toy reads"
    assert next(count_datasets.plan(load(root, {}), "toy2020/table1")) == ("small", f"not counted: {said}")
    assert table(root).rows[0].reason == said
