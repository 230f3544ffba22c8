"""`harness patch`: inspect, check and write patch series."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.core.errors import ArgumentError, PatchError
from harness.core.project_folders import find

if TYPE_CHECKING:
    from harness.core.config import Config
    from harness.upstreams.checkout import Pin
    from harness.upstreams.patches.series import Series

patch_app = typer.Typer(help="Inspect, check and write the patches of an upstream.", no_args_is_help=True)

Upstream = Annotated[str, typer.Argument(help="an upstream of harness.toml [default: all]")]
One = Annotated[str, typer.Argument(help="an upstream of harness.toml")]
Project = Annotated[Path | None, typer.Option(help="folder with harness.toml")]
Tree = Annotated[Path, typer.Option(help="work tree to write from, made by `harness patch tree`")]


def chosen(config: Config, upstream: str) -> list[tuple[Pin, Series]]:
    """Pins and series of one upstream, or of all."""
    from harness.upstreams.patches import series as patches
    from harness.upstreams.pins import pin_of

    names = [upstream] if upstream else sorted(config.file.upstreams)
    found = []
    for name in names:
        found.append((pin_of(config, name), patches.load(find(config.root, f"patches/{name}"))))
    return found


def settings(project: Path | None) -> Config:
    """The project's configuration."""
    from harness.core.config import load

    return load(project)


@patch_app.command("list")
def list_patches(upstream: Upstream = "", project: Project = None) -> None:
    """List the patches of each upstream with their purpose."""
    for pin, series in chosen(settings(project), upstream):
        typer.echo(f"{pin.name} {pin.url} @ {pin.commit}")
        for patch in series.patches:
            typer.echo(f"  {patch.name.removesuffix('.patch')}: {patch.header.get('What', '').splitlines()[0]}")


@patch_app.command()
def forms(project: Project = None) -> None:
    """Print the hashes for equivalent.toml: normal form of each overlay module, effect of each patch."""
    from harness.runs import overlay
    from harness.upstreams.patches.format import effect

    config = settings(project)
    for name, module in overlay.of_project(config.root).modules.items():
        typer.echo(f'"{name}" = "{module.form}"' if module.form else f'# "{name}" has an empty normal form')
    for pin, series in chosen(config, ""):
        for patch in series.patches:
            typer.echo(f'"{patch.name}" = "{effect(patch)}"  # of {pin.name}')


@patch_app.command()
def show(
    upstream: One, name: Annotated[str, typer.Argument(help="0003-choose-the-loss, or 0003")], project: Project = None
) -> None:
    """Show one patch: header, files, blobs, and the lines it inserts."""
    from harness.core.errors import near_misses
    from harness.upstreams.patches.series import describe

    ((_, series),) = chosen(settings(project), upstream)
    found = [p for p in series.patches if p.name.startswith(name)]
    if len(found) != 1:
        raise PatchError(
            str(series.folder), f"not exactly one patch {name!r}", near_misses(name, [p.name for p in series.patches])
        )
    typer.echo(describe(found[0]) + "\n")
    typer.echo(found[0].path.read_text(encoding="utf-8").partition("diff --git")[2].partition("\n")[2])


@patch_app.command()
def lint(upstream: Upstream = "", project: Project = None) -> None:
    """Check that patches only insert and have a header and full blob ids; needs no upstream."""
    from harness.upstreams.patches import series as patches

    problems: list[str] = []
    for pin, series in chosen(settings(project), upstream):
        found = patches.lint(series)
        problems += found
        typer.echo(f"{pin.name}: {len(series.patches)} patches, {len(found)} problems")
    if problems:
        raise PatchError("patches", "\n  ".join(["refused:", *problems]), "correct these patches")


@patch_app.command()
def verify(upstream: Upstream = "", project: Project = None) -> None:
    """Apply each series to its pinned upstream in a temporary folder and check blobs before and after."""
    from harness.upstreams.patches import series as patches
    from harness.upstreams.pins import clone_of

    config = settings(project)
    for pin, series in chosen(config, upstream):
        clone = clone_of(config, pin.name)
        with tempfile.TemporaryDirectory(prefix="harness-verify-") as scratch:
            identity = patches.verify(series, clone, pin, Path(scratch) / "tree")
        typer.echo(f"{pin.name}: {len(series.patches)} patches fit {pin.commit[:12]}, patched tree {identity}")


@patch_app.command()
def tree(
    upstream: One,
    folder: Annotated[Path, typer.Argument(help="folder of the new work tree")],
    upto: Annotated[str, typer.Option(help="apply the series up to this patch only")] = "",
    bare: Annotated[bool, typer.Option("--bare", help="apply no patch, e.g. after moving a pin")] = False,
    project: Project = None,
) -> None:
    """Create a work tree of the upstream with its series applied, to edit for `new` or `refresh`."""
    from harness.upstreams import checkout
    from harness.upstreams.patches import series as patches
    from harness.upstreams.pins import clone_of

    config = settings(project)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ArgumentError(
            str(folder), "is not an empty folder", "name a new folder: existing files are never overwritten"
        )
    ((pin, series),) = chosen(config, upstream)
    clone = clone_of(config, upstream)
    checkout.checkout(clone, pin, config.upstream(upstream).code, folder.resolve())
    if not bare:
        patches.apply(series.upto(upto) if upto else series, folder.resolve())
    typer.echo(f"{folder}: edit it, inserting lines only, then `harness patch new` or `harness patch refresh`")


@patch_app.command()
def new(
    upstream: One,
    name: Annotated[str, typer.Argument(help="what the patch does, in lower case with hyphens")],
    tree: Tree,
    what: Annotated[str, typer.Option(help="one sentence: what the patch does")],
    why: Annotated[str, typer.Option(help="one sentence: why")],
    equation: Annotated[str, typer.Option(help="the equation of a loss")] = "",
    project: Project = None,
) -> None:
    """Write the next patch of a series from an edited work tree."""
    from harness.upstreams.patches import authoring

    header = {"What": what, "Why": why, **({"Equation": equation} if equation else {})}
    folder = own_series(settings(project), upstream)
    typer.echo(f"written: {authoring.new(folder, tree.resolve(), name, header)}")


@patch_app.command()
def refresh(
    upstream: One,
    name: Annotated[str, typer.Argument(help="the patch to rewrite")],
    tree: Tree,
    project: Project = None,
) -> None:
    """Rewrite one patch from an edited work tree and rebase the later ones."""
    from harness.upstreams.patches import authoring

    config = settings(project)
    own_series(config, upstream)
    ((_, series),) = chosen(config, upstream)
    changed = authoring.refresh(series, tree.resolve(), name)
    typer.echo("\n".join(f"rewritten: {path}" for path in changed) or "nothing changed")


def own_series(config: Config, upstream: str) -> Path:
    """The folder of a series that may be written.

    Raises:
        ArgumentError: it is that of the shipped project, which stays as it is.
    """
    folder = find(config.root, f"patches/{upstream}")
    if not folder.is_relative_to(config.root):
        what = f"the patches of {upstream} are the shipped project's"
        fix = "change them in a clone of its repository, or add an upstream of another name to harness.toml"
        raise ArgumentError("UPSTREAM", what, fix)
    return folder
