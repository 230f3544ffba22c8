"""The commands and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.cache_app import cache_app
from harness.cli.check import check_app
from harness.cli.dataset import dataset_app
from harness.cli.grouped_help import GroupedCommands
from harness.cli.images import images_app
from harness.cli.options import METRICS, Artifact, Device, Json, Project, with_table_options
from harness.cli.patch import patch_app
from harness.cli.runs_app import runs_app
from harness.core.name_values import comma_separated

if TYPE_CHECKING:
    from harness.commands.joined import JoinedRequest
    from harness.commands.table_request import TableRequest


def print_version(asked: bool) -> None:
    """Print the version and exit, if that is asked for."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"harness {version('seqrec-harness')}")
        raise typer.Exit


app = typer.Typer(
    name="harness",
    no_args_is_help=True,
    cls=GroupedCommands,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="print the version and exit")
    ] = False,
) -> None:
    """Rebuild a published table from pinned upstream code and test its values and claims statistically."""


def joined_request(request: TableRequest) -> JoinedRequest:
    """The request for a joined table."""
    from harness.commands.joined import JoinedRequest

    return JoinedRequest(request.config, request.artifact, request.settings, request.execution_options)


def reproduce(
    request: TableRequest,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show which runs would start, and why; run nothing")
    ] = False,
) -> None:
    """Execute the missing runs of a table, print it, and write it as Markdown, LaTeX, CSV and HTML."""
    from harness.cli import reproduce as reporting

    if request.only_counts:
        from harness.cli import count_datasets

        if dry_run:
            count_datasets.print_plan(request.config, request.artifact)
            return
        raise typer.Exit(count_datasets.reproduce(request.config, request.artifact))
    if dry_run:
        plan(request)
        return
    if request.is_joined:
        from harness.cli import joined

        raise typer.Exit(joined.reproduce(joined_request(request)))
    raise typer.Exit(reporting.reproduce(request))


def report(
    request: TableRequest,
    formats: Annotated[
        str, typer.Option("--format", help="comma-separated: md, tex, csv, html, figures")
    ] = "md,tex,csv,html",
    as_json: Json = False,
) -> None:
    """Build a table from existing records and write it; executes no run."""
    from harness.cli import reproduce as reporting

    if request.is_joined:
        from harness.cli import joined

        raise typer.Exit(joined.report(joined_request(request)))
    raise typer.Exit(reporting.report(request, comma_separated(formats), as_json))


def compare(
    request: TableRequest,
    a: Annotated[str, typer.Argument(help="a system such as sasrec/bce, or a run key", show_default=False)],
    b: Annotated[str, typer.Argument(help="the system or run key to compare with", show_default=False)],
    metrics: Annotated[str, typer.Option(help="comma-separated, e.g. HIT@10,MRR [default: the recipe's]")] = "",
    wilcoxon: Annotated[bool, typer.Option("--wilcoxon", help="also run the Wilcoxon signed-rank test")] = False,
    as_json: Json = False,
) -> None:
    """Test two systems, or two runs, against each other on existing records."""
    from harness.cli import compare as comparing

    comparing.show(request, a, b, metrics, wilcoxon, as_json)


def export(
    request: TableRequest,
    formats: Annotated[str, typer.Option("--format", help="of csv, parquet, trec")] = "csv",
    to: Annotated[Path, typer.Option(help="folder for the files")] = Path("export"),
    metrics: Annotated[str, typer.Option(help="HIT@10,MRR of each user; by default those of the recipe")] = "",
    ties: Annotated[str, typer.Option(help="rank among equal scores: mean, optimistic or pessimistic")] = "mean",
) -> None:
    """Write runs, per-user metrics, values and claims of a table as files for other programs; nothing is run."""
    from harness.cli import export as exporting

    exporting.write(request, formats, to, metrics, ties)


def plan(request: TableRequest, as_json: Json = False) -> None:
    """Show the runs of a table: finished, missing and why, with estimated time and disk space."""
    from harness.cli import joined, runs
    from harness.commands import table_status

    if as_json:
        runs.print_as_json(request, table_status.planned_runs)
    elif request.is_joined:
        joined.print_plan(joined_request(request))
    else:
        runs.print_plan(request)


def status(request: TableRequest, as_json: Json = False) -> None:
    """Show the result of each run of a table: status, epochs, time, memory, reason for a failure."""
    from harness.cli import joined, runs
    from harness.commands import table_status

    if as_json:
        runs.print_as_json(request, table_status.statuses)
    elif request.is_joined:
        joined.print_status(joined_request(request))
    else:
        runs.print_status(request)


def calibration(request: TableRequest, dataset: Annotated[str, typer.Option(help="a dataset of the recipe")]) -> None:
    """Plot predicted probabilities by rank, and against precision, from records such as petrov2023/fig1 and fig2."""
    from harness.commands import calibration as drawn

    for path in drawn.write(request, dataset):
        typer.echo(path)


OTHER = {
    "artifact": (Annotated[str, typer.Option(help="artifact of the two systems [default: the one with both]")], ""),
    "seeds": (Annotated[str, typer.Option(help="e.g. 42,43 [default: all that both systems have]")], ""),
}
app.command()(with_table_options(reproduce, ways=True, other=METRICS))
app.command()(with_table_options(report, other=METRICS))
app.command()(with_table_options(compare, other=OTHER))
app.command()(with_table_options(export))
app.command()(with_table_options(plan))
app.command()(with_table_options(status))
app.command()(with_table_options(calibration))


@app.command("list")
def list_all(
    upstreams: Annotated[
        bool, typer.Option("--upstreams", help="list the code bases and their commits instead")
    ] = False,
    datasets: Annotated[bool, typer.Option("--datasets", help="list the datasets and their sizes instead")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """List the artifacts: finished and missing runs, and the estimated time of the missing ones."""
    from harness.cli import listing
    from harness.core.config import load

    show = listing.show_upstreams if upstreams else listing.show_datasets if datasets else listing.show_artifacts
    show(load(project), as_json)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="an empty or new folder; this one by default")] = Path("."),
) -> None:
    """Start a project of your own, with all recipes and code bases that come with the harness."""
    from harness.commands import project_init

    for name in project_init.init(folder):
        typer.echo(f"written: {folder / name}")
    typer.echo("next: `harness list` shows what can be reproduced, `harness reproduce demo` tries it")


@app.command()
def losses(
    name: Annotated[str, typer.Argument(help="show one loss in full [default: list all]")] = "", project: Project = None
) -> None:
    """List the losses: equation, source, options, and the code bases that support each."""
    from harness.cli import losses as shown
    from harness.core.config import load

    shown.show(load(project), name)


@app.command()
def findings(
    paper: Annotated[str, typer.Option(help="one paper, e.g. li2023 [default: all]")] = "",
    kind: Annotated[
        str, typer.Option(help="one kind of finding: percentage, dataset, statement, across, ... [default: all]")
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="also list findings that agree, not only their number")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="print md, csv or txt to standard output")] = "",
    project: Project = None,
) -> None:
    """List inconsistencies in the papers' numbers, found by recomputing them from other printed numbers."""
    from harness.cli import findings as shown
    from harness.core.config import load

    shown.show(load(project).root, paper, kind, everything, form)


@app.command()
def doctor(
    executor: Annotated[str, typer.Option(help="local or docker: the executor to check for")] = "",
    device: Device = "cpu", project: Project = None,
) -> None:  # fmt: skip
    """Check this machine's setup and say how to fix problems; exit code 3 if a requirement is not met."""
    from harness.cli import doctor as shown
    from harness.core.config import load

    shown.show(load(project), executor, device)


@app.command()
def timesteps(
    artifact: Artifact,
    dataset: Annotated[str, typer.Option(help="a dataset of the recipe")] = "beauty-s3",
    at: Annotated[int, typer.Option(help="k of HIT@k")] = 10,
    project: Project = None,
) -> None:
    """Plot HIT@k at every time step from existing records, such as those of li2023/fig3."""
    from harness.commands import timesteps as drawn
    from harness.commands.table_request import TableRequest
    from harness.core.config import load
    from harness.recipes.selection import Settings

    for path in drawn.write(TableRequest(load(project), artifact, Settings()), dataset, at):
        typer.echo(path)


app.add_typer(runs_app, name="runs")
app.add_typer(patch_app, name="patch")
app.add_typer(images_app, name="images")
app.add_typer(check_app, name="check")
app.add_typer(dataset_app, name="dataset")
app.add_typer(cache_app, name="cache")
