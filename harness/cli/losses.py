"""`harness losses`: the losses with their sources and options."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from harness.cli.console import console
from harness.core.config import Config
from harness.core.errors import ArgumentError, near_misses
from harness.recipes.loss_catalogue import Catalogue, Loss, load_catalogue
from harness.recipes.systems import written

ABOUT = "r⁺: score of the target, rⱼ: of a negative, rᵢ: of any item, σ: logistic function, #I: number of items"


def show(config: Config, name: str) -> None:
    """All losses, or one in full.

    Raises:
        ArgumentError: no loss of this name.
    """
    catalogue = load_catalogue(config)
    if name and name not in catalogue.losses:
        raise ArgumentError("NAME", f"unknown loss {name!r}", near_misses(name, catalogue.losses))
    out = console()
    if name:
        show_one(out, config, catalogue, name)
    else:
        show_all(out, config, catalogue)


def show_all(out: Console, config: Config, catalogue: Catalogue) -> None:
    """Every loss in two or three lines, then the upstreams that support custom losses."""
    out.print(Text(f"{ABOUT}\n", style="dim"))
    grid = Grid(box=None, pad_edge=False, show_header=False, padding=(0, 2, 1, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, loss in catalogue.losses.items():
        where = ", ".join(offering(config, name)) or "no upstream yet"
        origin = Text.assemble((f"{loss.source}", ""), ("  ·  in ", "dim"), where)
        options = Text(written(loss.options, "  "), style="cyan")
        grid.add_row(name, Group(Text(loss.equation), origin, options))
    out.print(grid)
    out.print("Details: harness losses gbce. Add to a table: harness reproduce ARTIFACT --loss gbce:k=256,t=0.75")
    own, without = takers(config, True), takers(config, False)
    out.print(f"Custom losses (--loss mine.py:my_loss) are supported by: {', '.join(own) or 'no upstream'}")
    if without:
        out.print(f"not supported by: {', '.join(without)}")


def show_one(out: Console, config: Config, catalogue: Catalogue, name: str) -> None:
    """One loss with the meaning of every option."""
    loss = catalogue.losses[name]
    out.print(Text.assemble((name, "bold"), f": {loss.title}\n"))
    facts = Grid(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    facts.add_row("value", Text(loss.equation))
    facts.add_row("", Text(ABOUT, style="dim"))
    facts.add_row("source", Text(loss.source))
    facts.add_row("upstreams", Text(", ".join(offering(config, name)) or "none yet"))
    out.print(facts)
    out.print()
    out.print(options_of(catalogue, loss))
    first = next(iter(loss.options.items()))
    out.print(Text(f"\nharness reproduce ARTIFACT --loss {name}:{first[0]}={first[1]}"), soft_wrap=True)


def options_of(catalogue: Catalogue, loss: Loss) -> Grid:
    """The options of a loss: default, allowed values, meaning."""
    grid = Grid(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("option", "default", "values", "meaning"):
        grid.add_column(title, no_wrap=title in ("option", "default"))
    for name, default in loss.options.items():
        option = catalogue.options[name]
        kind = "whole number" if isinstance(default, int) else "number"
        ends = [f"from {option.least:g}"] if option.least is not None else []
        ends += [f"to {option.most:g}"] if option.most is not None else []
        grid.add_row(
            name,
            str(default),
            ", ".join((*option.values, *loss.also.get(name, ()))) or " ".join([kind, *ends]),
            Text(option.about),
        )
    return grid


def offering(config: Config, name: str) -> list[str]:
    """Upstreams whose patches support a loss."""
    return [key for key, upstream in config.file.upstreams.items() if name in upstream.losses]


def takers(config: Config, own_loss: bool) -> list[str]:
    """Upstreams that support custom losses, or those that do not, each with its framework."""
    found = config.file.upstreams.items()
    return [
        f"{key} ({upstream.framework})" if upstream.framework else key
        for key, upstream in found
        if upstream.own_loss == own_loss
    ]
