"""Every disagreement that was found by hand is found by the checks, from the papers' numbers alone."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from findings_expected import (
    AHEAD,
    DATASETS,
    GAINS,
    PERCENTAGES,
    PROTOCOLS,
    QUOTED,
    RATIOS,
    RELEASED,
    STATEMENTS,
    VALUES,
    K,
    L,
    P,
    Row,
)
from typer.testing import CliRunner

from harness.cli.app import app
from harness.commands.record_findings import own_rows
from harness.core.config import load
from harness.core.errors import ArgumentError
from harness.findings.collect import chosen, collect, papers_of
from harness.findings.finding import KINDS, MEANINGS, TITLES, VERDICTS, Finding
from harness.report.findings import to_csv, to_markdown

ROOT = Path(__file__).resolve().parents[3]
FOUND = collect(ROOT)


@cache
def of_records() -> tuple[list[Any], ...]:
    """What the records at hand show, worked out once: it takes seconds."""
    return tuple(list(rows) for rows in own_rows(load(ROOT)))


ROWS = (*PERCENTAGES, *DATASETS, *STATEMENTS, *QUOTED, *PROTOCOLS, *RELEASED)


def fits(finding: Finding, row: Row) -> bool:
    """Whether a finding is the one of a row."""
    kind, paper, subject, where, reported, verdict, recomputed, remark = row
    return (
        (finding.kind, finding.reported, finding.verdict) == (kind, reported, verdict)
        and paper in finding.papers
        and subject in finding.subject
        and where in finding.where
        and finding.recomputed.startswith(recomputed)
        and remark in finding.remark
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]}: {row[2]}, {row[4]}")
def test_what_was_found_by_hand_is_found(row: Row) -> None:
    near = [f for f in FOUND if f.kind == row[0] and row[2] in f.subject]
    assert any(fits(finding, row) for finding in FOUND), near


def the(kind: str, *parts: str) -> Finding:
    """The one finding of a kind whose subject has all parts."""
    (found,) = [f for f in FOUND if f.kind == kind and all(part in f.subject for part in parts)]
    return found


@pytest.mark.parametrize("cell", RATIOS, ids=" ".join)
def test_ratios_of_the_largest_to_the_smallest(cell: tuple[str, str]) -> None:
    dataset, system = cell
    finding = the("across", f"{dataset}, {system}, NDCG@10")
    assert finding.recomputed.startswith(f"largest / smallest = {RATIOS[cell]}")
    assert finding.verdict == "differs"


@pytest.mark.parametrize("cell", VALUES, ids=" ".join)
def test_values_of_one_system_in_several_papers(cell: tuple[str, str, str]) -> None:
    metric, dataset, system = cell
    said = "; ".join(f"{paper}: {text}" for paper, text in zip((K, L, P), VALUES[cell], strict=True) if text)
    assert the("across", f"{dataset}, {system}, {metric}").reported == said


def test_nothing_else_is_compared_across_papers() -> None:
    assert len([f for f in FOUND if f.kind == "across"]) == 2 * len(RATIOS) == 28


@pytest.mark.parametrize("dataset", AHEAD)
def test_which_of_two_systems_is_ahead(dataset: str) -> None:
    finding = the("order", f"{dataset}, NDCG@10: BERT4Rec mlm-ce against SASRec ce-all")
    for paper, winner in zip((K, L, P), AHEAD[dataset], strict=True):
        assert (f"{paper}: {winner}" in finding.reported) == bool(winner)
    assert finding.verdict == ("agrees" if len(set(AHEAD[dataset]) - {""}) == 1 else "differs")


def test_the_order_on_steam_turns_with_the_quoted_figures() -> None:
    remark = the("order", "steam, NDCG@10: BERT4Rec mlm-ce against SASRec ce-all").remark
    assert remark == "reversed by the figure that li2023 quotes from petrov2022: BERT4Rec-hf 0.0734"


@pytest.mark.parametrize("dataset", GAINS)
def test_gains_of_one_loss_over_another(dataset: str) -> None:
    finding = the("gain", f"{dataset}, SASRec ce-all over bce, NDCG@10")
    said = "; ".join(f"{paper}: {gain} %" for paper, gain in zip((K, L, P), GAINS[dataset], strict=True) if gain)
    assert finding.reported == said
    assert finding.verdict == "differs"


def test_what_agrees_is_counted() -> None:
    """All 52 gains of two tables of one paper, eleven text percentages and six of eight effects of another."""
    tables = Counter((f.where, f.verdict) for f in FOUND if f.kind == "percentage" and f.papers == (L,))
    assert tables["table 2", "agrees"] == 40
    assert tables["table 3", "agrees"] == 12
    assert {where for where, verdict in tables if verdict != "agrees"} == {"section 1", "section 4.2"}
    effects = Counter(f.verdict for f in FOUND if f.kind == "percentage" and f.papers == (P,) and f.where == "table 2")
    assert effects == {"agrees": 6, "not from print": 2}
    text = [f for f in FOUND if f.kind == "percentage" and f.papers == (P,) and f.where != "table 2"]
    text = [f for f in text if f.reported.endswith(" %") and f.subject.count("inverse") == 0]
    assert sum(f.verdict == "agrees" for f in text if "share" not in f.subject) == 11


def test_bounds_for_one_held_out_item_hold() -> None:
    plausible = [f for f in FOUND if f.kind == "plausible"]
    bounds = [f for f in plausible if " to " not in f.recomputed and "must be between" in f.recomputed]
    assert {f.verdict for f in bounds} == {"agrees"}
    of_papers = [f for f in bounds if not {"li2023-released", "petrov2023-port"} & set(f.papers)]
    at_ten = [f for f in of_papers if "0.289" in f.recomputed]
    assert len(at_ten) == 123
    assert len([f for f in of_papers if "0.150" in f.recomputed]) == 30


def test_no_other_ratio_of_metrics_is_unusual() -> None:
    invalid = [f for f in FOUND if f.kind == "plausible" and "usual:" in f.recomputed and f.verdict != "agrees"]
    assert [f.reported for f in invalid] == ["0.0526 / 0.1237"]


def test_the_order_is_fixed_and_every_word_is_known() -> None:
    assert collect(ROOT) == FOUND
    places = [(KINDS.index(f.kind), VERDICTS.index(f.verdict)) for f in FOUND]
    assert places == sorted(places)
    assert set(TITLES) == set(KINDS)
    assert set(MEANINGS) == set(VERDICTS)
    assert papers_of(FOUND) == (K, L, "li2023-released", P, "petrov2023-port")


def test_text_is_on_one_line_and_names_no_folder() -> None:
    for finding in FOUND:
        for text in (finding.where, finding.subject, finding.reported, finding.recomputed, finding.remark):
            assert text == " ".join(text.split())
            assert not re.search(r"(^|[ (])/[a-z]", text)


@pytest.mark.long
def test_the_committed_document_is_up_to_date() -> None:
    found = collect(ROOT, *of_records())
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == to_markdown(found), (
        "run: harness findings --format md > docs/findings.md"
    )


def test_csv_has_one_row_for_each_finding() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(FOUND))))
    assert len(rows) == len(FOUND)
    assert rows[0] == {
        "kind": "percentage", "papers": L, "where": "section 1", "reported": "5.5 times", "verdict": "disagrees",
        "subject": FOUND[0].subject, "recomputed": "5.57 times (5.55 to 5.59)", "remark": FOUND[0].remark,
    }  # fmt: skip


def run(*arguments: str) -> str:
    """What `harness findings` prints, from those rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.commands.record_findings.own_rows", lambda _: of_records())
        return printed(*arguments)


def printed(*arguments: str) -> str:
    """What `harness findings` prints, from the records themselves."""
    result = CliRunner().invoke(app, ["findings", "--project", str(ROOT), *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.long
def test_the_command_shows_what_does_not_fit_and_counts_the_rest() -> None:
    shown = run("--format", "txt")
    assert max(len(line) for line in shown.splitlines()) <= 100
    assert "5.57 times (5.55 to 5.59)" in shown
    assert "1.943 times" not in shown
    assert "56 in li2023" in shown
    assert "1.943 times" in run("--format", "txt", "--all")
    assert len(printed()) > 10_000


@pytest.mark.long
def test_the_command_filters_by_paper_and_kind() -> None:
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv", "--paper", K, "--kind", "dataset"))))
    assert rows
    assert {row["kind"] for row in rows} == {"dataset"}
    assert all(K in row["papers"].split(";") for row in rows)
    assert len(rows) == len(chosen(FOUND, K, "dataset"))
    assert "## " in run("--format", "md", "--kind", "gain")


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--paper", "li2032"), "did you mean 'li2023'"),
        (("--kind", "percentages"), "did you mean 'percentage'"),
        (("--format", "html"), "unknown format 'html'"),
    ],
)
def test_unknown_arguments_are_told(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        run(*arguments)
