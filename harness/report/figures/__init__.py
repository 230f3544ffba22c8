"""Figures of a table as SVG, PDF and PNG: the same data give the same bytes. matplotlib is imported on demand.

Colours are those of Okabe and Ito, which colour-blind readers can distinguish; marks also differ in shape, so that
figures are readable in greyscale. Widths are those of a column (3.3 in) and of a page (7 in) of a paper.
"""

from __future__ import annotations

from harness.report.figures.data import Curve, FigureData

__all__ = ["FORMATS", "Curve", "FigureData", "files"]

FORMATS = ("svg", "pdf", "png")


def files(data: FigureData) -> dict[str, bytes]:
    """Every figure in every format: file name to content, such as `agreement-lastfm.svg`.

    Per dataset: `agreement` (ours against the paper's), `differences` (users, for each claim; one for each metric),
    `grid` and lines named after an option (systems that differ in options of their loss), `curves` (validation and
    training) and `cost` (quality against time and memory); figures without data are omitted.
    """
    from harness.report.figures import agreement, cost, learning_curves, loss_options, page, user_differences

    found: dict[str, bytes] = {}
    with page.style():
        for dataset in data.table.spec.datasets:
            for draw in (agreement.draw, user_differences.draw, loss_options.draw, learning_curves.draw, cost.draw):
                for name, figure in draw(data, dataset):
                    page.lay_out(figure)
                    own = page.free_name(name, {n.rpartition(".")[0] for n in found})
                    title = f"{own}: {data.table.spec.artifact}"
                    for form in FORMATS:
                        found[f"{own}.{form}"] = page.saved(figure, form, title, data.table.spec)
    return found
