"""What the commands do and print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from harness.cli.console import console
from harness.cli.progress import Progress
from harness.commands import reproduce as workflow
from harness.commands.table_request import TableRequest
from harness.core.errors import HarnessError, StoreError

if TYPE_CHECKING:
    from harness.runs.plan import Run
    from harness.tables.build import Table


def reproduce(job: TableRequest) -> int:
    """Carry out a job, print its table and write it; the exit code."""
    with Progress(job, console(stderr=True)) as progress:
        results, execution = workflow.reproduce(job, progress)
    table = workflow.report(job, results)
    print_table(table, workflow.publish(job, table), job.config.root)
    tell_gaps(execution.gaps, job.runs)
    if failed := [r for r in results if r.status == "failed"]:
        why = f"`harness runs show {failed[0].key[:8]} --log` shows why"
        text = f"{len(failed)} failed: {why}, --retry-failed runs them again"
        console(stderr=True).print(Text(text, style="red"), soft_wrap=True)
    return exit_code(table, execution.gaps, [r.status for r in results])


def report(job: TableRequest, formats: Sequence[str]) -> int:
    """Print and write the table of the records at hand; the verdict's exit code.

    Raises:
        StoreError: there is no record yet.
    """
    results = job.results()
    if all(r.status == "missing" for r in results):
        fix = f"`harness reproduce {job.name}` makes them; `harness plan {job.name}` shows what it would run"
        raise StoreError(job.recipe.artifact, "no record of this table yet", fix)
    table = workflow.report(job, results)
    print_table(table, workflow.publish(job, table, formats, results), job.config.root)
    return exit_code(table, {}, [r.status for r in results])


def exit_code(table: Table, gaps: Mapping[str, HarnessError], statuses: list[str]) -> int:
    """The error of a run that could not begin, then 4 for one that failed, then the verdict's."""
    from harness.tables.verdicts import exit_code as verdict

    if gaps:
        return max(error.exit_code for error in gaps.values())
    return 4 if "failed" in statuses else verdict(table)


def print_table(table: Table, written: Sequence[Path], root: Path) -> None:
    """The table's blocks, then where its files are."""
    from harness.report.formats import terminal

    out = console()
    for block in terminal.blocks(table):
        out.print(block)
    folder = next((path.parent for path in written if path.parent.name != workflow.FIGURES), written[0].parents[1])
    shown = folder.relative_to(root) if folder.is_relative_to(root) else folder
    drawn = [path for path in written if path.parent != folder]
    names = ", ".join(path.name for path in written if path.parent == folder)
    names += f"{'; ' if names else ''}{len(drawn)} files in {drawn[0].parent.name}/" if drawn else ""
    out.print(Text(f"\nWritten: {shown}/{names}", style="bold"), soft_wrap=True)


def tell_gaps(gaps: Mapping[str, HarnessError], runs: list[Run]) -> None:
    """Each reason why runs could not begin, once, with the runs it stopped."""
    labels = {run.key: run.label for run in runs}
    told: dict[str, list[str]] = {}
    for key, error in gaps.items():
        told.setdefault(str(error), []).append(labels[key])
    for message, stopped in told.items():
        more = f" and {len(stopped) - 3} more" if len(stopped) > 3 else ""
        console(stderr=True).print(Text(f"harness: not run: {', '.join(stopped[:3])}{more}\n  {message}", style="red"))
