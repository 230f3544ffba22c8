from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import ranks

from harness.core.errors import ArgumentError, MetricsError
from harness.core.results import Ranks
from harness.stats import metrics


def test_metrics_by_hand() -> None:
    found = ranks([1, 2, 3, 10, 11])
    assert metrics.per_user(found, "HIT@10").tolist() == [1, 1, 1, 1, 0]
    assert metrics.per_user(found, "HIT@2").tolist() == [1, 1, 0, 0, 0]
    expected = [1.0, 1 / math.log2(3), 0.5, 1 / math.log2(11), 0.0]
    np.testing.assert_allclose(metrics.per_user(found, "NDCG@10"), expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(metrics.per_user(found, "MRR"), [1, 1 / 2, 1 / 3, 1 / 10, 1 / 11])
    for name in ("MRR@3", "MAP@3"):
        np.testing.assert_allclose(metrics.per_user(found, name), [1, 1 / 2, 1 / 3, 0, 0])


def test_a_tie_takes_the_mean_of_its_places() -> None:
    found = ranks([3], tied=[4])  # places 3 to 6
    assert metrics.rank(found).tolist() == [4.5]
    assert metrics.rank(found, "optimistic").tolist() == [3]
    assert metrics.rank(found, "pessimistic").tolist() == [6]


def test_mean_rank_ten_and_a_half_is_no_hit_at_ten() -> None:
    assert metrics.per_user(ranks([10], tied=[2]), "HIT@10").tolist() == [0.0]
    assert metrics.per_user(ranks([9], tied=[3]), "HIT@10").tolist() == [1.0]  # mean rank 10


def test_ranks_come_from_scores_as_sorting_would_give_them() -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 40, size=(200, 30))
    own = scores[:, 0]
    above, tied = (scores > own[:, None]).sum(axis=1), (scores == own[:, None]).sum(axis=1)
    found = ranks((above + 1).tolist(), tied=tied.tolist())
    for user in range(200):
        places = [place for place, s in enumerate(sorted(scores[user], reverse=True), start=1) if s == own[user]]
        assert metrics.rank(found)[user] == np.mean(places)
        assert metrics.rank(found, "optimistic")[user] == min(places)
        assert metrics.rank(found, "pessimistic")[user] == max(places)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 9)), min_size=1, max_size=40))
def test_every_metric_lies_between_its_bounds(rows: list[tuple[int, int]]) -> None:
    found = ranks([place for place, _ in rows], tied=[tied for _, tied in rows])
    for name in ("HIT@1", "HIT@10", "NDCG@5", "NDCG@10", "MRR"):
        low, high = metrics.means_bounds(found, name)
        mean = metrics.per_user(found, name).mean()
        assert 0 <= low <= mean + 1e-12 <= high + 2e-12 <= 1 + 2e-12


@pytest.mark.parametrize(
    ("name", "meant"),
    [("HR@10", "HIT@10"), ("Recall@5", "HIT@5"), ("ndcg@10", "NDCG@10"), ("NDCG10", ""), ("HIT@0", ""), ("mrr", "MRR")],
)
def test_an_unknown_metric_is_told_what_is_known(name: str, meant: str) -> None:
    with pytest.raises(ArgumentError, match="unknown metric") as caught:
        metrics.parse(name)
    assert name in caught.value.where
    assert caught.value.fix.startswith(f"did you mean '{meant}'?" if meant else "known: HIT@k")


@pytest.mark.parametrize(
    ("places", "users", "tied", "problem"),
    [
        ([0], None, None, "above < 0"),
        ([1], None, [0], "tied < 1"),
        ([500], None, [2], "candidates"),
        ([1, 1], [4, 4], None, "duplicate users"),
        ([1, 1], [4, 5, 6], None, "3 users"),
        ([], None, None, "no users"),
    ],
)
def test_ranks_that_cannot_be(places: list[int], users: list[int] | None, tied: list[int] | None, problem: str) -> None:
    with pytest.raises(MetricsError, match=problem):
        metrics.check(ranks(places, users, tied))


def test_possible_ranks_pass_the_check() -> None:
    metrics.check(ranks([500, 1], tied=[1, 500]))


def test_printed_metrics_agree_to_their_own_digits() -> None:
    found = ranks([1, 2, 50])  # HIT@10 2/3, NDCG@10 0.54364...
    assert metrics.agrees_with_printed(found, {"HIT@10": "0.6667", "NDCG@10": "0.544", "MRR": "0.5067"}) == []
    assert metrics.agrees_with_printed(found, {"HIT@10": "0.66666668"}) == []  # float32
    assert metrics.agrees_with_printed(found, {"Loss": "nan", "HR@10": "1"}) == []
    (line,) = metrics.agrees_with_printed(found, {"HIT@10": "0.6666"})
    assert "printed 0.6666" in line
    assert "0.666667" in line


@pytest.mark.parametrize(
    "name",
    [
        "HIT@10",
        "hit@10",
        "Hit@10",
        "HR@10",
        "hr@10",
        "Recall@10",
        "nDCG@10",
        "ndcg@10",
        "hit_rate@10",
        "MAP @10",
        "test_ndcg@10",
        "test/HR@10",
        "Test Recall@10",
    ],
)
def test_every_spelling_of_a_printed_metric_is_checked(name: str) -> None:
    """Regression: only our spelling was checked; hit@10 could be printed as 0.99 with any ranks."""
    (line,) = metrics.agrees_with_printed(ranks([50, 60]), {name: "0.99"})
    assert line == f"{name}: upstream printed 0.99, its ranks give 0.000000"
    assert metrics.agrees_with_printed(ranks([50, 60]), {name: "0.00"}) == []


def test_every_printed_number_of_one_metric_is_checked() -> None:
    """A right hit@10 hid a wrong test_ndcg@10."""
    found = ranks([1, 2, 50])
    (line,) = metrics.agrees_with_printed(found, {"hit@10": "0.6667", "test_ndcg@10": "0.9", "HR@10": "0.667"})
    assert line.startswith("test_ndcg@10: upstream printed 0.9, its ranks give 0.5436")


def test_a_printed_metric_that_could_not_be_checked_is_told_beside_one_that_could() -> None:
    message, invalid = "printed, and not checked against the ranks: ", {"Precision@5": "0.1", "recall_20": "1"}
    assert metrics.unchecked({"hit@10": "0.5", "valid_ndcg@10": "0.1"}) == f"{message}valid_ndcg@10"
    assert metrics.unchecked({"hit@10": "0.5", **invalid}) == f"{message}Precision@5, recall_20"
    assert metrics.unchecked({"hit@10": "0.5", "HitRatio": "0.1"}) == f"{message}HitRatio"
    assert metrics.unchecked({"hit@10": "0.5", "minutes to converge": "3", "training_time": "9"}) == ""


def test_that_nothing_could_be_checked_is_told() -> None:
    assert metrics.unchecked({"loss": "0.1", "hr@10": "0.5"}) == ""
    assert metrics.unchecked({"loss": "0.1", "AUC": "0.5"}).endswith("none of AUC, loss follows from ranks")
    assert metrics.unchecked({}).endswith("it printed none")


def test_one_user_more_or_less_in_the_largest_dataset_is_seen() -> None:
    n = 281_428
    found = ranks([1] * 1000 + [100] * (n - 1000))
    assert metrics.agrees_with_printed(found, {"HIT@10": f"{1000 / n:.8f}"}) == []
    assert metrics.agrees_with_printed(found, {"HIT@10": f"{1001 / n:.8f}"})


def test_ties_allow_what_lies_between_their_bounds() -> None:
    found = ranks([10, 1, 100], tied=[2, 1, 1])
    for text in ("0.3333", "0.5000", "0.6667"):
        assert metrics.agrees_with_printed(found, {"HIT@10": text}) == []
    (line,) = metrics.agrees_with_printed(found, {"HIT@10": "0.70"})
    assert "ties" in line


@pytest.mark.parametrize("text", ["nan", "inf", "none", ""])
def test_a_printed_metric_that_is_no_number_disagrees(text: str) -> None:
    assert len(metrics.agrees_with_printed(ranks([1]), {"HIT@10": text})) == 1


SAMPLED = {"split": "leave-one-out", "ranking": "sampled"}


def with_sampled(full: list[int], sampled: list[int]) -> Ranks:
    """Ranks among everything, with ranks of the same users among a sample."""
    return replace(ranks(full), views={"sampled": replace(ranks(sampled), protocol=SAMPLED)})


def test_a_sampled_metric_is_made_from_sampled_ranks_and_no_other_metric_is() -> None:
    found = with_sampled([100, 2], [3, 1])
    assert metrics.parse("sampled-NDCG@10") == ("NDCG", 10, "sampled")
    assert metrics.parse("NDCG@10") == ("NDCG", 10, "")
    assert metrics.per_user(found, "HIT@10").tolist() == [0, 1]
    assert metrics.per_user(found, "sampled-HIT@10").tolist() == [1, 1]
    assert metrics.per_user(found, "sampled-MRR").tolist() == [1 / 3, 1]
    assert metrics.means_bounds(found, "sampled-HIT@1") == (0.5, 0.5)


def test_a_sampled_rank_gives_no_full_metric_and_a_full_one_no_sampled_metric() -> None:
    """A sampled rank in place of full ones would make every system look many times better."""
    with pytest.raises(MetricsError, match="ranking 'sampled' cannot give HIT@10"):
        metrics.per_user(replace(ranks([1]), protocol=SAMPLED), "HIT@10")
    with pytest.raises(MetricsError, match="ranking 'full' cannot give sampled-HIT@10"):
        metrics.per_user(replace(ranks([1]), views={"sampled": ranks([1])}), "sampled-HIT@10")
    with pytest.raises(MetricsError, match="has no sampled ranks"):
        metrics.per_user(ranks([1]), "sampled-HIT@10")


def test_sampled_metrics_as_printed_are_compared_with_sampled_ranks() -> None:
    found = with_sampled([100, 2], [3, 1])
    assert metrics.agrees_with_printed(found, {"HIT@10": "0.5000", "sampled-HIT@10": "1.0000"}) == []
    (line,) = metrics.agrees_with_printed(found, {"HIT@10": "0.5000", "sampled-HIT@10": "0.5000"})
    assert line == "sampled-HIT@10: upstream printed 0.5000, its ranks give 1.000000"
    (line,) = metrics.agrees_with_printed(ranks([1]), {"sampled-HIT@10": "1.0000"})
    assert line == "it printed sampled metrics and has no sampled ranks"


def test_sampled_ranks_must_be_of_the_same_users() -> None:
    other = replace(ranks([3, 1], users=[1, 9]), protocol=SAMPLED)
    with pytest.raises(MetricsError, match="sampled ranks of other users"):
        metrics.check(replace(ranks([100, 2]), views={"sampled": other}))


def test_ranks_that_are_sampled_throughout_give_sampled_metrics_only() -> None:
    """An upstream may have only this ranking; then its printed metrics are of these ranks, under any name."""
    sampled = replace(ranks([0, 4]), protocol={"ranking": "sampled"})
    assert metrics.per_user(sampled, "sampled-HIT@1").tolist() == [1.0, 0.0]
    with pytest.raises(MetricsError, match="cannot give HIT@1"):
        metrics.per_user(sampled, "HIT@1")
    assert metrics.agrees_with_printed(sampled, {"HIT@1": "0.5000", "sampled-HIT@1": "0.5"}) == []
    assert len(metrics.agrees_with_printed(sampled, {"HIT@1": "0.6000"})) == 1
    with pytest.raises(MetricsError, match="has no sampled ranks"):
        metrics.per_user(ranks([0, 4]), "sampled-HIT@1")
