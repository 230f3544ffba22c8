"""Each check answers to the numbers: change one in a copy of the papers, and its finding comes or goes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.core.errors import MetricsError, RecipeError
from harness.findings.collect import of_library
from harness.findings.finding import Finding
from harness.findings.own_runs import MetricRow, PairingRow, records_findings
from harness.recipes.papers.library import load, metric_of

PAPERS = Path(__file__).resolve().parents[3] / "recipes" / "papers"
L, P, K, R = "li2023", "petrov2023", "klenitskiy2023", "li2023_released"
# File, old text, new text, kind, part of the subject, verdict before and after.
CHANGES = (
    (L, "value: 0.0168", "value: 0.0170", "percentage", "BPR-max-10", "disagrees", "agrees"),
    (L, "improvement_pct: 123.78", "improvement_pct: 132.78", "percentage", "yelp, GRU4Rec ce-all over ce-last, HIT", "agrees", "disagrees"),
    (L, "reported: 60.33", "reported: 60.34", "percentage", "smallest SR-GNN gain", "agrees", "disagrees"),
    (P, "NDCG@10, value: 0.0735", "NDCG@10, value: 0.0733", "percentage", "BERT4Rec on Steam, called significant", "disagrees", "agrees"),
    (P, "reported: 7.49,", "reported: 7.50,", "percentage", "share of the catalogue", "disagrees", "agrees"),
    (P, "reported: 51,", "reported: 52,", "percentage", "memory for the scores", "agrees", "disagrees"),
    (P, "reported: -5.8,", "reported: -6.7,", "percentage", "Recall@1, 4 negatives, BCE against gBCE, as the inverse", "disagrees", "agrees"),
    (K, "dataset: beauty-b4r, metric: density, value: 0.10", "dataset: beauty-b4r, metric: density, value: 0.02", "dataset", "beauty-b4r, density", "differs", "agrees"),
    (L, "value: 15.80", "value: 10.40", "dataset", "yelp, average length", "disagrees", "agrees"),
    (L, "value: 316454", "value: 316354", "dataset", "yelp, interactions", "disagrees", "agrees"),
    (P, "dataset: gowalla, metric: users, value: 86168, unit: count}", "dataset: gowalla, metric: users, value: 86168, unit: count}\n      - {dataset: gowalla, metric: density, value: 0.0058, decimals: 4, unit: percent}", "dataset", "gowalla, density", "not printed", "agrees"),
    (L, "metric: HIT@10, value: 0.0932", "metric: HIT@10, value: 0.0936", "value", "beauty-s3, SASRec ce-all, HIT@10", "disagrees", "agrees"),
    (P, "value: 0.126", "value: 0.131", "value", "ml-1m, SASRec bce N=1, NDCG@10", "disagrees", "agrees"),
    (P, "over: {label: BERT4Rec}}\n      - {id: t3-ml1m-sasrec", "over: {label: BERT4Rec}, text_of: 1, text_over: 0.07}\n      - {id: t3-ml1m-sasrec", "statement", "gSASRec gbce N=128 t=0.9, NDCG@10", "", "disagrees"),
    (P, "text_over: 85", "text_over: 86", "statement", "BERT4Rec mlm-ce, training_time", "disagrees", "agrees"),
    (P, 'value: "64"', 'value: "128"', "statement", "first gSASRec model of section 6.2.2: negatives", "disagrees", "agrees"),
    (P, "value: 0.1674", "value: 0.1714", "statement", "NDCG@10 above 0.17", "disagrees", "agrees"),
    (P, "value: 0.169, decimals: 3, source: du2022", "value: 0.171, decimals: 3, source: du2022", "statement", "only gSASRec above", "agrees", "disagrees"),
    (P, "grid_negatives: [1, 4, 16, 64, 256]", "grid_negatives: [1, 4, 16, 64, 128, 256]", "statement", "negatives chosen for steam", "disagrees", "agrees"),
    (P, "value: 0.046, decimals: 3, bold: false, underline: true", "value: 0.046, decimals: 3, bold: false, underline: false", "statement", "ml-1m, Recall@1, underline: SASRec", "disagrees", ""),
    (K, "metric: HR@10, value: 0.0533, decimals: 4, bold: true", "metric: HR@10, value: 0.0533, decimals: 4, bold: false", "statement", "beauty-b4r, HR@10, bold", "agrees", "disagrees"),
    (K, "value: 0.6743", "value: 0.6600", "statement", "SASRec with ce-all above BERT4Rec", "agrees", "disagrees"),
    (K, "value: 197", "value: 100", "protocol", "ml-1m, BERT4Rec mlm-ce, best epoch", "open", "agrees"),
    (P, "  max_length: 200", "  max_length: 50", "protocol", "maximum sequence length, steam", "differs", "agrees"),
    (K, "value: 0.0641", "value: 0.0721", "across", "steam, SASRec ce-all, NDCG@10", "differs", "agrees"),
    (L, "value: 0.1214", "value: 0.1230", "gain", "ml-20m, SASRec ce-all over bce, NDCG@10", "differs", "agrees"),
    (L, "value: 0.1310, decimals: 4, source: own", "value: 0.1210, decimals: 4, source: own", "order", "ml-20m, NDCG@10: BERT4Rec mlm-ce against SASRec ce-all", "differs", "agrees"),
    (K, "value: 0.1516", "value: 0.1392", "quoted", "ml-1m, BERT4Rec, NDCG@10, quoted from petrov2022", "differs", "agrees"),
    (K, "value: 0.1694", "value: 0.1704", "quoted", "CBiT, NDCG@10", "agrees", "differs"),
    (K, "value: 0.1078", "value: 0.1278", "quoted", "in line with an earlier study: ml-1m, SASRec", "differs", "agrees"),
    (L, "value: 0.2886", "value: 0.1600", "quoted", "ml-20m, BERT4Rec-VAE mlm-ce, HIT@10", "differs", "agrees"),
    ("across", "sun2019:\n    title: original paper on BERT4Rec\n    datasets: [beauty-b4r,", "sun2019:\n    title: original paper on BERT4Rec\n    datasets: [beauty-s3,", "quoted", "BERT4Rec, sampled-HIT@10", "open", ""),
    (L, "value: 0.0526, decimals: 4, source: petrov2022", "value: 0.0660, decimals: 4, source: petrov2022", "plausible", "BERT4Rec-VAE mlm-ce, quoted from petrov2022, NDCG@10 / HIT@10", "open", "agrees"),
    (K, "value: 0.0762", "value: 0.0262", "plausible", "ml-1m, BPR-MF bpr, NDCG@10 / HR@10", "agrees", "disagrees"),
    (K, "value: 0.3656", "value: 0.0656", "plausible", "ml-1m, BPR-MF bpr, HR@10 and HR@100", "agrees", "disagrees"),
    (R, "value: 0.8913", "value: 0.0090", "plausible", "SASRec bpr N=100, sampled-HIT@5", "open", ""),
    (L, "value: 616,", "value: 864,", "released", "SASRec bce N=100, training_time", "differs", "agrees"),
    (R, "value: 241.0343", "value: 341.0343", "released", "less training time", "differs", "differs"),
    (R, 'value: "1"', 'value: "N"', "released", "bce: weight of N negatives", "differs", "agrees"),
    (R, "value: mean of the logs", "value: log of the weighted sum", "released", "bpr-max", "differs", "agrees"),
)  # fmt: skip


def copied(folder: Path) -> Path:
    """A project with the papers and nothing else."""
    shutil.copytree(PAPERS, folder / "recipes" / "papers")
    return folder


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """The same with one text replaced, in its first place."""
    path = copied(folder) / "recipes" / "papers" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def verdicts(found: tuple[Finding, ...], kind: str, subject: str) -> list[str]:
    """Verdicts of the findings of a kind about a subject."""
    return [f.verdict for f in found if f.kind == kind and subject in f.subject]


@pytest.fixture(scope="module")
def as_printed() -> tuple[Finding, ...]:
    """The findings before any change."""
    return of_library(load(PAPERS.parents[1]))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change[3]}: {change[4]}")
def test_a_check_answers_to_its_numbers(
    tmp_path: Path, as_printed: tuple[Finding, ...], change: tuple[str, ...]
) -> None:
    name, old, new, kind, subject, before, after = change
    found = of_library(load(changed(tmp_path, name, old, new)))
    was, now = (verdicts(findings, kind, subject) for findings in (as_printed, found))
    assert (before in was) == bool(before)
    if before != after:
        assert now.count(before) < was.count(before) or not before
        assert now.count(after) > was.count(after) or not after
    else:
        assert found != as_printed


def test_significance_follows_the_statements_and_the_star(tmp_path: Path) -> None:
    old = 'about: "gSASRec NDCG@10 against BERT4Rec on Steam, called significant", kind: percent, reported: -1.74, '
    text = (PAPERS / f"{P}.yaml").read_text(encoding="utf-8")
    start = text.index(old)
    line = text[start : text.index("\n", start)]
    found = of_library(load(changed(tmp_path, P, line, line.replace("significant: true", "significant: false"))))
    assert verdicts(found, "statement", "gSASRec against BERT4Rec, steam") == ["agrees"]
    star = "metric: NDCG@10, value: 0.0735, decimals: 4, bold: false, underline: true, significant: "
    found = of_library(load(changed(tmp_path / "star", P, f"{star}false", f"{star}true")))
    (finding,) = [f for f in found if "gSASRec against BERT4Rec, steam" in f.subject]
    assert finding.recomputed.endswith("significant (star in table 3)")


def test_one_name_for_one_metric() -> None:
    assert {metric_of(name) for name in ("HIT@10", "HR@10", "Recall@10", "Hit@10")} == {"HIT@10"}
    assert [metric_of(name) for name in ("NDCG@10", "sampled-HIT@10", "users")] == [
        "NDCG@10",
        "sampled-HIT@10",
        "users",
    ]


FIRST = "{dataset: yelp, metric: users, value: 30431, unit: count, codebase: s3rec}"
MISTAKES = (
    (L, FIRST, FIRST.replace("metric", "metrik"), r"li2023.yaml: .*metrik: unknown key \(did you mean 'metric'"),
    (L, FIRST, FIRST.replace("30431", "many"), r"table1.values\[0\].value: .*got 'many'"),
    (L, FIRST, FIRST.replace("30431", ".inf"), "not a plain number"),
    (L, FIRST, FIRST.replace("30431", "0x1p4.0"), r"value: "),
    (L, "value: 15.80, decimals: 2", "value: 15.8, decimals: 2", "value 15.8 shows 1 decimals, not 2"),
    (L, FIRST, FIRST.replace("value", "dataset: yelp, value"), "duplicate key"),
    (L, "kind: ratio, reported: 5.5, unit: times, artifact: fig1", "kind: rate, reported: 5.5, unit: times, artifact: fig1", "kind: .*got 'rate'"),
    (L, "kind: least", "kind: product", "srgnn-gain-min: a claim of kind product lacks the fields it is computed from"),
    (L, "of: {model: SR-GNN, loss: ce-all}", "of: {model: SR-GNM, loss: ce-all}", "srgnn-gain-min: no number with a gain"),
    (L, "over: {label: BPR-max-10}", "over: {label: BPR-max-11}", "li2023: fig1-fold: 0 numbers match .*BPR-max-11"),
    (L, "of: {model: SASRec, loss: ce-all}, over: {model: BERT4Rec-hf}", "of: {model: SASRec}, over: {model: BERT4Rec-hf}", "b4r-vs-hf: no metric has both operands"),
    (L, "improvement_over: ce-last", "improvement_over: ce-lost", "improvement_pct of yelp, GRU4Rec, HIT@10: 0 numbers"),
    (L, "id: b4r-vs-hf", "id: b4r-vs-vae", "b4r-vs-vae is a duplicate"),
    (L, "value: four values}", "value: four values, fact: {paper: li2023, path: seeds}}", "give one of value, cell and fact"),
    (R, "aprec_runs.patience_bce", "aprec_runs.patience_bee", "protocol has no 'not_from_the_paper.aprec_runs.patience_bee'"),
    (R, "  paper: li2023\n", "  paper: li2032\n", "no paper 'li2032'"),
    (P, "key: petrov2023", "key: li2023", "key 'li2023' is used"),
    (P, "above: 0.17, better: {dataset", "better: {dataset", "above-0.17-with-256: a rule of kind threshold lacks"),
    (P, "better: {dataset: ml-1m, loss: gbce, negatives: 256}", "better: {dataset: ml-2m}", "above-0.17-with-256: matches no numbers"),
    (P, "worse: {artifact: table3, label: SASRec}", "worse: {artifact: table9}", "always-above-sasrec: compares no numbers"),
    (P, "metric: NDCG@10, value: 0.150, decimals: 3", "metric: NDCG@10, value: 0.000, decimals: 3", "intro-gbce-bert4rec: the divisor may be 0"),
    ("across", "petrov2023: max_length", "petrov2023: max_lenght", "protocol has no 'max_lenght'\n  fix: did you mean 'max_length'"),
    (L, FIRST, FIRST.replace("30431", "0"), "users of yelp: 0 is not a count"),
    (K, "paper:\n", "papers:\n", "papers: unknown key"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "message"), MISTAKES, ids=lambda value: value[-40:])
def test_a_mistake_in_a_paper_s_file_is_told_with_its_place(
    tmp_path: Path, name: str, old: str, new: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        of_library(load(changed(tmp_path, name, old, new)))
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (K, "value: 0.0641", "value: 0.0000"),
        (K, "value: 0.1078", "value: 0.0000"),
        (L, "value: 0.2886", "value: 0.0000"),
        (L, "value: 258,", "value: 0,"),
        (R, "HIT@10, value: 0.0164", "HIT@10, value: 0.0000"),
    ],
)
def test_a_zero_is_compared_with_nothing(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert of_library(load(changed(tmp_path, name, old, new)))


def test_a_project_without_papers_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no papers"):
        load(tmp_path)


def test_own_runs_whose_printed_metrics_do_not_follow_from_their_ranks() -> None:
    rows = [
        MetricRow(L, "0123456789", "lastfm", "sasrec/bce", "HIT@10", printed, value)
        for printed, value in (("0.0404", 0.04036), ("0.0404", 0.0339), ("0.0400", 0.04))
    ]
    found = list(records_findings(rows))
    assert [f.verdict for f in found] == ["agrees", "disagrees", "agrees"]
    assert found[1].recomputed == "0.033900"
    assert found[1].subject == "lastfm, sasrec/bce, HIT@10"
    with pytest.raises(MetricsError, match="'nan' is not a number"):
        list(records_findings([MetricRow(L, "0", "lastfm", "sasrec/bce", "HIT@10", "nan", 0.1)]))
    with pytest.raises(MetricsError, match="not a number"):
        list(records_findings([MetricRow(L, "0", "lastfm", "sasrec/bce", "HIT@10", "0.1", float("nan"))]))


def test_tests_that_depend_on_pairing() -> None:
    tests = [PairingRow(L, "lastfm", "ce-all over bce", "NDCG@10", 0.001, p) for p in (0.2, 0.04)]
    assert [f.verdict for f in records_findings(tests=tests)] == ["differs", "agrees"]
