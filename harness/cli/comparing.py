"""`harness compare`: what is printed of two systems or two runs."""

from __future__ import annotations

from harness import contrast
from harness.cli.consoles import console
from harness.core.errors import ArgumentError
from harness.job import Job


def show(job: Job, a: str, b: str, metrics: str, wilcoxon: bool = False) -> None:
    """Values, every test and every seed of the two.

    Args:
        job: of the artifact named, or of none, with the settings asked for.
        metrics: by comma; "" for those of the recipe.
        wilcoxon: the signed-rank test too.
    """
    from harness.report.formats import terminal

    if a == b:
        raise ArgumentError("compare", f"{a} is compared with itself", "name two")
    asked = contrast.metric_list(metrics)
    if contrast.KEY.fullmatch(a) and contrast.KEY.fullmatch(b):
        table = contrast.runs(job.config, a, b, asked, wilcoxon)
    else:
        table = contrast.systems(job, a, b, asked, wilcoxon)
    out = console()
    for block in terminal.blocks(table, details=True):
        out.print(block)
