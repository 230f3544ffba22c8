"""The commands for joined tables: run the parts, print the table and its files' folder."""

from __future__ import annotations

from rich.text import Text

from harness.cli import runs
from harness.cli.console import console, grid_of, progress_console
from harness.cli.progress import Progress
from harness.cli.reproduce import tell_gaps
from harness.commands import joined
from harness.commands.joined import JoinedRequest, Made
from harness.core.errors import ArgumentError
from harness.report import joined as words


def reproduce(request: JoinedRequest) -> int:
    """Execute missing runs of the parts, print the joined table; return the exit code.

    Raises:
        HarnessError: a mistake in a recipe.
    """
    require_whole(request)
    made = joined.reproduce(request, lambda part: Progress(part, progress_console()))
    show(request, made)
    for part in request.parts.values():
        tell_gaps({run.key: made.gaps[run.key] for run in part.runs if run.key in made.gaps}, part.runs)
    return exit_code(made)


def report(request: JoinedRequest) -> int:
    """Print and write the joined table from existing records; return the exit code."""
    require_whole(request)
    made = joined.report(request)
    show(request, made)
    return exit_code(made)


def print_plan(request: JoinedRequest) -> None:
    """The plan of every part."""
    for name, part in request.parts.items():
        console().print(Text(f"\n{name}: {part.recipe.artifact}", style="bold"))
        runs.print_plan(part)


def print_status(request: JoinedRequest) -> None:
    """The status of every part's runs."""
    for name, part in request.parts.items():
        console().print(Text(f"\n{name}: {part.recipe.artifact}", style="bold"))
        runs.print_status(part)


def require_whole(request: JoinedRequest) -> None:
    """Refuse filters and losses: the parts of a joined table must have the same cells.

    Raises:
        ArgumentError: naming the option.
    """
    for option, given in (("--where", request.settings.where), ("--loss", request.settings.losses)):
        if given:
            fix = "run the part's own recipe instead, such as " + next(iter(request.recipe.parts.values())).recipe
            raise ArgumentError(option, "does not apply to a joined table", fix)


def exit_code(made: Made) -> int:
    """Exit code: of a run that could not start, else 4 for a failed run, else 1 if a claim is not supported."""
    if made.gaps:
        return max(error.exit_code for error in made.gaps.values())
    statuses = {run.status for runs_ in made.results.values() for run in runs_}
    verdicts = {claim.verdict for _, claim in words.claims(made.table)}
    return 4 if "failed" in statuses else 0 if verdicts <= {"supported"} else 1


def show(request: JoinedRequest, made: Made) -> None:
    """Print the table, then its files' folder."""
    out, table = console(), made.table
    out.print(Text(f"\n{table.title} ({table.artifact})\n", style="bold"))
    if banner := words.banner(table):
        out.print(Text(f"{banner}\n", style="bold red"), soft_wrap=True)
    grid = grid_of("metric", "loss")
    for part in table.parts:
        grid.add_column(part.label, justify="right")
    grid.add_column("same rank")
    for line in words.lines(table):
        cells = (f"{value.text} ({value.place})" if value.place else value.text for value in line.values)
        grid.add_row(line.metric, line.system, *cells, line.agrees)
    out.print(grid)
    for label, claim in words.claims(table):
        result = " ".join(filter(None, (claim.gain, claim.interval, claim.verdict)))
        out.print(Text(f"{label}: {claim.claim}, {claim.metric}: {result}"), soft_wrap=True)
    for note in words.notes(table):
        out.print(Text(note, style="dim"), soft_wrap=True)
    folder, root = made.files[0].parent, request.config.root
    shown = folder.relative_to(root) if folder.is_relative_to(root) else folder
    out.print(Text(f"\nWritten: {shown}/{', '.join(path.name for path in made.files)}", style="bold"), soft_wrap=True)
