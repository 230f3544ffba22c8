"""Numbers in documents: which are numbers, where they come from, and that a changed digit is found."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from harness.checks import prose
from harness.checks.prose import Counted, counted, of_block, source_names
from harness.checks.prose_numbers import listed
from harness.checks.prose_sources import Sources
from harness.checks.prose_text import NUMBER, blocks, numbers
from harness.core.config import load

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = load(ROOT, {}).file.check.prose
TABLE = """artifact,metric,system,mean,published,runs
a,HIT@10,net/bce,0.04403670,0.0312,aa;bb
a,HIT@10,net/ce,0.02825688,,bb
a,NDCG@10,net/bce,1234.5,,
"""
CLAIMS = "metric,better,worse,relative,label one\nHIT@10,net/bce,net/ce,0.5584,7\n"


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """One table with two runs."""
    folder = tmp_path / "results" / "tables" / "p" / "t" / "full"
    folder.mkdir(parents=True)
    (folder / "table.csv").write_text(TABLE)
    (folder / "table-claims.csv").write_text(CLAIMS)
    for key, epochs in (("aa", 16), ("bb", 87)):
        path = tmp_path / "results" / "runs" / key / "record.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"key": key, "system": "net/bce", "end": {"epochs": epochs}, "inputs": {"x": 5}}))
    (tmp_path / "found.md").write_text("# h\n\n- one: 5.43 times, 12\n- two: 7.5\n")
    return Sources(tmp_path, tmp_path / "results")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0385 and 1,090 users, +47 %, −0.04, 1e-05", ["0.0385", "1090", "+47", "-0.04", "1e-05"]),
        ("HIT@10 of S3Rec on MovieLens-1M in Table 2, Figures 1 and 2, in 2023, SHA-256, 10-core", []),
        ("`code 0.5` [a](x/0.7.md) https://e.org/0.8 <a id='0.9'> Apache-2.0", []),
        ("# 5 heads\n\n1. item 3\n2. item 4", ["3", "4"]),
        ("```\n0.5\n```\n0.6", ["0.6"]),
        ("p = 0.42 (0.0027, 0.0014), 22.3-24 on 2026-11-29", ["0.42", "0.0027", "0.0014", "22.3", "24"]),
        ("seed 42; seeds 42, 43; K = 1, 1.02", ["1.02"]),
    ],
)
def test_what_is_a_number(text: str, expected: list[str]) -> None:
    assert [found.text for block in blocks(text) for found in block.numbers] == expected


@pytest.mark.parametrize(
    ("text", "value", "same"),
    [
        ("0.0440", "0.04403670", True),
        ("0.0441", "0.04403670", False),
        ("56 %", "55.84", True),
        ("56 %", "0.5584", False),
        ("1,235", "1234.5", True),
        ("1,234", "1234.5", True),  # a half may be rounded either way
        ("+0.04", "0.0440", True),
        ("-0.04", "0.0440", False),
        ("1e-05", "0.0000098", True),
    ],
)
def test_a_number_prints_what_rounds_to_it(text: str, value: str, same: bool) -> None:
    (found,) = numbers(text)
    assert found.prints(Decimal(value)) is same


def test_blocks_have_the_comments_in_them_and_directly_above() -> None:
    text = "<!-- a\n more -->\n| 1 |\n| 2 |\n\n<!-- b -->\n\nfree 3\n\n- one 4 <!-- c\n  d -->\n- two 5\n"
    found = [(block.line, [n.text for n in block.numbers], block.notes) for block in blocks(text)]
    assert found == [
        (3, ["1", "2"], (" a  more ",)),
        (8, ["3"], (" b ",)),
        (10, ["4"], (" c   d ",)),
        (12, ["5"], ()),
    ]


GOOD = """<!-- source t: p/t/full -->
A gain of +56 % to 0.0440 (paper 0.0312), after 16 to 87 epochs with 1,090 users.
<!-- numbers: t metric=HIT@10 system=net/bce mean,published; t claim=net/bce>net/ce relative%;
t/runs end.epochs min; t/runs end.epochs max; given 1,090 -->

- By hand: 5.43 times. <!-- numbers: found.md line=~one -->
- By command: 3.7 s. <!-- numbers: measured make bench -->
- Without: 9. Labels: 7 <!-- numbers: t label_one; none 9 -->

Plain 42.
"""


def test_every_kind_of_source(sources: Sources) -> None:
    found = counted(GOOD, sources)
    assert found.faults == ()
    kinds = {name: [n.text for n in getattr(found, name)] for name in ("compared", "measured", "given", "bare")}
    assert kinds == {
        "compared": ["+56", "0.0440", "0.0312", "16", "87", "5.43", "7"],
        "measured": ["3.7"],
        "given": ["1090"],
        "bare": ["9", "42"],
    }
    assert found.share == 0.8
    assert str(found).endswith("2 without a source (80% have one); without: line 8, 10")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.0440", "0.0441", "0.0441 equals no cell"),
        ("0.0440", "0.0441", "0.04403670 (t metric=HIT@10 system=net/bce mean,published) is not printed"),
        ("16 to 87", "16 to 88", "87 (t/runs end.epochs max) is not printed"),
        ("5.43", "5.44", "5.44 equals no cell"),
        ("p/t/full", "p/t/none", "no table or file p/t/none"),
        ("mean,published", "mean,publisht", "has no number in publisht"),
        ("system=net/bce mean", "system=net/x mean", "no row of t has metric=HIT@10 system=net/x"),
        ("found.md line=~one", "lost.md", "no table or file lost.md"),
    ],
)
def test_what_does_not_agree_is_told(sources: Sources, old: str, new: str, message: str) -> None:
    assert old in GOOD
    assert message in "\n".join(counted(GOOD.replace(old, new, 1), sources).faults)


def test_a_table_between_markers_is_written_and_compared(sources: Sources, tmp_path: Path) -> None:
    text = "<!-- table: p/t/full metric=HIT@10 system,mean,published:3 -->\nold\n<!-- /table -->\nafter\n"
    made = prose.written(text, sources)
    assert made.split("\n")[1:5] == [
        "| system | mean | published |", "| --- | --- | --- |", "| net/bce | 0.0440 | 0.031 |",
        "| net/ce | 0.0283 | – |",
    ]  # fmt: skip
    assert prose.written(made, sources) == made
    assert counted(made, sources) == Counted()
    document = tmp_path / "d.md"
    document.write_text(text)
    assert prose.write(tmp_path, ["d.md"], sources.results) == [document]
    assert prose.write(tmp_path, ["d.md"], sources.results) == []
    assert document.read_text() == made


def test_a_number_without_a_source_is_listed_with_the_cells_that_it_could_be(sources: Sources) -> None:
    found = list(listed("<!-- source t: p/t/full -->\n0.0283 and 0.9\n", sources))
    assert [(row.number.text, row.state) for row in found] == [("0.0283", "no source"), ("0.9", "no source")]
    assert found[0].could_be == ("t metric=HIT@10 system=net/ce mean",)
    assert found[1].could_be == ()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_of_this_project_agree_with_their_sources(name: str) -> None:
    found = counted((ROOT / name).read_text(encoding="utf-8"), Sources(ROOT, ROOT / "results"))
    assert found.faults == ()
    assert found.share >= 0.9


def test_a_changed_digit_of_the_results_is_found() -> None:
    """Each digit of each number that is compared with a cell, one at a time."""
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    sources, names = Sources(ROOT, ROOT / "results"), source_names(text)
    outcomes: Counter[bool] = Counter()
    for block in blocks(text):
        compared = [number.text.lstrip("+-") for number in of_block(block, sources, names).compared]
        for place in NUMBER.finditer(block.text):
            if place[2].replace(",", "") + (place[3] or "") in compared:
                for at in (at for at in range(place.start(2), place.end()) if block.text[at].isdigit()):
                    other = block.text[:at] + str((int(block.text[at]) + 1) % 10) + block.text[at + 1 :]
                    outcomes[bool(of_block(dataclasses.replace(block, text=other), sources, names).faults)] += 1
    assert sum(outcomes.values()) >= 300
    assert outcomes[False] <= 0.01 * outcomes[True]  # of a line of a Markdown file not every number must be printed
