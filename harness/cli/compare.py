"""`harness compare`: what is printed of two systems or two runs."""

from __future__ import annotations

from harness.cli.console import console
from harness.commands import compare
from harness.commands.table_request import TableRequest
from harness.core.errors import ArgumentError


def show(request: TableRequest, a: str, b: str, metrics: str, wilcoxon: bool = False) -> None:
    """Values, every test and every seed of the two.

    Args:
        request: of the artifact named, or of none, with the settings asked for.
        metrics: by comma; "" for those of the recipe.
        wilcoxon: the signed-rank test too.
    """
    from harness.report.formats import terminal

    if a == b:
        raise ArgumentError("compare", f"{a} is compared with itself", "name two")
    asked = compare.metric_list(metrics)
    if compare.KEY.fullmatch(a) and compare.KEY.fullmatch(b):
        table = compare.runs(request.config, a, b, asked, wilcoxon)
    else:
        table = compare.systems(request, a, b, asked, wilcoxon)
    out = console()
    for block in terminal.blocks(table, details=True):
        out.print(block)
