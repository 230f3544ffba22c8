"""`harness reproduce` and `harness report`: output and exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from harness.cli.console import console, print_json, progress_console
from harness.cli.progress import Progress
from harness.commands import reproduce as workflow
from harness.commands.request_file import FIGURES
from harness.commands.table_request import TableRequest
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from harness.runs.plan import Run
    from harness.tables.build import Table


def reproduce(request: TableRequest) -> int:
    """Execute a request, print its table and the runs that could not start; return the exit code."""
    warn_of_unprinted_metrics(request)
    with Progress(request, progress_console()) as progress:
        made = workflow.reproduce(request, progress)
    print_table(made.table, made.files, request.config.root)
    tell_gaps(made.gaps, request.runs)
    if failed := [r for r in made.results if r.status == "failed"]:
        why = f"`harness runs show {failed[0].key[:8]} --log` shows why"
        text = f"{len(failed)} failed: {why}, --retry-failed runs them again"
        console(stderr=True).print(Text(text, style="red"), soft_wrap=True)
    return exit_code(made)


def report(request: TableRequest, formats: Sequence[str], as_json: bool = False) -> int:
    """Print and write the table from existing records; return the verdict's exit code."""
    warn_of_unprinted_metrics(request)
    made = workflow.report(request, formats)
    if as_json:
        from harness.report.formats.plain import plain

        print_json(plain(made.table))
        return exit_code(made)
    print_table(made.table, made.files, request.config.root)
    return exit_code(made)


def warn_of_unprinted_metrics(request: TableRequest) -> None:
    """Warn about metrics without a published value, so that a misspelt name is noticed."""
    if metrics := request.unprinted_metrics:
        recipe = request.recipe
        text = f"{recipe.artifact}: {recipe.published} prints no {' or '.join(metrics)} for its systems"
        console(stderr=True).print(Text(f"harness: {text}: no verdict on these values", style="yellow"), soft_wrap=True)


def exit_code(made: workflow.Reproduction) -> int:
    """Exit code: of a run that could not start, else 4 for a failed run, else the verdict's."""
    from harness.tables.verdicts import exit_code as verdict

    if made.gaps:
        return max(error.exit_code for error in made.gaps.values())
    return 4 if any(result.status == "failed" for result in made.results) else verdict(made.table)


def print_table(table: Table, written: Sequence[Path], root: Path) -> None:
    """Print the table's blocks, then its files' folder."""
    from harness.report.formats import terminal

    out = console()
    for block in terminal.blocks(table, width=out.width):
        out.print(block)
    folder = next((path.parent for path in written if path.parent.name != FIGURES), written[0].parents[1])
    shown = folder.relative_to(root) if folder.is_relative_to(root) else folder
    drawn = [path for path in written if path.parent != folder]
    names = ", ".join(path.name for path in written if path.parent == folder)
    names += f"{'; ' if names else ''}{len(drawn)} files in {drawn[0].parent.name}/" if drawn else ""
    out.print(Text(f"\nWritten: {shown}/{names}", style="bold"), soft_wrap=True)


def tell_gaps(gaps: Mapping[str, HarnessError], runs: list[Run]) -> None:
    """Print each reason why runs could not start once, with these runs."""
    labels = {run.key: run.label for run in runs}
    labels_of: dict[str, list[str]] = {}
    for key, error in gaps.items():
        labels_of.setdefault(str(error), []).append(labels[key])
    for message, stopped in labels_of.items():
        more = f" and {len(stopped) - 3} more" if len(stopped) > 3 else ""
        console(stderr=True).print(Text(f"harness: not run: {', '.join(stopped[:3])}{more}\n  {message}", style="red"))
