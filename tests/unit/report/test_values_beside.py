"""A table judged by numbers of a log, with the paper's as reference: every format shows both, by name."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from made_tables import hits, published, run, spec
from rich.console import Console

from harness.core.results import Published
from harness.recipes import recipe as recipes
from harness.recipes.papers.published import published_numbers as printed
from harness.report import formats
from harness.report.formats.terminal import blocks
from harness.tables.build import Table, build_table
from harness.tables.verdicts import exit_code, judge_table

ROOT = Path(__file__).resolve().parents[3]


def table(log: float, margin: float = 0.0002) -> Table:
    """A and B, each with one deterministic run; A hits 20 of 100 users, its log says `log`, the paper 0.3333."""
    made = spec(
        margin_relative=0.0, margin_absolute=margin, published_in="log", beside=("paper",), systems=spec().systems[:2]
    )
    papers = [published("a", log), replace(published("a", 0.3333), beside="paper"), published("b", 0.9)]
    return judge_table(build_table(made, [run("a", None, hits(20, 100)), run("b", None, hits(90, 100))], papers))


@pytest.mark.parametrize(
    ("log", "verdict"),
    [(0.2, "reproduced"), (0.2002, "reproduced"), (0.2003, "differs"), (0.1997, "differs"), (0.3333, "differs")],
)
def test_one_fixed_checkpoint_is_compared_exactly_within_a_distance(log: float, verdict: str) -> None:
    assert table(log).rows[0].cells[0].verdict == verdict


def test_numbers_beside_are_neither_judged_nor_part_of_a_claim() -> None:
    made = table(0.2)
    (cell, _), claim = made.rows[0].cells, made.claims[0]
    assert cell.published is not None
    assert cell.published.value == 0.2
    assert [p.value for p in cell.beside if p] == [0.3333]
    assert claim.paper_gain == pytest.approx(0.7)
    assert claim.verdict == "supported"  # of exactly these files, deterministic: no seed can change it
    assert [cell.verdict for cell in made.rows[0].cells] == ["reproduced"] * 2
    assert exit_code(made) == 0


@pytest.mark.parametrize("ending", [".md", ".tex", ".html"])
def test_documents_name_both_places(ending: str) -> None:
    text = formats.files(table(0.2), [ending.lstrip(".")])[ending]
    assert "0.3333" in text
    assert "deterministic, so exact" in text
    assert "All systems are deterministic: each cell has one run." in text
    assert "0.0002" in text
    assert "early stopping" not in text
    for title in {".md": ("| log | difference % | verdict | paper |",), ".tex": ("& log & diff", " & paper")}.get(
        ending, ("<th>log</th>", "<th>paper</th>")
    ):
        assert title in text


def test_markdown_rows_have_equally_many_cells() -> None:
    block = [line for line in formats.files(table(0.2), ["md"])[".md"].splitlines() if line.startswith("|")][:4]
    assert {line.count("|") for line in block} == {7}


def test_csv_has_a_column_for_what_stands_beside() -> None:
    rows = list(csv.DictReader(io.StringIO(formats.files(table(0.2), ["csv"])[".csv"])))
    assert [(row["published"], row["paper"]) for row in rows] == [("0.2000", "0.3333"), ("0.9000", "")]
    assert all(row["signature"] for row in rows)


def test_the_console_has_both() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    for block in blocks(table(0.2)):
        console.print(block)
    text = console.export_text()
    assert "log  diff %" in text
    assert "0.3333" in text
    assert "range" not in text


def test_the_recipe_of_released_weights_has_log_and_paper() -> None:
    recipe = recipes.load_recipe(ROOT, "li2023/released", {})
    found = [p for p in printed(ROOT, recipe) if p.metric in recipe.metrics]
    assert {p.beside for p in found} == {"", "paper"}
    assert [sum(p.beside == name for p in found) for name in ("", "paper")] == [80, 80]
    key = "srgnn-as-released/ce-last-released"
    assert Published("lastfm", key, "NDCG@10", 0.0058, 4) in found
    assert Published("lastfm", key, "NDCG@10", 0.0094, 4, beside="paper") in found


def test_a_label_tells_runs_of_one_loss_apart() -> None:
    recipe = recipes.load_recipe(ROOT, "li2023/fig1-released", {})
    rows = [p for p in printed(ROOT, recipe) if p.metric == "HIT@10"]
    found = {p.system: p.value for p in rows}
    assert len(rows) == len(found) == 11
    assert found["sasrec/bce-1000-fig1-released"] == 0.0656
