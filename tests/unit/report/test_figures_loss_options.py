"""Figures over the options of a loss: a grid of two options, lines of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from made_figures import data, drawn, lines_of, points, texts
from made_tables import hits, published, run, spec
from matplotlib.patches import Rectangle

from harness.core.results import Claim
from harness.report.figures import FigureData, loss_options, page
from harness.tables.build import SystemSpec

KS, TS = (1.0, 4.0, 16.0), (0.0, 0.5, 1.0)
POP = SystemSpec("pop", "Popularity", is_floor=True)


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    with page.style():
        yield


def grid(lack: str = "net/1-0") -> FigureData:
    """Nine points of a grid and a baseline with 10 hits of 100: k·(1 + 2t) more, at k = 4 and t = 0 fewer."""
    base = SystemSpec("net/base", "Net", model="net", loss="bce")
    cells = [SystemSpec(f"net/{k:g}-{t:g}", f"Net ({k:g}, {t:g})", False, "", "net", "gbce", {"k": k, "t": t})
             for k in KS for t in TS]  # fmt: skip
    claims = tuple(Claim(cell.key, base.key, "HIT@10") for cell in cells if cell.key != "net/1-0")
    made = spec(systems=(POP, base, *cells), claims=claims, seeds=(1,), correction="bonferroni")
    runs = [run("pop", None, hits(2, 100)), run(base.key, 1, hits(10, 100))]
    for cell in cells:
        more = -10 if cell.key == "net/4-0" else int(cell.options["k"] * (1 + 2 * cell.options["t"]))
        runs.append(run(cell.key, 1, hits(10 + more, 100)))
    runs = [one for one in runs if one.system != lack]
    return data(made, runs, [published("net/16-1", 0.5, decimals=3)])


def lines() -> FigureData:
    """Two models with two losses, each with three numbers of negatives; the paper prints one value."""
    cells = [SystemSpec(f"{m}/{loss}-{k:g}", f"{m.upper()}, {loss} ({k:g})", False, "", m, loss, {"k": k, **t})
             for m in ("net", "bert") for loss, t in (("bce", {}), ("gbce", {"t": 1.0})) for k in KS]  # fmt: skip
    made = spec(systems=(POP, *cells), claims=(), metrics=("HIT@10", "NDCG@10"), seeds=(1,))
    runs = [run("pop", None, hits(2, 100))]
    runs += [run(c.key, 1, hits(int(10 + c.options["k"]) * (2 if c.loss == "gbce" else 1), 100)) for c in cells]
    return data(made, runs, [published("net/bce-4", 0.2)])


def test_systems_that_differ_in_options_of_their_loss_belong_together() -> None:
    (family,) = loss_options.families(grid().table.spec.systems)
    assert (family.model, family.loss, family.names) == ("net", "gbce", ("k", "t"))
    assert family.systems[4.0, 0.5] == "net/4-0.5"
    assert [f.names for f in loss_options.families(lines().table.spec.systems)] == [("k",)] * 4
    alone = [SystemSpec("a", "A", model="net", loss="gbce", options={"k": 1.0})]
    assert loss_options.families([*alone, SystemSpec("b", "B", model="net", loss="bce")]) == []
    assert loss_options.families([*alone, replace(alone[0], key="b")]) == []  # distinguished by something else
    corners = [s for s in grid().table.spec.systems if s.key != "net/4-0.5"]
    assert loss_options.families(corners) == []  # a grid with a hole in it is none


def test_each_point_of_a_grid_has_our_mean_with_its_sign_and_the_papers_number() -> None:
    (figure,) = drawn(loss_options.draw, grid())
    axes = figure.axes[0]
    shown = {
        (t.get_position()[0], round(t.get_position()[1])): t.get_text() for t in axes.texts if "ours" in t.get_label()
    }
    assert shown == {
        (0, 0): "–", (0, 1): "0.1200", (0, 2): "0.1300", (1, 0): "0.0000↓", (1, 1): "0.1800∗", (1, 2): "0.2200∗",
        (2, 0): "0.2600∗", (2, 1): "0.4200∗", (2, 2): "0.5800∗",
    }  # fmt: skip
    assert [t.get_text() for t in axes.texts if "paper" in t.get_label()] == ["0.500"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "4", "16"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("k", "t")
    message = " ".join(" ".join(t.get_text().split()) for t in texts(figure))
    assert "∗ better than Net: paired t-test over users, p < 0.05 after Bonferroni's correction." in message
    assert "↓ worse than Net" in message
    assert "No counted run: Net (1, 0)." in message


def test_a_grid_is_the_deeper_the_better() -> None:
    (figure,) = drawn(loss_options.draw, grid())
    tiles = {p.get_xy(): p.get_facecolor() for p in figure.axes[0].patches if isinstance(p, Rectangle)}
    red = {(round(x + 0.48), round(y + 0.47)): color[0] for (x, y), color in tiles.items()}
    assert red[2, 2] < red[2, 1] < red[2, 0] < red[0, 1] < red[1, 0] < red[0, 0] == 1.0


def test_lines_over_one_option_by_model_loss_and_metric() -> None:
    (figure,) = drawn(loss_options.draw, lines())
    assert [axes.get_title() for axes in figure.axes[:2]] == ["NET", "BERT"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["HIT@10", "", "NDCG@10", ""]
    assert points(figure.axes[0], "ours") == [(1, 0.11), (4, 0.14), (16, 0.26), (1, 0.22), (4, 0.28), (16, 0.52)]
    assert points(figure.axes[0], "paper") == [(4.0, 0.2)]
    assert points(figure.axes[1], "paper") == []
    assert len({line.get_color() for line in lines_of(figure.axes[0], "ours")}) == 2
    assert len(lines_of(figure.axes[0], "interval")) == 6


def test_an_option_that_may_be_0_is_drawn_to_scale() -> None:
    cells = [SystemSpec(f"net/{t:g}", f"Net {t:g}", False, "", "net", "gbce", {"t": t}) for t in TS]
    made = spec(systems=(POP, *cells), claims=(), seeds=(1,))
    (figure,) = drawn(loss_options.draw, data(made, [run(c.key, 1, hits(10, 100)) for c in cells]))
    low, high = figure.axes[0].get_xlim()
    assert low <= 0 < 1 <= high
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0", "0.5", "1"]


def test_nothing_is_drawn_where_no_system_varies_or_none_has_a_number() -> None:
    assert drawn(loss_options.draw, data(spec(), [run("a", 1, hits(1, 100))])) == []
    bare = grid().table.spec
    assert drawn(loss_options.draw, data(bare, [run("pop", None, hits(1, 100))])) == []


@pytest.mark.parametrize("make", [grid, lines])
def test_texts_lie_inside_the_sheet(make: object) -> None:
    for figure in drawn(loss_options.draw, make()):  # type: ignore[operator]
        box = figure.bbox
        for text in texts(figure):
            own = text.get_window_extent()
            assert box.x0 - 1 <= own.x0 <= own.x1 <= box.x1 + 1, text.get_text()
            assert box.y0 - 1 <= own.y0 <= own.y1 <= box.y1 + 1, text.get_text()
