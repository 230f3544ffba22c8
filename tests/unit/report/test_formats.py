"""Rendering, byte for byte.

After a wanted change: HARNESS_GOLDEN=write pytest tests/unit/test_render.py, then read the diff.
"""

from __future__ import annotations

import csv as csv_module
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_tables import awkward, hits, published, ranks, run, spec, with_own
from rich.console import Console

from harness.report import rounding, sentences, verdict_words, view
from harness.report.formats import csv, files, latex, markdown, terminal
from harness.report.view_model import CLAIM_TESTS, VALUE_TESTS
from harness.tables.build import DatasetSpec, SystemSpec, Table, build_table
from harness.tables.verdicts import judge_table

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def table() -> Table:
    return judge_table(build_table(*awkward()))


def one_seed() -> Table:
    runs = [run("a", 1, hits(10, 100)), run("b", 1, hits(60, 100)), run("pop", None, hits(20, 100))]
    return judge_table(build_table(spec(seeds=(1,)), runs))


def printed(table: Table, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, color_system=None)
    for block in terminal.blocks(table, width=width):
        console.print(block)
    return console.export_text()


@pytest.mark.parametrize("end", [".md", ".tex", ".csv", "-claims.csv"])
def test_files_are_the_golden_ones(table: Table, end: str) -> None:
    text, path = files(table)[end], GOLDEN / f"awkward{end}"
    if os.environ.get("HARNESS_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode("utf-8")


def test_the_golden_ones_hold_what_must_not_be_missed(table: Table) -> None:
    for text in (markdown.render(table), latex.render(table), printed(table, 110)):
        plain = " ".join(text.replace("\\", "").split())
        assert "out of memory_limit & more" in plain or "out of memory_limit &amp; more" in plain
        for message in ("printed 0.5", "not run", "Größe-é", "t over users and seeds", "Holm", "commit:0123abcd"):
            assert message in plain


@pytest.mark.parametrize(
    ("value", "text"), [(0.00049, "<0.001"), (0.001, "0.0010"), (0.0123, "0.012"), (0.5, "0.50"), (1.0, "1.0")]
)
def test_p_values_have_two_digits(value: float, text: str) -> None:
    assert rounding.p_value(value) == text


def test_numbers() -> None:
    assert [rounding.metric(x) for x in (0.05284, None)] == ["0.0528", ""]
    assert [rounding.signed(x) for x in (0.00171, -0.00171, -0.00001, 0.0)] == [
        "+0.0017",
        "-0.0017",
        "0.0000",
        "0.0000",
    ]
    assert [rounding.percent(x) for x in (1.2378, -0.0001, None)] == ["+123.8", "0.0", ""]
    assert rounding.plain(float("-inf"), 2) == "-inf"
    assert [rounding.seconds(s) for s in (None, 4.21, 61.0, 600, 9000)] == ["", "4.2 s", "61 s", "10 min", "2.5 h"]
    assert [rounding.megabytes(m) for m in (None, 980.4, 23_456)] == ["", "980 MB", "23.5 GB"]


def test_latex_escapes_every_special_sign_and_keeps_letters() -> None:
    signs = r"_&%#${}~^\<>|[]*"
    assert re.sub(r"\\text\w+\{\}|\\[_&%#${}]|\{[\[\]*]\}", "", latex.escape(signs)) == ""
    assert latex.escape("Größe é") == "Größe é"
    assert latex.escape("p = -0.5, (-1, GRU4Rec-2, 3-4") == "p = $-$0.5, ($-$1, GRU4Rec-2, 3-4"


def test_markdown_escapes_what_would_become_markup() -> None:
    assert markdown.escape("a_b | *c* <b> [x] `y` & z\nnext") == r"a\_b \| \*c\* \<b\> \[x\] \`y\` &amp; z next"


def test_markdown_tables_have_equally_many_cells_in_every_row(table: Table) -> None:
    widths: list[int] = []
    for line in markdown.render(table).splitlines():
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1
            widths = []


def test_below_popularity_is_said_where_it_is_significant() -> None:
    runs = [run("pop", None, hits(31, 100))]
    runs += [run("a", seed, hits(5, 100, first=seed)) for seed in range(1, 9)]
    below = judge_table(build_table(spec(seeds=tuple(range(1, 9))), runs))
    assert "HIT@10: significantly below Popularity (0.3100): A 0.0500." in markdown.render(below)


def test_a_value_that_two_systems_share_is_counted_once_with_the_weaker_word() -> None:
    """SR-GNN as released and as published have one printed value: 20 published values were 16."""
    runs = [run("a", None, hits(20, 100)), run("b", None, hits(30, 100))]
    shared = [replace(published(system, 0.2), row="table/0") for system in "ab"]
    made = spec(systems=spec().systems[:2])
    table = judge_table(build_table(made, runs, shared))
    assert [cell.verdict for cell in table.rows[0].cells] == ["reproduced", "differs"]
    assert verdict_words.summary(table).startswith("0 of 1 published values reproduced (1 differs)")


def test_what_has_no_value_without_a_spread_is_not_printed_as_infinite() -> None:
    runs = [run(s, None, ranks([place] * 4)) for s, place in (("a", 1), ("b", 100))]
    made = spec(systems=spec().systems[:2], datasets=(DatasetSpec("d", "Data", 4),))
    table = judge_table(build_table(made, runs))
    for text in files(table, ["html", "md", "tex", "csv"]).values():
        assert "inf" not in text.replace("info", "")
    assert ",0.125," in csv.claims(table)  # the exact test on four users


@pytest.mark.parametrize("end", [".md", ".html"])
def test_documents_have_the_tests_on_which_words_rest(table: Table, end: str) -> None:
    text = files(table, [end.lstrip(".")])[end]
    for title in (*VALUE_TESTS, *CLAIM_TESTS):
        assert title in text.replace("\u00a0", " ")


def test_best_and_second_are_marked() -> None:
    text = one_seed()
    assert r"\textbf{0.6000}" in latex.render(text)
    assert r"\underline{0.2000}" in latex.render(text)
    assert "**0.6000**" in markdown.render(text)
    assert "<u>0.2000</u>" in markdown.render(text)


def test_csv_has_one_row_for_each_cell_and_claim(table: Table) -> None:
    values = list(csv_module.DictReader(io.StringIO(csv.values(table))))
    assert len(values) == 2 * 2 * 4
    first = values[1]
    assert (first["system"], first["n_seeds"], first["published"], first["runs"]) == ("a", "3", "0.2500", "a-1;a-2;a-3")
    assert float(first["difference"]) == pytest.approx(float(first["mean"]) - 0.25, abs=1e-7)
    assert [row["verdict"] for row in values if row["system"] == "c"] == ["not run"] * 4
    claims = list(csv_module.DictReader(io.StringIO(csv.claims(table))))
    assert len(claims) == 2 * 3
    assert {None} & {key for row in claims for key in row} == set()
    assert (claims[2]["p"], claims[2]["verdict"]) == ("", "not run")


def test_quick_and_demonstration_are_marked_everywhere(table: Table) -> None:
    marked = replace(table.spec, signature={**table.spec.signature, "profile": "quick"}, demonstration=True)
    again = judge_table(build_table(marked, *awkward()[1:]))
    for text in (markdown.render(again), latex.render(again), printed(again, 100)):
        assert "NOT A REPRODUCTION" in text
        assert "DEMONSTRATION" in text
    assert sentences.banners(table) == []


def overruled() -> Table:
    runs = []
    for seed, b in enumerate((60, 12, 11), start=1):
        runs += [run("a", seed, hits(10, 100), epochs=seed), run("b", seed, hits(b, 100), epochs=30, epoch_cap=30)]
    return judge_table(build_table(spec(), runs))


def test_seeds_that_overrule_users_cannot_be_missed() -> None:
    table = overruled()
    (alarm,) = sentences.alarms(table, "d")
    assert "the test over users finds a difference (corrected p <0.001), but over users × seeds" in alarm
    assert "seed 1 (+0.5000, p <0.001) would have counted for it" in alarm
    text = markdown.render(table)
    assert text.index("[!WARNING]") < text.index("## Values")
    assert "⚠️ direction only" in text
    assert r"\textbf{(!)}" in latex.render(table)
    assert printed(table, 110).count("(!)") == 1


def test_epochs_stand_beside_every_seed_and_the_cap_is_marked() -> None:
    row = view.view(overruled()).datasets[0].seeds[0].rows
    assert [r.cells for r in row] == [
        ("0.1000 (1)", "0.1000 (2)", "0.1000 (3)"),
        ("0.6000 (30*)", "0.1200 (30*)", "0.1100 (30*)"),
    ]


def test_one_seed_says_that_it_is_one() -> None:
    text = markdown.render(one_seed())
    assert "One seed: intervals and verdicts do not include the variation between seeds" in text
    assert "<sup>u</sup>" in text


def test_the_console_shows_the_first_seeds_of_many_and_the_files_all_of_them() -> None:
    """A thousand seeds used to fill 400 screens, and printing them took longer than all else."""
    seeds = tuple(range(1, 48))
    made = spec(seeds=seeds, claims=(), systems=(SystemSpec("a", "A"),))
    table = judge_table(build_table(made, [run("a", seed, hits(seed, 100)) for seed in seeds]))
    console = Console(width=120, record=True, file=io.StringIO())
    for block in terminal.blocks(table):
        console.print(block)
    shown = console.export_text()
    assert "0.2000" in shown
    assert "0.2100" not in shown
    assert "27 more seeds are in the table's files." in shown
    assert "0.4700" in markdown.render(table)


@pytest.mark.parametrize("width", [80, 99, 100, 120])
def test_the_console_fits(table: Table, width: int) -> None:
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_a_narrow_console_shows_each_value_gain_and_seed_of_a_wide_one() -> None:
    seeds = tuple(range(1, 6))
    runs = [run(name, seed, hits(n + seed, 100)) for name, n in (("a", 10), ("b", 60)) for seed in seeds]
    table = judge_table(build_table(spec(seeds=seeds), [*runs, run("pop", None, hits(20, 100))]))
    numbers = [set(re.findall(r"[+-]?\d\.\d{4}", printed(table, width))) for width in (80, 120)]
    p_values = {claim.p_adjusted for dataset in view.view(table).datasets for claim in dataset.claims}
    assert numbers[0] | p_values >= numbers[1] >= numbers[0]
    assert len(numbers[0]) > 10
    wrapped = [line for line in printed(table, 80).splitlines() if line.startswith(("A ", "B "))]
    assert all(len(line.split()) > 1 for line in wrapped)  # no row is broken into lines


@pytest.mark.parametrize("end", [".md", ".tex", "-claims.csv"])
def test_losses_put_in_are_shown_byte_for_byte(end: str) -> None:
    text, path = files(judge_table(build_table(*with_own())))[end], GOLDEN / f"own{end}"
    if os.environ.get("HARNESS_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode("utf-8")


def test_losses_put_in_are_no_claims_wherever_they_stand() -> None:
    table = judge_table(build_table(*with_own()))
    for text in (markdown.render(table), latex.render(table), printed(table, 110)):
        plain = " ".join(text.replace("\\", "").split())
        assert "not claims of the paper" in plain or "not a claim of the paper" in plain
        assert "A, my_loss (gamma=3) against A" in plain or "A, my\\_loss (gamma=3) against A" in plain
        assert "SHA-256 1a2b3c4d5e6f" in plain
        assert (
            "1 of 1 claims supported; added comparisons, the first against the second: 1 better, 1 not run" in plain
            or ("tabular" in plain)
        )
    rows = list(csv_module.DictReader(io.StringIO(csv.claims(table))))
    assert [row["claimed_by"] for row in rows] == ["recipe", "nobody", "nobody"]
