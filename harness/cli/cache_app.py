"""`harness cache`: what lies in the cache, and its removal."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import Json, Project

cache_app = typer.Typer(help="Size and removal of clones, data, environments and other files that can be recreated.")


@cache_app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False, project: Project = None) -> None:
    """Show the folders of the cache and their sizes; `harness cache clean NAME` removes one."""
    if context.invoked_subcommand is not None:
        return
    from harness.cli.console import console, grid_of, print_json
    from harness.commands import cache
    from harness.core.config import load
    from harness.report.rounding import size

    config = load(project)
    found = cache.parts(config)
    if as_json:
        print_json([{"name": part.name, "entries": part.entries, "bytes": part.size} for part in found])
        return
    grid = grid_of("name", "size", "entries", "content")
    for part in found:
        grid.add_row(part.name, size(part.size), str(part.entries), part.content)
    out = console()
    out.print(grid)
    out.print(f"{size(sum(part.size for part in found))} in {config.cache}", soft_wrap=True)


@cache_app.command()
def clean(
    names: Annotated[list[str], typer.Argument(help="folders of the cache, e.g. trees environments")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    project: Project = None,
) -> None:
    """Remove folders of the cache; what they hold is made or fetched again when it is needed."""
    from harness.commands import cache
    from harness.core.config import load
    from harness.report.rounding import size

    config = load(project)
    cache.check_names(names)
    if yes or typer.confirm(f"Remove {', '.join(names)} from {config.cache}?"):
        for part in cache.clean(config, names):
            typer.echo(f"removed {part.name} ({size(part.size)})")
