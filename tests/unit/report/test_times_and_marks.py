"""Minutes of training and a paper's marks of significance, compared with ours, in every format."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_tables import hits, published, run, spec
from rich.console import Console

from harness.core.results import MINUTES, TRAINING_TIME, Claim, Published
from harness.recipes import recipe
from harness.recipes.papers import significance
from harness.report.figures.cost import published_costs
from harness.report.figures.data import FigureData
from harness.report.formats import files
from harness.report.formats.terminal import blocks
from harness.tables.build import Table, build_table
from harness.tables.verdicts import judge_table

ROOT = Path(__file__).resolve().parents[3]
AB = frozenset("ab")


def made(*papers: Published, gap: int = 40, **more: Any) -> Table:
    """A and b with three seeds, b better for `gap` of 100 users; a tells 2 and 4 minutes, of its third run nothing."""
    runs = [run("pop", None, hits(5, 100), printed={MINUTES: "0.04"})]
    for seed in (1, 2, 3):
        minutes = {MINUTES: str(2.0 * seed)} if seed < 3 else {}
        runs += [run("a", seed, hits(10, 100), printed=minutes), run("b", seed, hits(10 + gap, 100))]
    return judge_table(build_table(spec(**more), runs, papers))


def time(system: str, value: float, unit: str) -> Published:
    return Published("d", system, "training_time", value, 0, unit=unit)


def test_minutes_stand_beside_the_papers_in_every_format() -> None:
    table = made(time("a", 23, "min"), time("b", 4.8, "h"), training=("minutes",))
    text = files(table, ("md", "tex", "csv", "html"))
    assert [(t.system, t.mean) for t in table.training] == [("pop", 0.04), ("a", 3.0), ("b", None)]
    lines = text[".md"].partition("## Claims")[0].splitlines()
    rows = {line.split("|")[1].split("]")[0].strip(" *["): line for line in lines if line.startswith("| ")}
    assert rows["A"].endswith("| 3.0 | 23 |")
    assert rows["B"].endswith("| – | 288 |")
    assert rows["Popularity"].endswith("| 0.0 | – |")
    assert "minutes | paper |" in text[".md"]
    assert "on different machines, so not judged" in text[".md"]
    assert r"\emph{minutes}" in text[".tex"]
    assert r"A & 3.0 & 23 \\" in text[".tex"]
    assert "<td>3.0</td><td>23</td></tr>" in text[".html"]
    found = [row for row in csv.DictReader(io.StringIO(text[".csv"])) if row["metric"] == "minutes"]
    assert [(row["system"], row["mean"], row["published"]) for row in found] == [
        ("pop", "0.04000000", ""), ("a", "3.00000000", "23"), ("b", "", "288"),
    ]  # fmt: skip
    assert all(row["signature"].startswith("ties:") for row in found)


def test_seconds_and_best_epochs_have_a_block_of_their_own_in_every_format() -> None:
    epochs = Published("d", "a", "best_epoch", 6, 0, unit="epoch")
    runs = [run("pop", None, hits(5, 100), printed={TRAINING_TIME: "0.4"})]
    for seed, best in ((1, 7), (2, 8)):
        left = {"printed": {TRAINING_TIME: str(100.0 * seed)}, "best_epoch": best, "epochs": 20}
        runs += [run("a", seed, hits(10, 100), **left), run("b", seed, hits(20, 100), best_epoch=3)]
    failed = run("a", 3, None, status="failed", reason="no", printed={TRAINING_TIME: "9"}, best_epoch=99)
    papers = (time("a", 332, "s"), time("b", 8.5, "min"), epochs)
    table = judge_table(build_table(spec(training=("seconds", "best epoch")), [*runs, failed], papers))
    text = files(table, ("md", "tex", "csv", "html"))
    first, _, second = text[".md"].partition("## Claims")[0].partition("| seconds | paper | best epoch | paper |")
    assert "seconds |" not in first
    assert [line.replace("*", "") for line in second.splitlines() if line.startswith("| ") and "---" not in line] == [
        "| Popularity | 0.4 | – | – | – |", "| A | 150 | 332 | 7.5 | 6 |", "| B | – | 510 | 3 | – |",
    ]  # fmt: skip
    assert "Seconds: time of the complete training" in text[".md"]
    assert "Best epoch: the epoch whose weights are tested, ours counted from 0." in text[".md"]
    facts = text[".tex"].partition(r"\emph{seconds}")[2].partition(r"\end{tabular}")[0]
    assert re.findall(r"(?m)^A & (.*) & (.*) \\\\$", facts) == [("150", "332"), ("7.5", "6")]
    assert "<td>A</td><td>150</td><td>332</td><td>7.5</td><td>6</td></tr>" in text[".html"]
    rows = csv.DictReader(io.StringIO(text[".csv"]))
    found = [(r["metric"], r["system"], r["mean"], r["published"]) for r in rows if r["metric"] in table.spec.training]
    assert found == [
        ("seconds", "pop", "0.40000000", ""), ("seconds", "a", "150.00000000", "332"), ("seconds", "b", "", "510"),
        ("best epoch", "pop", "", ""), ("best epoch", "a", "7.50000000", "6"), ("best epoch", "b", "3.00000000", ""),
    ]  # fmt: skip


def test_the_console_shows_seconds_and_best_epochs() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    runs = [run("a", 1, hits(10, 100), best_epoch=4, printed={TRAINING_TIME: "5.25"})]
    for part in blocks(build_table(spec(training=("seconds", "best epoch")), runs)):
        console.print(part)
    text = console.export_text()
    assert re.search(r"^ +seconds +paper +best epoch +paper *$", text, re.MULTILINE)
    assert re.search(r"^A +5\.2 +– +4 +– *$", text, re.MULTILINE)


def test_no_minutes_where_no_recipe_asks_for_them_and_where_nobody_tells_any() -> None:
    assert not made(time("a", 23, "min")).training
    silent = build_table(spec(training=("minutes",)), [run("a", 1, hits(1, 100))])
    assert not silent.training
    assert "minutes" not in files(silent, ("md",))[".md"]


def test_a_paper_that_prints_minutes_is_drawn_at_its_seconds() -> None:
    papers = (time("a", 23, "min"), published("a", 0.2), time("b", 541, "s"), published("b", 0.3))
    points = published_costs(FigureData(made(*papers), published=papers), made().spec.datasets[0].key)
    assert {point.system: point.seconds for point in points} == {"a": 1380.0, "b": 541.0}


@pytest.mark.parametrize(
    ("gap", "gain", "marks", "line"),
    [
        (40, 0.1, {True}, "The paper's marks of significance agree with ours in 1 of 1."),
        (1, 0.1, {False}, "The paper's marks of significance agree with ours in 1 of 1."),
        (1, 0.1, {True}, "agree with ours in 0 of 1; they disagree for: B > A (HIT@10: +0.0100, n.s.)."),
        (40, 0.1, {False}, "agree with ours in 0 of 1; they disagree for: B > A (HIT@10: +0.4000, sig.)."),
        (40, -0.1, {True}, "agree with ours in 0 of 1; they disagree for: B > A (HIT@10: +0.4000, sig.)."),
    ],
)
def test_a_papers_mark_is_held_against_ours(gap: int, gain: float, marks: set[bool], line: str) -> None:
    papers = (published("a", 0.5), published("b", 0.5 + gain))
    table = made(*papers, gap=gap, said={("d", "HIT@10"): {AB: frozenset(marks)}})
    text = files(table, ("md", "csv"))
    assert line in text[".md"].replace("\\", "")
    mark = "sig." if marks == {True} else "n.s."
    assert f"{gain / 0.5:+.1%} {mark} |".replace("%", "") in text[".md"]
    assert next(csv.DictReader(io.StringIO(text["-claims.csv"])))["paper_significant"] == mark


def test_a_paper_that_says_both_is_quoted_and_not_counted() -> None:
    table = made(said={("d", "HIT@10"): {AB: frozenset({True, False})}})
    text = files(table, ("md",))[".md"]
    assert "sig./n.s." in text
    assert "found here" not in text


def test_marks_say_nothing_of_trainings_cut_short() -> None:
    made_spec = replace(made().spec, signature={"profile": "quick"}, said={("d", "HIT@10"): {AB: frozenset({True})}})
    runs = [run("a", 1, hits(10, 100)), run("b", 1, hits(60, 100))]
    assert "found here" not in files(judge_table(build_table(made_spec, runs)), ("md",))[".md"]


def test_the_papers_marks_by_systems() -> None:
    table2 = significance.paper_significance(ROOT, recipe.load_recipe(ROOT, "petrov2023/table2", {}))
    assert table2["ml-1m", "NDCG@10"] == {
        frozenset({"sasrec/bce", "sasrec/ce-all"}): {True},
        frozenset({"bert4rec/bce", "bert4rec/mlm-ce"}): {True},
        frozenset({"sasrec/bce", "bert4rec/bce"}): {False},
        frozenset({"sasrec/ce-all", "bert4rec/mlm-ce"}): {False},
    }
    table3 = significance.paper_significance(ROOT, recipe.load_recipe(ROOT, "petrov2023/table3", {}))
    steam = frozenset({"gsasrec/gbce-128-0.9", "bert4rec/mlm-ce"})
    assert table3["steam", "NDCG@10"][steam] == {True, False}  # sections 1 and 6.2.5 contradict each other
    assert table3["ml-1m", "HIT@10"][frozenset({"gsasrec/gbce-256-0.75", "bert4rec/mlm-ce"})] == {False}
    grid = significance.paper_significance(ROOT, recipe.load_recipe(ROOT, "petrov2023/fig3", {}))
    assert grid["ml-1m", "NDCG@10"][frozenset({"gsasrec/gbce-1-1.0", "sasrec/bce"})] == {True}


def test_a_recipe_without_published_numbers_has_no_marks() -> None:
    demo = recipe.load_recipe(ROOT, "demo/demo", {})
    assert demo.claims
    assert significance.paper_significance(ROOT, demo) == {}


def test_a_difference_that_is_claimed_in_both_directions_has_one_mark() -> None:
    both = (Claim("b", "a", "HIT@10"), Claim("a", "b", "HIT@10"))
    papers = (published("a", 0.5), published("b", 0.6))
    table = made(*papers, claims=both, said={("d", "HIT@10"): {AB: frozenset({True})}})
    assert "agree with ours in 1 of 1." in files(table, ("md",))[".md"]


def test_a_mark_without_values_is_of_the_claim_s_direction() -> None:
    table = made(claims=(Claim("a", "b", "HIT@10"),), said={("d", "HIT@10"): {AB: frozenset({True})}})
    assert "agree with ours in 0 of 1; they disagree for" in files(table, ("md",))[".md"]


def test_minutes_that_are_no_number_are_not_told() -> None:
    assert run("a", 1, hits(1, 100), printed={MINUTES: "nan"}).training == {}
