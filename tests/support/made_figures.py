"""Data of figures for tests: the awkward table with curves, times and memory; eleven long names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from made_tables import awkward, published, ranks, run
from matplotlib.axes import Axes
from matplotlib.axis import Tick
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from harness.commands.figure_data import differences
from harness.core.results import Claim, Published, RunResult
from harness.report.figures import Curve, FigureData, agreement, cost, learning_curves, page
from harness.report.figures import user_differences as differing
from harness.tables.build import DatasetSpec, SystemSpec, TableSpec, build_table
from harness.tables.verdicts import judge_table

Draw = Callable[[FigureData, DatasetSpec], Iterator[tuple[str, Figure]]]
DRAW: tuple[Draw, ...] = (agreement.draw, differing.draw, learning_curves.draw, cost.draw)


def data(
    spec: TableSpec, runs: list[RunResult], papers: Sequence[Published] = (), curves: tuple[Curve, ...] = ()
) -> FigureData:
    """What figures of these runs are drawn from."""
    return FigureData(judge_table(build_table(spec, runs, papers)), differences(spec, runs), curves)


def made_curve(system: str, seed: int, values: list[float], losses: list[float], **more: object) -> Curve:
    """A curve on dataset d, best at its greatest value."""
    chosen = int(np.nanargmax(values)) if np.isfinite(values).any() else None
    known: dict[str, object] = {"chosen": chosen, **more}
    epochs = np.arange(len(values), dtype=np.float64)
    return Curve("d", system, seed, "NDCG@20", epochs, np.array(values), np.array(losses), **known)  # type: ignore[arg-type]


def awkward_data(**more: object) -> FigureData:
    """The awkward table: a failed run, a missing system, an unusable dataset, names that formats trip over."""
    spec, runs, papers = awkward()
    runs = [replace(r, seconds=None if r.system == "pop" else 60.0 * (r.seed or 1)) for r in runs]
    runs = [replace(r, peak_memory_mb=1600.0) if r.system == "a" else r for r in runs]
    nan = float("nan")
    found = (
        made_curve("a", 1, [0.1, 0.3, 0.2], [3.0, 2.0, 1.0]),
        made_curve("a", 2, [0.1, nan, 0.2, 0.1], [3.0, 2.5, nan, 1.0]),
        made_curve("a", 3, [0.2], [3.0]),
        made_curve("b", 3, [0.1, 0.2], [nan, nan], chosen=None, counted=False),
        replace(made_curve("a", 1, [0.1], [1.0]), dataset="of another table"),
    )
    return data(replace(spec, **more), runs, papers, found)  # type: ignore[arg-type]


LONG = (
    "GRU4Rec", "GRU4Rec +", "SR-GNN (as published)", "SR-GNN (as published) +", "SR-GNN (as released)",
    "SR-GNN (as released) +", "SASRec", "SASRec mit Größenbeschränkung, my_loss (gamma=3, k=256, margin=0.1)",
    "Модель с кириллицей", "S3Rec", "Donaudampfschifffahrtsgesellschaftskapitänsempfehlungssystem",
)  # fmt: skip


def crowded() -> FigureData:
    """Eleven systems with long names, six seeds (here and there two, one or none), three metrics."""
    rng = np.random.default_rng(3)
    keys = [f"m{place // 2}/{place % 2}" for place in range(len(LONG))]
    metrics = ("HIT@10", "NDCG@10", "MRR")
    spec = TableSpec(
        "paper/table", "A crowded table", metrics,
        (DatasetSpec("d", "A data set with a rather long name, as of 2023", 80),),
        (SystemSpec("pop", "Popularity", is_floor=True), *map(SystemSpec, keys, LONG)),
        tuple(Claim(b, a, m) for a, b in pairwise(keys) for m in metrics),
        seeds=(1, 2, 3, 4, 5, 6),
    )  # fmt: skip
    n_seeds = [6, 6, 2, 6, 1, 0, 6, 6, 6, 6, 6]
    runs = [run("pop", None, ranks(rng.integers(1, 60, 80).tolist()))]
    for place, key in enumerate(keys):
        for seed in range(1, n_seeds[place] + 1):
            own = ranks(rng.integers(1, 20 + 12 * place, 80).tolist())
            cost_of = {"seconds": 20.0 + 30 * place + seed, "peak_memory_mb": 300.0 + 100 * place}
            runs.append(run(key, seed, own, **cost_of))
    papers = [published(key, 0.4 - 0.03 * place, m) for place, key in enumerate(keys[:8]) for m in metrics[:2]]
    found = [
        made_curve(run_.system, run_.seed, list(np.linspace(0, 0.3, 20 + run_.seed)), [2.0] * (20 + run_.seed))
        for run_ in runs
        if run_.seed
    ]
    return data(spec, runs, papers, tuple(found))


def drawn(of: Draw, found: FigureData, dataset: str = "d") -> list[Figure]:
    """The figures of a kind on one dataset, laid out; call it within `sheet.style()`."""
    figures = [figure for _, figure in of(found, found.table.spec.dataset(dataset))]
    for figure in figures:
        page.lay_out(figure)
    return figures


def points(axes: Axes, kind: str) -> list[tuple[float, float]]:
    """The positions of the marks of a kind, in the order drawn."""
    lines = [line for line in axes.lines if line.get_label() == f"_{kind}"]
    return [(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)]


def lines_of(axes: Axes, kind: str) -> list[Line2D]:
    """Lines of a kind."""
    return [line for line in axes.lines if line.get_label() == f"_{kind}"]


def texts(figure: Figure) -> list[Text]:
    """Every text that is drawn; ticks beyond the ends of their axis exist but are not."""
    axes = [axis for own in figure.axes for axis in (own.xaxis, own.yaxis)]
    labels = {label for axis in axes for tick in (*axis.majorTicks, *axis.minorTicks) for label in _labels(tick)}
    labels -= {label for axis in axes for tick in axis._update_ticks() for label in _labels(tick)}
    every = figure.findobj(Text)
    return [t for t in every if t.get_visible() and t.get_text().strip() and t not in labels]


def _labels(tick: Tick) -> tuple[Text, Text]:
    return tick.label1, tick.label2
