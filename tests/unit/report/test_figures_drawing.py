"""What each figure draws: every number once and where it belongs, nothing for what is missing, no text on another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from made_figures import DRAW, Draw, awkward_data, crowded, data, drawn, lines_of, points, texts
from made_tables import hits, published, run, spec
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from scipy import stats

from harness.core.results import Published
from harness.report.figures import FigureData, agreement, cost, learning_curves, page, style
from harness.report.figures import user_differences as differing
from harness.tables.build import Row, SystemSpec


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with page.style():
        yield


def row_of(found: FigureData, metric: str) -> Row:
    return next(row for row in found.table.rows if (row.dataset, row.metric) == ("d", metric))


def test_agreement_draws_each_mean_seed_and_printed_value_in_its_row() -> None:
    found = awkward_data()
    (figure,) = drawn(agreement.draw, found)
    assert len(figure.axes) == 2
    for axes, metric in zip(figure.axes, ("HIT@10", "NDCG@10"), strict=True):
        cells = list(enumerate(row_of(found, metric).cells))
        assert points(axes, "mean") == [(c.estimate.mean, n) for n, c in cells if c.estimate]
        assert points(axes, "paper") == [(c.published.value, n) for n, c in cells if c.published]
        seeds = {b.system: [s.values[metric] for s in b.lines if s.values] for b in found.table.seeds}
        wanted = [value for _, c in cells for value in seeds.get(c.system, []) if len(seeds[c.system]) > 1]
        assert [x for x, _ in points(axes, "seed")] == wanted
        assert len(wanted) == 5


def test_agreement_draws_nothing_for_what_is_missing() -> None:
    found = awkward_data()
    (figure,) = drawn(agreement.draw, found)
    place = [cell.system for cell in row_of(found, "HIT@10").cells].index("c")
    for axes in figure.axes:
        assert place not in {round(y) for kind in ("mean", "seed") for _, y in points(axes, kind)}
        assert [t.get_text() for t in axes.texts if t.get_position()[1] == place and t.get_text()] == ["not run"]
        assert 0.0 not in {x for kind in ("mean", "seed", "paper") for x, _ in points(axes, kind)}


def test_a_zero_is_drawn_and_is_no_gap() -> None:
    found = data(spec(), [run("a", s, hits(0, 100)) for s in (1, 2)] + [run("b", 1, None, reason="broke")])
    (figure,) = drawn(agreement.draw, found)
    assert points(figure.axes[0], "mean") == [(0.0, 1)]
    assert [t.get_text() for t in figure.axes[0].texts if t.get_text()] == ["not run", "failed"]
    assert figure.axes[0].get_xlim()[0] < 0 < figure.axes[0].get_xlim()[1]


def test_the_band_is_the_margin() -> None:
    found = data(spec(), [run("a", 1, hits(10, 100))], [published("a", 0.2, decimals=2)])
    (figure,) = drawn(agreement.draw, found)
    (band,) = figure.axes[0].patches
    assert band.get_x() == pytest.approx(0.2 - 0.01)
    assert band.get_x() + band.get_width() == pytest.approx(0.2 + 0.01)


def test_the_floor_is_a_dashed_line_where_it_stands() -> None:
    found = awkward_data()
    (figure,) = drawn(agreement.draw, found)
    for axes, metric in zip(figure.axes, ("HIT@10", "NDCG@10"), strict=True):
        floor = row_of(found, metric).cells[0]
        dashed = [line.get_xdata()[0] for line in axes.lines if line.is_dashed()]
        assert floor.estimate
        assert dashed == [floor.estimate.mean]


@pytest.mark.parametrize(("value", "sign"), [(0.1, "✓"), (0.3, "≠"), (0.115, "?")])
def test_the_sign_of_the_verdict_stands_at_the_right_edge(value: float, sign: str) -> None:
    seeds = ((1, 10), (2, 10), (3, 13)) if sign == "?" else ((None, 10),)
    runs = [run("a", s, hits(n, 100, at=s or 1)) for s, n in seeds]
    (figure,) = drawn(agreement.draw, data(spec(), runs, [published("a", value, decimals=3)]))
    at_edge = [t.get_text() for t in figure.axes[0].texts if t.get_position()[0] > 1 and t.get_text()]
    assert at_edge == [sign]


def test_the_bold_line_is_the_interval_that_decides_and_the_thin_one_that_of_one_more_training() -> None:
    """The bar was the 95 % interval of the mean: it covered a value that was said to differ."""
    runs = [run("a", s, hits(n, 100)) for s, n in ((1, 20), (2, 21), (3, 22))] + [run("b", 1, hits(30, 100))]
    found = data(spec(), runs, [published("a", 0.2)])
    (figure,) = drawn(agreement.draw, found)
    a, b = row_of(found, "HIT@10").cells[1:]
    lines = {line.get_linewidth(): tuple(line.get_xdata()) for line in solid(figure, place=1)}
    assert a.test
    assert lines[agreement.BOLD] == (a.test.low, a.test.high)
    assert lines[agreement.THIN] == (a.test.prediction_low, a.test.prediction_high)
    assert a.test.low < 0.21 < a.test.high
    (unpublished,) = solid(figure, place=2)
    assert b.estimate
    ends = stats.t.interval(0.9, 99, 0.3, b.estimate.standard_error)
    assert tuple(unpublished.get_xdata()) == pytest.approx(ends)


def solid(figure: Figure, place: int) -> list[Line2D]:
    """The intervals that are drawn in a row."""
    lines = [line for line in figure.axes[0].lines if tuple(line.get_ydata()) == (place, place)]
    return [line for line in lines if line.get_linewidth() in (agreement.BOLD, agreement.THIN)]


def test_an_interval_that_would_squeeze_all_else_is_cut_and_marked() -> None:
    runs = [run("a", s, hits(n, 100)) for s, n in ((1, 8), (2, 10), (3, 14))]
    (figure,) = drawn(agreement.draw, data(spec(), runs, [published("a", 0.1)]))
    axes = figure.axes[0]
    assert axes.get_xlim()[1] < 0.25
    assert len(points(axes, "cut")) == 2
    assert any(style.CUT in t.get_text().replace("\n", " ") for t in texts(figure))
    (uncut,) = drawn(agreement.draw, data(spec(), [run("a", 1, hits(50, 100))], [published("a", 0.5)]))
    assert points(uncut.axes[0], "cut") == []


def test_differences_count_wins_ties_and_losses() -> None:
    found = data(spec(), [run("a", 1, hits(30, 100)), run("b", 1, hits(50, 100, first=20))])
    ((key, own),) = found.differences.items()
    assert key[1].better == "b"
    assert differing.shares(own) == pytest.approx((40, 40, 20))
    (figure,) = drawn(differing.draw, found)
    users, means = figure.axes
    assert sorted(bar.get_width() for bar in users.patches) == pytest.approx([-20, 40])
    assert {"40.0", "20.0", "40.0 %\nequal"} <= {t.get_text() for t in users.texts}
    assert points(means, "mean") == [(pytest.approx(0.2), 0)]


def test_bars_of_a_histogram_hold_every_user_who_differs() -> None:
    found = awkward_data()
    figure = drawn(differing.draw, found)[1]
    users, means = figure.axes
    own = next(d for (_, claim), d in found.differences.items() if claim.metric == "NDCG@10")
    better, ties, worse = differing.shares(own)
    heights = {side: [-b.get_height() for b in users.patches if (b.get_x() >= 0) == side] for side in (True, False)}
    per_bar = max(map(max, heights.values()))
    scale = max(np.histogram(own[own != 0], differing._bins([own]))[0]) / len(own) * 100 / per_bar
    assert sum(heights[True]) * scale == pytest.approx(better)
    assert sum(heights[False]) * scale == pytest.approx(worse)
    assert better + ties + worse == pytest.approx(100)
    assert len(points(means, "mean")) == 1
    assert len(points(means, "seed")) == 2


def test_claims_without_a_comparison_are_told_and_not_drawn() -> None:
    users, means = drawn(differing.draw, awkward_data())[0].axes
    assert [t.get_text() for t in users.texts][-1] == "not run"
    assert {y for _, y in points(means, "mean")} == {0}
    assert {bar.get_y() + bar.get_height() / 2 for bar in users.patches} == {0}


def test_a_comparison_whose_differences_were_not_handed_in_is_no_tie() -> None:
    users, means = drawn(differing.draw, replace(awkward_data(), differences={}))[0].axes
    assert next(t.get_text() for t in users.texts) == "no users' differences"
    assert not users.patches
    assert len(points(means, "mean")) == 1


def test_curves_have_a_line_for_each_seed_and_mark_the_chosen_epoch() -> None:
    (figure,) = drawn(learning_curves.draw, awkward_data())
    uppers, lowers = figure.axes[:3], figure.axes[3:]
    assert [len(lines_of(axes, "validation")) for axes in uppers] == [3, 1, 0]
    assert [len(lines_of(axes, "training")) for axes in lowers] == [3, 1, 0]
    assert points(uppers[0], "chosen") == [(1, 0.3), (2, 0.2), (0, 0.2)]
    assert points(uppers[1], "chosen") == []
    second = lines_of(uppers[0], "validation")[1]
    assert second.get_xdata().tolist() == [0, 2, 3]
    assert lines_of(lowers[0], "training")[1].get_xdata().tolist() == [0, 1, 3]
    assert [t.get_text() for t in uppers[2].texts] == ["no curve"]


def test_a_run_that_does_not_count_is_dotted_and_told() -> None:
    (figure,) = drawn(learning_curves.draw, awkward_data())
    assert [line.is_dashed() for line in lines_of(figure.axes[1], "validation")] == [True]
    assert not any(line.is_dashed() for line in lines_of(figure.axes[0], "validation"))
    assert "run that does not count" in [t.get_text() for t in texts(figure)]


def test_seeds_of_a_system_share_a_colour_and_models_do_not() -> None:
    (figure,) = drawn(learning_curves.draw, awkward_data())
    colors = [{to_hex(line.get_color()) for line in lines_of(axes, "validation")} for axes in figure.axes[:2]]
    assert [len(own) for own in colors] == [1, 1]
    assert colors[0] != colors[1]


def test_systems_of_one_model_share_colour_and_shape_and_differ_in_filling() -> None:
    marks = style.marks(crowded().table.spec)
    assert len({(m.color, m.marker, m.fill) for m in marks.values()}) == len(marks)
    assert (marks["m0/0"].color, marks["m0/0"].marker) == (marks["m0/1"].color, marks["m0/1"].marker)


def test_a_model_with_many_losses_gives_each_a_colour_and_shape_and_fills_what_was_released() -> None:
    losses, forms = ("bce", "bpr", "top1", "ssm"), ("published", "released")
    names = ["bce-1", *(f"{loss}-as-{form}" for loss in losses for form in forms)]
    systems = tuple(SystemSpec(f"net/{name}", name) for name in names)
    marks = style.marks(spec(systems=systems, claims=()))
    assert len({(m.color, m.marker, m.fill) for m in marks.values()}) == 9
    assert len({(m.color, m.marker) for m in marks.values()}) == 5
    assert [marks[f"net/{name}"].fill for name in names[:3]] == ["none", "none", "full"]


def test_cost_puts_the_points_of_papers_beside_ours() -> None:
    message = [("HIT@10", 0.5), ("training_time", 8.0), ("gpu_memory", 6400.0)]
    papers = [Published("d", system, metric, value, 4, beside="log") for system in "ab" for metric, value in message]
    papers += [Published("d", "a", "HIT@10", 0.7, 4)]  # without a time
    runs = [run("a", 1, hits(10, 100), seconds=10.0, peak_memory_mb=400.0)]
    found = replace(data(spec(), runs, papers), published=tuple(papers))
    (figure,) = drawn(cost.draw, found)
    axes = figure.axes[0]
    assert points(axes, "cross") == points(axes, "theirs") == [(8.0, 0.5), (8.0, 0.5)]
    ours, theirs = (lines_of(axes, name)[0].get_markersize() for name in ("memory", "their memory"))
    assert (theirs / ours) ** 2 == pytest.approx(16)
    assert "log, crossed out" in " ".join(t.get_text() for t in texts(figure))
    systems = tuple(replace(s, published_label="" if s.is_floor else "Net, x") for s in spec().systems)
    one = replace(found, table=replace(found.table, spec=replace(found.table.spec, systems=systems)))
    assert [p.system for p in cost.published_costs(one, "d")] == ["b"]  # one number for both: it is drawn for the last


def test_cost_draws_each_run_and_areas_are_memory() -> None:
    runs = [run("a", s, hits(10 + s, 100), seconds=10.0 * s, peak_memory_mb=400.0) for s in (1, 2, 3)]
    runs += [run("b", 1, hits(60, 100), seconds=4.0, peak_memory_mb=1600.0), run("b", 2, hits(50, 100))]
    found = data(spec(), runs)
    (figure,) = drawn(cost.draw, found)
    axes = figure.axes[0]
    assert points(axes, "seed") == [(10.0, 0.11), (20.0, 0.12), (30.0, 0.13)]
    assert points(axes, "mean") == [(20.0, pytest.approx(0.12)), (4.0, 0.6)]
    small, large = (line.get_markersize() for line in lines_of(axes, "memory"))
    assert (large / small) ** 2 == pytest.approx(4)


def test_cost_tells_what_it_cannot_place() -> None:
    runs = [run("a", 1, hits(10, 100), seconds=3.0), run("b", 1, hits(60, 100))]
    (figure,) = drawn(cost.draw, data(spec(), runs))
    message = " ".join(" ".join(t.get_text().split()) for t in texts(figure))
    assert "Not drawn, since no counted run has a time: B." in message
    assert "Peak memory unknown: A." in message
    assert len(points(figure.axes[0], "mean")) == 1
    assert lines_of(figure.axes[0], "memory") == []
    assert drawn(cost.draw, data(spec(), runs[1:])) == []


@pytest.mark.long
@pytest.mark.parametrize("draw", DRAW, ids=lambda draw: draw.__module__.rpartition(".")[2])
@pytest.mark.parametrize("make", [crowded, awkward_data])
def test_texts_are_legible_inside_the_sheet_and_do_not_overlap(draw: Draw, make: object) -> None:
    for figure in drawn(draw, make()):  # type: ignore[operator]
        assert figure.get_size_inches()[0] in (style.COLUMN_IN, style.PAGE_IN)
        found = texts(figure)
        assert min(t.get_fontsize() for t in found) >= 7
        boxes = [(t.get_text(), t.get_window_extent()) for t in found]
        for text, box in boxes:
            assert figure.bbox.x0 - 1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, text
            assert figure.bbox.y0 - 1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, text
        for (one, a), (other, b) in itertools.combinations(boxes, 2):
            width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert width < 1 or height < 2, f"{one!r} lies on {other!r}"


@pytest.mark.long
@pytest.mark.parametrize("draw", DRAW, ids=lambda draw: draw.__module__.rpartition(".")[2])
def test_legends_do_not_lie_on_axes(draw: Draw) -> None:
    for figure in drawn(draw, crowded()):
        for legend in figure.findobj(Legend):
            top = legend.get_window_extent().y1
            assert all(axes.get_tightbbox().y0 >= top - 1 for axes in figure.axes)


def test_one_metric_fits_a_column() -> None:
    (figure,) = drawn(agreement.draw, data(spec(), [run("a", 1, hits(10, 100))]))
    assert figure.get_size_inches()[0] == style.COLUMN_IN


def test_labels_are_broken_to_a_width_and_lose_their_middle() -> None:
    for text in ("SR-GNN (as published) +", "x" * 300, "a b", ""):
        lines = style.wrapped(text, 1.0, 2).split("\n")
        assert len(lines) <= 2
        assert all(style.width_in(line) <= 1.0 for line in lines)
    assert style.wrapped("a b", 1.0) == "a b"
    cut = style.wrapped("first " + "x" * 300 + " last", 1.0, 2)
    assert cut.startswith("first")
    assert cut.endswith("last")
    assert "…" in cut


@pytest.mark.parametrize(("low", "high"), [(0.004, 0.005), (1, 1), (3, 4), (15, 440), (2, 90_000), (100_000, 9e6)])
def test_a_time_axis_has_ticks_whatever_its_range(low: float, high: float) -> None:
    axes = Figure().subplots()
    style.time_axis(axes, low, high)
    ticks, (left, right) = axes.get_xticks(), axes.get_xlim()
    assert 2 <= len(ticks) <= 7
    assert left < low <= high < right
    assert all(left <= tick <= right for tick in ticks)


def test_ends_of_an_axis() -> None:
    assert style.limits([]) == (0.0, 1.0)
    low, high = style.limits([0.4, 0.5], [(0.3, 9.0)], least=0.0)
    assert 0.25 < low < 0.35
    assert high < 0.9
    low, high = style.limits([0.0, 0.0], narrowest=0.002)
    assert low < 0
    assert high > 0.001
