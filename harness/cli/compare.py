"""`harness compare`: prints the comparison of two systems or two runs."""

from __future__ import annotations

from harness.cli.console import console, print_json
from harness.commands import compare
from harness.commands.table_request import TableRequest
from harness.core.errors import ArgumentError
from harness.stats.metrics import metric_list


def show(request: TableRequest, a: str, b: str, metrics: str, wilcoxon: bool = False, as_json: bool = False) -> None:
    """Print values, tests and single seeds of the two; return the exit code.

    Args:
        request: for the named artifact, or for none, with the requested settings.
        metrics: comma-separated; "" for those of the recipe.
        wilcoxon: also run the signed-rank test.
    """
    from harness.report.formats import terminal

    if a == b:
        raise ArgumentError("compare", f"{a} is compared with itself", "name two different systems or runs")
    asked = metric_list(metrics)
    if compare.KEY.fullmatch(a) and compare.KEY.fullmatch(b):
        table = compare.runs(request.config, a, b, asked, wilcoxon)
    else:
        table = compare.systems(request, a, b, asked, wilcoxon)
    if as_json:
        from harness.report.formats.plain import plain

        print_json(plain(table))
        return
    out = console()
    for block in terminal.blocks(table, details=True, width=out.width):
        out.print(block)
