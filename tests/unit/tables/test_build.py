from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from made_tables import hits, published, ranks, run, spec

from harness.core.errors import ArgumentError, MetricsError
from harness.core.results import Claim, RunResult
from harness.report.captions import SAME_VALUES
from harness.report.sentences import claim_caption, note_line, value_caption
from harness.stats import metrics
from harness.stats.corrections import holm
from harness.stats.seed_noise import gain_test, noise_of
from harness.tables.build import Cell, DatasetSpec, Note, SystemSpec, Table, build_table
from harness.tables.verdicts import exit_code, judge_table


def three_seeds() -> list[RunResult]:
    """A hits 10, 12, 14 of 100 users, B 20, 25, 30, popularity 8."""
    runs = [run("pop", None, hits(8, 100))]
    for seed, (a, b) in enumerate([(10, 20), (12, 25), (14, 30)], start=1):
        runs += [run("a", seed, hits(a, 100), epochs=seed), run("b", seed, hits(b, 100, first=5))]
    return runs


def cells(table: Table, metric: str = "HIT@10") -> dict[str, Cell]:
    return {cell.system: cell for row in table.rows if row.metric == metric for cell in row.cells}


def notes(table: Table, kind: str) -> list[Note]:
    return [note for note in table.notes if note.kind == kind]


def test_values_stand_beside_the_papers() -> None:
    found = cells(build_table(spec(), three_seeds(), [published("a", 0.1)]))
    assert list(found) == ["pop", "a", "b"]  # the floor comes first
    a = found["a"]
    assert a.estimate is not None
    assert (a.estimate.mean, a.estimate.n_seeds, a.estimate.n_users) == (pytest.approx(0.12), 3, 100)
    assert a.difference == pytest.approx(0.02)
    assert a.relative == pytest.approx(0.2)
    assert a.keys == ("a-1", "a-2", "a-3")
    assert a.same_digits == (1,)
    assert (found["b"].place, found["a"].place, found["pop"].place) == (1, 2, 0)
    assert found["b"].difference is None


def test_equal_means_share_a_place() -> None:
    found = cells(build_table(spec(seeds=(1,)), [run("a", 1, hits(9, 100)), run("b", 1, hits(9, 100, first=50))]))
    assert (found["a"].place, found["b"].place) == (1, 1)


def test_means_that_differ_by_rounding_share_a_place() -> None:
    """0.1 + 0.2 is not 0.3: one was bold, the other underlined."""
    runs = [run("a", s, hits(n, 10)) for s, n in ((1, 1), (2, 2), (3, 3))]
    runs += [run("b", s, hits(n, 10)) for s, n in ((1, 3), (2, 2), (3, 1))]
    found = cells(build_table(spec(datasets=(DatasetSpec("d", "Data", 10),)), runs))
    assert (found["a"].place, found["b"].place) == (1, 1)


def test_seeds_with_equal_ranks_count_as_one_training() -> None:
    """A code base that ignores its seed confirmed itself five times."""
    found = [(run(s, seed, hits(n, 100)), hits(n, 100)) for seed in (1, 2, 3) for s, n in (("a", 10), ("b", 30))]
    table = build_table(spec(), [replace(made, ranks=same) for made, same in found])
    estimate, comparison = cells(table)["a"].estimate, table.claims[0].comparison
    assert estimate is not None
    assert comparison is not None
    assert (estimate.n_seeds, comparison.n_trainings, len(comparison.per_seed)) == (1, 1, 1)
    assert [note.values for note in notes(table, "repeated seeds")] == [
        (("a", 1.0), ("a", 2.0), ("a", 3.0)), (("b", 1.0), ("b", 2.0), ("b", 3.0)),
    ]  # fmt: skip


def test_seeds_that_give_each_user_the_same_value_are_said_to_count_as_one() -> None:
    """The caption's reason, "fewer than three trainings", was false of seeds with other ranks and equal metrics."""
    runs = [run(s, seed, hits(n, 100)) for seed in (1, 2, 3) for s, n in (("a", 10), ("b", 30))]
    table = build_table(spec(), runs)
    comparison = table.claims[0].comparison
    assert comparison is not None
    assert (comparison.by_users_only, len(comparison.per_seed)) == (True, 3)
    for caption in (claim_caption(table), value_caption(table)):
        assert SAME_VALUES in caption
    assert SAME_VALUES not in claim_caption(build_table(spec(), three_seeds()))


def test_a_table_without_a_usable_run_counts_no_users() -> None:
    """It said "(n:  users; ...)"."""
    caption = claim_caption(build_table(spec(), [run(s, 1, None, reason="boom") for s in "ab"]))
    assert caption.startswith("Paired test over users and seeds (no valid run; over users only with one seed)")


@pytest.mark.parametrize("reason", ["https://example.org/a.txt: cannot be read", "small.txt: line 3", "ml-1m: no file"])
def test_the_reason_of_a_gap_stands_as_it_is(reason: str) -> None:
    """A file's name or an address began with a capital letter."""
    table = build_table(spec(), [*three_seeds()[:-1], replace(three_seeds()[-1], status="missing", reason=reason)])
    (note,) = notes(table, "missing")
    assert note_line(spec(), note) == f"{reason}: B (seed 3)."
    (absent,) = notes(build_table(spec(), three_seeds()[:-1]), "missing")
    assert note_line(spec(), absent) == "Not run: B (seed 3)."


def test_a_dataset_with_one_user_is_a_gap_with_a_note() -> None:
    made = spec(datasets=(DatasetSpec("d", "Data", 1),))
    table = build_table(made, [run(s, seed, hits(1, 1)) for seed in (1, 2, 3) for s in ("a", "b")])
    gaps = [cells(table)["a"].gap, table.claims[0].gap]
    assert [gap.reason for gap in gaps if gap] == ["1 user: no variance to estimate"] * 2
    assert len(notes(table, "not compared")) == 1


def test_a_claim_is_made_on_its_datasets_alone() -> None:
    two = (DatasetSpec("d", "Data", 100), DatasetSpec("e", "More", 100))
    claims = (Claim("b", "a", "HIT@10", datasets=("d",)), Claim("b", "pop", "HIT@10"))
    results = [*three_seeds(), *(replace(r, dataset="e", key=f"e-{r.key}") for r in three_seeds())]
    sizes = {"d": 2, "e": 1}
    table = build_table(spec(claims=claims, datasets=two, by_dataset=True, n_by_dataset=sizes), results)
    assert [(row.dataset, row.claim.worse) for row in table.claims] == [("d", "a"), ("d", "pop"), ("e", "pop")]
    found = [row.comparison for row in table.claims if row.comparison]
    assert [found[0].p_adjusted, found[1].p_adjusted] == holm([found[0].p, found[1].p])
    assert found[2].p_adjusted == found[2].p


def test_claims_pair_users_and_correct_over_the_table() -> None:
    made = spec(metrics=("HIT@10", "NDCG@10"), claims=(Claim("b", "a", "HIT@10"), Claim("b", "a", "NDCG@10")))
    runs = three_seeds()
    table = build_table(made, runs, [published("a", 0.1), published("b", 0.15)])
    hit, ndcg = (row.comparison for row in table.claims)
    assert hit is not None
    assert ndcg is not None
    by = {(r.system, r.seed): metrics.per_user(r.ranks, "HIT@10") for r in runs if r.ranks}
    a, b = (np.stack([by[system, seed] for seed in (1, 2, 3)]) for system in "ab")
    assert hit.test.p == pytest.approx(scipy.stats.ttest_rel(b.mean(axis=0), a.mean(axis=0)).pvalue)
    noises = [noise_of(list(b)), noise_of(list(a))]
    own = [noise for noise in noises if noise]
    assert hit.by_gain == gain_test(b - a, own, own, 0.05 * float(a.mean()))
    assert hit.interval == hit.by_gain.interval
    assert [hit.p_adjusted, ndcg.p_adjusted] == holm([hit.p, ndcg.p])
    assert [hit.p_users_adjusted, ndcg.p_users_adjusted] == holm([hit.test.p, ndcg.test.p])
    assert table.n_tests == 2
    assert (hit.gain, hit.relative) == (pytest.approx(0.13), pytest.approx(0.13 / 0.12))
    assert (table.claims[0].paper_gain, table.claims[0].paper_relative) == (pytest.approx(0.05), pytest.approx(0.5))
    assert sum(hit.wins) == 100
    assert [(g.seed, round(g.gain, 9)) for g in hit.per_seed] == [(1, 0.1), (2, 0.13), (3, 0.16)]


def test_the_order_of_users_in_a_run_changes_nothing() -> None:
    runs, order = three_seeds(), np.random.default_rng(0).permutation(100)
    shuffled = []
    for r in runs:
        assert r.ranks is not None
        rows = order if r.seed == 2 else np.arange(100)
        columns = {name: getattr(r.ranks, name)[rows] for name in ("users", "above", "tied", "candidates")}
        shuffled.append(replace(r, ranks=replace(r.ranks, **columns)))
    one, other = build_table(spec(), runs), build_table(spec(), shuffled)
    assert one.claims == other.claims
    assert one.rows == other.rows


def test_a_system_without_randomness_stands_for_every_seed() -> None:
    table = build_table(spec(claims=(Claim("b", "pop", "HIT@10"), Claim("pop", "a", "HIT@10"))), three_seeds())
    first, second = (row.comparison for row in table.claims)
    assert first is not None
    assert second is not None
    assert [round(g.gain, 9) for g in first.per_seed] == [0.12, 0.17, 0.22]
    assert [round(g.gain, 9) for g in second.per_seed] == [-0.02, -0.04, -0.06]
    assert cells(table)["pop"].seedless
    assert not notes(table, "missing")


def test_a_failed_run_is_a_gap_with_its_reason_and_the_others_go_on() -> None:
    runs = [r if r.key != "b-2" else run("b", 2, None, reason="exit 1: out of memory") for r in three_seeds()]
    table = build_table(spec(), runs)
    b = cells(table)["b"].estimate
    assert b is not None
    assert (b.n_seeds, b.mean) == (2, pytest.approx(0.25))
    assert [(g.system, g.seed, g.status, g.reason) for g in table.gaps] == [("b", 2, "failed", "exit 1: out of memory")]
    comparison = table.claims[0].comparison
    assert comparison is not None
    assert [g.seed for g in comparison.per_seed] == [1, 3]
    assert notes(table, "unequal seeds")[0].values == (("b", 2.0),)


def test_a_system_that_failed_or_never_ran_leaves_a_gap_in_values_and_claims() -> None:
    runs = [r for r in three_seeds() if r.system != "b"]
    table = build_table(spec(), [*runs, *(run("b", seed, None, reason="boom") for seed in (1, 2, 3))])
    assert [(g.status, g.reason) for g in (cells(table)["b"].gap, table.claims[0].gap) if g] == [("failed", "boom")] * 2
    never = build_table(spec(), runs)
    assert [(g.status, g.seed, g.reason) for g in never.gaps] == [("missing", None, "not run")]
    assert table.n_tests == never.n_tests == 0


def test_systems_without_a_common_seed_are_not_compared() -> None:
    runs = [run("a", 1, hits(10, 100)), run("b", 2, hits(10, 100))]
    row = build_table(spec(), runs).claims[0]
    assert row.comparison is None
    assert row.gap is not None
    assert "no seed that both" in row.gap.reason


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (hits(30, 99), "has 99 users, the recipe states 100"),
        (ranks([1] * 100, users=range(2, 102)), "its users are not those of the other runs"),
        (ranks([1] * 100, tied=[0] * 100), "tied < 1"),
        (replace(hits(30, 100), protocol={"ranking": "sampled"}), "ranks of the ranking 'sampled' cannot give HIT@10"),
        (replace(hits(30, 100), protocol={"seen": "kept"}), "protocol is not that of the other runs ("),
        (None, "finished without ranks"),
    ],
)
def test_a_run_that_cannot_be_compared_is_a_gap(bad: object, reason: str) -> None:
    runs = [r if r.key != "a-1" else replace(r, ranks=bad) for r in three_seeds()]  # type: ignore[arg-type]
    (gap,) = build_table(spec(), runs).gaps
    assert (gap.system, gap.seed, gap.status) == ("a", 1, "failed")
    assert reason in gap.reason


@pytest.mark.parametrize(("ranking", "n_gaps"), [("full", 0), ("sampled", 1)])
def test_an_untrained_baseline_may_treat_seen_items_in_its_own_way_but_not_rank_others(
    ranking: str, n_gaps: int
) -> None:
    runs = three_seeds()
    own = replace(hits(8, 100), protocol={"split": "leave-one-out", "ranking": ranking, "seen": "other"})
    assert len(build_table(spec(), [run("pop", None, own), *runs[1:]]).gaps) == n_gaps


def test_seeds_and_datasets_that_were_not_asked_for_are_passed_over() -> None:
    extra = [run("a", 9, hits(99, 100)), run("a", 9, None), run("a", 1, hits(99, 100), dataset="other")]
    assert vars(build_table(spec(), [*three_seeds(), *extra])) == vars(build_table(spec(), three_seeds()))


def test_two_results_for_one_run_are_refused() -> None:
    with pytest.raises(MetricsError, match="two runs for a, seed 1"):
        build_table(spec(), [*three_seeds(), run("a", 1, hits(3, 100))])


def test_unknown_metrics_and_systems_are_refused() -> None:
    with pytest.raises(ArgumentError, match="unknown metric"):
        build_table(spec(metrics=("HR@10",)), [])
    with pytest.raises(ArgumentError, match="unknown system 'bb'"):
        build_table(spec(claims=(Claim("bb", "a", "HIT@10"),)), three_seeds())


def test_recomputed_metrics_that_are_not_the_printed_ones_are_flagged_and_listed() -> None:
    line = "HIT@10: upstream printed 0.1300, its ranks give 0.150000"
    runs = [replace(r, disagreements=(line,)) if r.key in ("a-2", "b-1") else r for r in three_seeds()]
    table = build_table(spec(), runs)
    found = cells(table)
    assert (found["a"].disagrees, found["b"].disagrees, found["pop"].disagrees) == (True, True, False)
    assert [(n.system, n.seed) for n in notes(table, "disagrees")] == [("a", 2), ("b", 1)]
    assert "printed 0.1300" in notes(table, "disagrees")[0].text


def test_ties_that_would_change_a_printed_digit_are_told() -> None:
    tied = ranks([10] * 10 + [100] * 90, tied=[2] * 10 + [1] * 90)
    harmless = ranks([1] * 10 + [100] * 90, tied=[5] * 10 + [1] * 90)
    table = build_table(spec(seeds=(1,)), [run("a", 1, tied), run("b", 1, harmless)])
    assert (cells(table)["a"].ties, cells(table)["b"].ties) == (True, False)
    assert [note.values for note in notes(table, "ties")] == [(("a", 0.0), ("a", 0.1))]


def test_ties_that_no_printed_digit_shows_are_not_told() -> None:
    one = ranks([10] + [1] * 9 + [100] * 90, tied=[2] + [1] * 99)  # 0.09 or 0.10
    runs = [run("a", 1, one), run("b", 1, one)]
    table = build_table(spec(seeds=(1,)), runs, [published("a", 0.1, decimals=1), published("b", 0.1, decimals=2)])
    assert (cells(table)["a"].ties, cells(table)["b"].ties) == (False, True)


def test_systems_below_popularity_are_told_for_us_and_for_the_paper() -> None:
    runs = [run("pop", None, hits(31, 100))]
    for seed in range(1, 9):
        runs += [run("a", seed, hits(5, 100, first=seed)), run("b", seed, hits(40 + seed, 100))]
    made = spec(seeds=tuple(range(1, 9)))
    table = build_table(made, runs, [published("a", 0.5), published("b", 0.1)])
    ((floor, ours),) = (n.values for n in notes(table, "floor"))
    ((_, paper),) = (n.values for n in notes(table, "paper floor"))
    assert [floor, ours, paper] == [("pop", 0.31), ("a", pytest.approx(0.05)), ("b", 0.1)]


def test_below_popularity_is_not_said_where_it_may_be_chance() -> None:
    runs = [run("pop", None, hits(11, 100))]
    runs += [run("a", seed, hits(9, 100, first=20 + seed)) for seed in (1, 2, 3)]
    assert not notes(build_table(spec(), runs), "floor")


def test_seeds_block_has_epochs_ranges_and_the_papers_gain() -> None:
    table = build_table(spec(), three_seeds(), [published("a", 0.1), published("b", 0.15)])
    blocks = {block.system: block for block in table.seeds}
    assert [(line.seed, line.epochs) for line in blocks["a"].lines] == [(1, 1), (2, 2), (3, 3)]
    assert blocks["b"].ranges["HIT@10"] == (pytest.approx(0.2), pytest.approx(0.3))
    (spread,) = table.spreads
    assert (spread.system, spread.n_seeds) == ("b", 3)
    assert (spread.width, spread.paper_gain) == (pytest.approx(0.1), pytest.approx(0.05))


@pytest.mark.parametrize(("n", "kind"), [(1, "one seed"), (2, "two seeds"), (3, "")])
def test_few_seeds_are_told(n: int, kind: str) -> None:
    table = build_table(spec(seeds=tuple(range(1, n + 1))), three_seeds())
    assert [note.kind for note in table.notes if note.kind.endswith((" seed", " seeds"))] == ([kind] if kind else [])


def test_a_single_seed_is_significant_both_ways_while_the_seeds_together_say_nothing() -> None:
    """LastFM: one seed speaks for the loss, another against it, both with small p; over seeds nothing is left."""
    runs = []
    for seed, (a, b) in enumerate([(5, 30), (30, 5), (6, 26)], start=1):
        runs += [run("a", seed, hits(a, 100)), run("b", seed, hits(b, 100))]
    comparison = build_table(spec(), runs).claims[0].comparison
    assert comparison is not None
    assert [g.seed for g in comparison.misleading_seeds] == [1, 2, 3]
    assert {g.gain > 0 for g in comparison.misleading_seeds} == {True, False}
    assert comparison.open_to_seeds


def test_users_find_a_difference_that_seeds_overrule() -> None:
    runs = []
    for seed, b in enumerate((60, 12, 11), start=1):
        runs += [run("a", seed, hits(10, 100)), run("b", seed, hits(b, 100))]
    comparison = build_table(spec(), runs).claims[0].comparison
    assert comparison is not None
    assert comparison.found_by_users
    assert not comparison.significant
    assert comparison.overruled


def test_datasets_share_one_family() -> None:
    made = spec(datasets=(DatasetSpec("d", "D", 100), DatasetSpec("e", "E", 100), DatasetSpec("f", "F", 100)))
    runs = three_seeds() + [replace(r, dataset="e") for r in three_seeds()]
    table = build_table(made, runs)
    assert table.n_tests == 2
    assert [row.comparison is None for row in table.claims] == [False, False, True]
    assert dict(table.n_users) == {"d": 100, "e": 100, "f": 0}


def test_lookups_name_the_near_misses() -> None:
    made = spec(systems=(SystemSpec("sasrec", "S"),))
    with pytest.raises(ArgumentError, match="did you mean 'sasrec'"):
        made.system("sasrek")
    with pytest.raises(ArgumentError, match="unknown dataset"):
        made.dataset("x")


def test_comparisons_of_losses_put_in_leave_the_claims_as_they_were() -> None:
    """Holm's correction covers each family separately."""
    alone = build_table(spec(), three_seeds())
    own = (Claim("a", "pop", "HIT@10", own=True), Claim("b", "pop", "HIT@10", own=True))
    table = build_table(spec(claims=(*own, *spec().claims)), three_seeds())
    assert [row.claim.own for row in table.claims] == [False, True, True]
    assert table.claims[0].comparison is not None
    assert alone.claims[0].comparison is not None
    assert table.claims[0].comparison.p_adjusted == alone.claims[0].comparison.p_adjusted
    assert (table.n_tests, table.n_own_tests, alone.n_own_tests) == (1, 2, 0)
    ps = [row.comparison.p for row in table.claims[1:] if row.comparison]
    assert [row.comparison.p_adjusted for row in table.claims[1:] if row.comparison] == pytest.approx(holm(ps))


def adjusted(table: Table) -> list[float]:
    return [row.comparison.p_adjusted for row in table.claims if row.comparison]


def test_tests_of_the_family_that_are_not_shown_count_as_p_1() -> None:
    (alone,) = adjusted(build_table(spec(), three_seeds()))
    (one_of_four,) = adjusted(build_table(spec(n_family=4), three_seeds()))
    assert one_of_four == pytest.approx(min(1.0, 4 * alone))
    (dunn,) = adjusted(build_table(spec(n_family=4, correction="bonferroni"), three_seeds()))
    assert dunn == pytest.approx(min(1.0, 4 * alone))
    (raw,) = adjusted(build_table(spec(n_family=4, correction="none"), three_seeds()))
    assert raw == pytest.approx(alone)


def test_a_family_of_each_dataset_knows_nothing_of_the_others() -> None:
    claims = (Claim("b", "a", "HIT@10"), Claim("b", "pop", "HIT@10"))
    two = (DatasetSpec("d", "Data", 100), DatasetSpec("e", "More", 100))
    results = [*three_seeds(), *(replace(r, dataset="e", key=f"e-{r.key}") for r in three_seeds())]
    alone = adjusted(build_table(spec(claims=claims, by_dataset=True, n_family=2), three_seeds()))
    both = adjusted(build_table(spec(claims=claims, datasets=two, by_dataset=True, n_family=2), results))
    assert both == [*alone, *alone]
    together = adjusted(build_table(spec(claims=claims, datasets=two, n_family=4), results))
    assert all(one >= other for one, other in zip(together, both, strict=True))
    assert together != both


def test_a_comparison_has_every_test() -> None:
    (row,) = build_table(spec(), three_seeds()).claims
    assert row.comparison is not None
    more = row.comparison.more
    assert more.t.p == pytest.approx(row.comparison.test.p)
    assert more.t.mean == pytest.approx(row.comparison.gain)
    assert more.bootstrap.low < row.comparison.gain < more.bootstrap.high
    assert row.comparison.detectable > 0


@pytest.mark.parametrize(("printed", "cut"), [(0.1, True), (0.2, False), (0.3, False), (0.175, False)])
def test_a_number_of_the_paper_that_is_ours_cut_off_is_told(printed: float, cut: bool) -> None:
    """Of popularity alone, where nothing is random: 35 hits of 200 users are 0.175, which rounds to 0.2."""
    runs = [run("pop", None, hits(35, 200)), run("a", 1, hits(35, 200)), run("b", 1, hits(60, 200))]
    made = spec(datasets=(DatasetSpec("d", "Data", 200),), seeds=(1,))
    decimals = 3 if printed == 0.175 else 1
    papers = [published(system, printed, decimals=decimals) for system in ("pop", "a")]
    found = [note for note in build_table(made, runs, papers).notes if note.kind == "cut digits"]
    assert [note.values for note in found] == ([(("pop", -1.0),)] if cut else [])
    up = [*runs[:2], run("b", None, hits(58, 200))]  # 0.29, printed as 0.3
    assert not notes(build_table(made, up, [*papers, published("b", 0.3, decimals=1)]), "cut digits")


def test_seeds_with_identical_ranks_count_as_one_and_are_told() -> None:
    """A code base that ignores its seed gave ±0.0000 over three seeds and "supported"."""
    runs = [replace(r, ranks=hits(30, 100)) if r.system == "b" else r for r in three_seeds()]
    table = build_table(spec(), runs)
    b = cells(table)["b"].estimate
    assert b is not None
    assert (b.n_seeds, b.basis) == (1, "users")
    assert [note.values for note in notes(table, "repeated seeds")] == [(("b", 1.0), ("b", 2.0), ("b", 3.0))]
    comparison = table.claims[0].comparison
    assert comparison is not None
    assert [g.seed for g in comparison.per_seed] == [1]
    assert [line.status for block in table.seeds if block.system == "b" for line in block.lines] == ["finished"] * 3
    assert "Identical ranks, counted as one seed: B (seeds 1, 2 and 3)." in [
        note_line(spec(), note) for note in table.notes
    ]


def test_a_mark_of_a_run_is_told_shown_and_keeps_the_table_from_holding() -> None:
    runs = [replace(r, marks=("no weight moved",)) if r.key == "a-2" else r for r in three_seeds()]
    table = judge_table(build_table(spec(claims=()), runs))
    assert (cells(table)["a"].marked, cells(table)["b"].marked) == (True, False)
    assert [note_line(spec(), n) for n in notes(table, "marked")] == ["§ A, seed 2: no weight moved."]
    assert (exit_code(judge_table(build_table(spec(claims=()), three_seeds()))), exit_code(table)) == (0, 1)


def test_a_cut_off_beyond_all_candidates_is_told_to_be_trivial() -> None:
    """HIT@21 of 21 candidates was 1.0000, tested and judged."""
    few = replace(hits(30, 100), candidates=np.array([500] * 75 + [21] * 25))
    few = replace(few, above=np.minimum(few.above, 20))
    runs = [run("a", seed, few) for seed in (1, 2, 3)]
    table = build_table(spec(metrics=("HIT@10", "HIT@21", "NDCG@21"), claims=()), runs)
    (note,) = notes(table, "trivial")
    assert (note.metric, note.values) == ("HIT@21", (("a", 0.25),))
    assert note_line(spec(), note).endswith("so few candidates: A 25 % of the users.")
    last = run("a", 3, replace(few, candidates=np.full(100, 500)))  # regression: only the last seed was checked
    table = build_table(spec(metrics=("HIT@21",), claims=()), [*runs[:2], last])
    assert [note.values for note in notes(table, "trivial")] == [(("a", 0.25),)]


def test_systems_that_rank_different_numbers_of_items_are_told() -> None:
    """Regression: item ids with gaps silently gave a code base more candidates than the baseline."""

    def ranking(n_baseline: int, n_trained: int) -> list[Note]:
        runs = [replace(r, ranks=replace(r.ranks, items=n_trained)) for r in three_seeds() if r.ranks]
        runs = [replace(r, ranks=replace(r.ranks, items=n_baseline)) if r.system == "pop" else r for r in runs]
        return notes(build_table(spec(), runs), "candidates")

    (note,) = ranking(700, 733)
    text = "Systems rank different numbers of items; fewer items are an advantage: Popularity 700; A 733; B 733."
    assert note_line(spec(), note) == text
    assert not ranking(3646, 3648)  # the rows of padding and mask token, which S3Rec ranks too
    assert not ranking(0, 0)  # what older records say
