"""`harness runs`: list, show, compare, remove and follow single runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from harness.cli.options import Json, Project, Where, pairs

runs_app = typer.Typer(help="List, show, compare and remove single runs.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="a run key or its first characters")]


@runs_app.command("list")
def list_all(where: Where = None, as_json: Json = False, project: Project = None) -> None:
    """List the records; --where takes upstream, dataset, system, model, loss, seed, status and profile."""
    from harness.cli.console import console, grid_of, print_json
    from harness.cli.runs import seed_text
    from harness.commands.stored_runs import list_runs
    from harness.core.config import load
    from harness.report.rounding import duration

    accepted = {name: value.split("|") for name, value in pairs(where, "--where").items()}
    found = list_runs(load(project), accepted)
    if as_json:
        print_json([asdict(run) for run in found])
        return
    grid = grid_of("key", "code base", "dataset", "system", "seed", "status", "epochs", "time", "ended")
    for run in found:
        epochs = "" if run.epochs is None else str(run.epochs)
        name = f"{run.system} ({run.profile})" if run.profile else run.system
        facts = (run.status, epochs, duration(run.seconds), run.ended[:10])
        grid.add_row(run.key[:8], run.upstream, run.dataset, name, seed_text(run.seed), *facts)
    out = console()
    out.print(grid)
    out.print(f"{len(found)} records")


@runs_app.command()
def show(
    key: Key,
    log: Annotated[bool, typer.Option("--log", help="print the upstream's output instead")] = False,
    project: Project = None,
) -> None:
    """Show one record: inputs, results and duration."""
    from harness.cli import runs
    from harness.core.config import load

    runs.show_run(load(project), key, log)


@runs_app.command()
def diff(a: Key, b: Key, project: Project = None) -> None:
    """Show how two records differ: inputs first, then results, times and packages."""
    from harness.cli.console import console, grid_of
    from harness.commands.stored_runs import compare_records
    from harness.core.config import load

    found = compare_records(load(project), a, b)
    out = console()
    out.print(Text("inputs", style="bold"))
    for line in found.inputs or ["equal"]:
        out.print(Text(f"  {line}"), soft_wrap=True)
    grid = grid_of("", found.a.folder.name[:8], found.b.folder.name[:8])
    for name, (first, second) in found.facts.items():
        grid.add_row(name, *("–" if value is None else str(value) for value in (first, second)))
    out.print(grid)


@runs_app.command()
def remove(
    keys: Annotated[list[str], typer.Argument(help="run keys or their first characters")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    project: Project = None,
) -> None:
    """Remove records; `harness reproduce` then executes their runs again."""
    from harness.cli.runs import seed_text
    from harness.commands.stored_runs import remove_record
    from harness.core.config import load
    from harness.runs.store import find_record

    config = load(project)
    for key in keys:
        record = find_record(config, key)
        typed = record.typed
        label = f"{typed.key[:8]} {typed.dataset} {typed.system} seed {seed_text(typed.seed)}"
        if yes or typer.confirm(f"Remove the record {label}?"):
            remove_record(config, record)
            typer.echo(f"removed {label}")


@runs_app.command()
def log(
    key: Key,
    follow: Annotated[bool, typer.Option("--follow", help="print what is added until the run ends")] = False,
    project: Project = None,
) -> None:
    """Print the log of a run, also while it is active."""
    from harness.commands import stored_runs
    from harness.core.config import load

    config = load(project)
    folder, active = stored_runs.log_of(config, key)
    if active and follow:
        for text in stored_runs.follow(config, folder):
            typer.echo(text, nl=False)
        return
    typer.echo(stored_runs.read_log(folder), nl=False)
