"""`harness dataset add`: adds your own data to a code base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.commands.dataset_add import Added
    from harness.recipes.datasets import Dataset, LeftOut

dataset_app = typer.Typer(help="Datasets of your own.", no_args_is_help=True)

Project = Annotated[Path | None, typer.Option(help="folder with harness.toml [default: found upwards from here]")]
Core = Annotated[int, typer.Option(help="remove users and items with fewer interactions, repeatedly", min=0)]
Length = Annotated[int, typer.Option(help="remove users with fewer items; leave-one-out needs 3", min=0)]


@dataset_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="interactions, in one of the formats of docs/data.md")],
    upstream: Annotated[str, typer.Option(help="the code base for the dataset, such as s3rec")],
    name: Annotated[str, typer.Option(help="name of the dataset for --where dataset=NAME")],
    label: Annotated[str, typer.Option(help="name in tables [default: the name]")] = "",
    kind: Annotated[
        str, typer.Option("--format", help="recbole, movielens, csv, plain or sequences [default: detected]")
    ] = "",
    repeats: Annotated[str, typer.Option(help="repeated items of a user: refuse, first, last or keep")] = "refuse",
    core: Core = 0,
    min_length: Length = 0,
    replace: Annotated[bool, typer.Option("--replace", help="replace an added dataset of this name")] = False,
    project: Project = None,
) -> None:
    """Check interactions, number users and items from 1, filter, and write the files that the code base reads."""
    from harness.commands import dataset_add
    from harness.core.config import load
    from harness.upstreams.own_data.filters import Choices

    config = load(project)
    choices = Choices(repeats, core, min_length)  # type: ignore[arg-type]  # checked before anything is read
    asked = dataset_add.Asked(file, upstream, name, label, kind, choices, replace)
    for line in summary(dataset_add.add(config, asked), config.root):
        typer.echo(line)


def summary(added: Added, root: Path) -> list[str]:
    """A summary: read, removed and written data, and the next command."""
    data, origin = added.dataset, added.dataset.origin
    assert origin is not None, "an added dataset has an origin"
    order = "by their times" if origin.order == "time" else "in the order of the file"
    lines = [
        f"{data.name} for {data.upstream}: {counted(data)}",
        f"read: {some(origin.rows, 'interaction')} of {origin.file} as {origin.format}; a user's items are {order}",
    ]
    if added.equal_times:
        same = f"{some(added.equal_times, 'interaction has', 'interactions have')} the time of another one of the user"
        lines.append(f"note: {same}; these keep the order of the file")
    if origin.identical:
        lines.append(f"left out: {some(origin.identical, 'duplicate')} (user, item and time)")
    if origin.repeated:
        lines.append(f"left out: {some(origin.repeated, 'repeat')} of an item by a user")
    if origin.core or origin.min_length:
        least = [f"{origin.core}-core"] if origin.core else []
        least += [f"users with fewer than {origin.min_length} items"] if origin.min_length else []
        lines.append(f"left out: {counted(origin.left_out)} ({', '.join(least)})")
    if added.seen_tests:
        had = f"{some(added.seen_tests, 'user has', 'users have')} the test item in the history"
        lines.append(f"note: {had}: a code base that leaves seen items out cannot recommend it")
    shown = [str(p.relative_to(root)) if p.is_relative_to(root) else str(p) for p in added.paths]
    lines.append(f"written: {', '.join(shown)}")
    if added.artifacts:
        first, *others = added.artifacts
        lines.append(f"next: harness reproduce {first} --where dataset={data.name}")
        lines += [f"or another table of {data.upstream}: {', '.join(others)}"] if others else []
    return lines


def counted(found: Dataset | LeftOut) -> str:
    """Users, items and interactions in words."""
    numbers = {"user": found.users, "item": found.items, "interaction": found.interactions}
    return ", ".join(some(n, what) for what, n in numbers.items())


def some(n: int, what: str, many: str = "") -> str:
    """A number with what it counts: `1 user`, `1,000 users`."""
    return f"{n:,} {what if n == 1 else many or what + 's'}"
