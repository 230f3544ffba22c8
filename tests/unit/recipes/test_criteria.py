"""Claims per dataset and metric, and what no recipe may claim."""

from __future__ import annotations

from harness.recipes.criteria import ClaimText, contradicted, opposites

METRICS, DATASETS = ("HIT@10", "NDCG@10"), ("d", "e")


def test_a_claim_is_about_every_metric_and_dataset_unless_it_names_them() -> None:
    assert len(list(ClaimText(better="b", worse="a").cells(METRICS, DATASETS))) == 4
    named = ClaimText(better="b", worse="a", metrics=("HIT@10",), datasets=("e",))
    assert [(cell.metric, cell.dataset) for cell in named.cells(METRICS, DATASETS)] == [("HIT@10", "e")]


def test_no_claim_stands_beside_its_opposite() -> None:
    """Table 2 of Petrov and Macdonald claimed A > B and B > A: exit code 0 was impossible."""
    claim, opposite = ClaimText(better="b", worse="a"), ClaimText(better="a", worse="b", datasets=("e",))
    faults = list(opposites([claim, opposite], METRICS, DATASETS))
    assert faults == [f"a > b ({metric} on e) contradicts another claim" for metric in METRICS]
    apart = [ClaimText(better="b", worse="a", datasets=("d",)), opposite]
    assert not list(opposites(apart, METRICS, DATASETS))


def test_a_claim_twice_or_against_itself_is_a_fault() -> None:
    claim = ClaimText(better="b", worse="a", metrics=("HIT@10",), datasets=("d",))
    assert list(opposites([claim, claim], METRICS, DATASETS)) == ["b > a (HIT@10 on d) is a duplicate"]
    (fault,) = opposites([claim.model_copy(update={"worse": "b"})], METRICS, DATASETS)
    assert fault.endswith("compares a system with itself")


def test_printed_values_deny_a_claim_that_they_do_not_bear_out() -> None:
    cells = list(ClaimText(better="b", worse="a", metrics=("HIT@10",)).cells(METRICS, DATASETS))
    values = {("b", "HIT@10", "d"): 0.0735, ("a", "HIT@10", "d"): 0.0746, ("b", "HIT@10", "e"): 0.5}
    assert list(contradicted(cells, values)) == ["b > a (HIT@10 on d), but the paper prints 0.0735 against 0.0746"]
    assert list(contradicted(cells, {**values, ("b", "HIT@10", "d"): 0.0746}))  # equality is not a gain
    assert not list(contradicted(cells, {**values, ("b", "HIT@10", "d"): 0.08}))
