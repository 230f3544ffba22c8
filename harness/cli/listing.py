"""Prints artifacts, code bases with their pins, and datasets; as text or JSON."""

from __future__ import annotations

from dataclasses import asdict

from rich.text import Text

from harness.cli.console import console, grid_of, print_json
from harness.commands import listing
from harness.commands.listing import Listed
from harness.core.config import Config
from harness.report.rounding import duration


def show_artifacts(config: Config, as_json: bool) -> None:
    """Every artifact with its runs, finished runs, and the estimated time of the missing ones."""
    found = listing.list_artifacts(config)
    if as_json:
        print_json([asdict(listed) for listed in found])
        return
    grid = grid_of("artifact", "title", "code base", "runs", "finished", "failed", "time of missing runs")
    for listed in found:
        name = " = ".join((listed.artifact, *listed.aliases))
        counts = [str(listed.statuses.get(status, 0)) for status in ("finished", "failed")]
        numbers = [str(listed.runs), *counts, rest(listed)] if listed.runs else ["–", "–", "–", "counts files only"]
        grid.add_row(name, listed.title, ", ".join(listed.upstreams), *numbers)
    out = console()
    out.print(grid)
    note = (
        "Runs are those of the recipe's own settings. Time: on one core, from existing records; n×? means n "
        "runs without a similar record. `harness plan ARTIFACT` shows the runs, `harness reproduce ARTIFACT` "
        "executes them."
    )
    out.print(Text(f"\n{note}", style="dim"))


def rest(listed: Listed) -> str:
    """The estimated time of the missing runs."""
    known = [f"≈{duration(listed.cost.seconds)}"] if listed.cost.seconds else []
    unknown = [f"{listed.cost.unknown}×?"] if listed.cost.unknown else []
    return " + ".join(known + unknown) or "–"


def show_upstreams(config: Config, as_json: bool) -> None:
    """Every code base with its pin."""
    upstreams = config.file.upstreams
    if as_json:
        print_json({name: {"url": up.url, "commit": up.commit, "framework": up.framework, "losses": up.losses,
                           "beside": {n: {"url": c.url, "commit": c.commit} for n, c in up.beside.items()}}
                    for name, up in upstreams.items()})  # fmt: skip
        return
    grid = grid_of("code base", "address", "commit", "framework", "losses")
    for name, up in upstreams.items():
        grid.add_row(name, up.url, up.commit[:12], up.framework, str(len(up.losses) or "–"))
        for beside, companion in up.beside.items():
            grid.add_row(f"  with {beside}", companion.url, companion.commit[:12], "", "")
    console().print(grid)


def show_datasets(config: Config, as_json: bool) -> None:
    """Every dataset of every code base with its size."""
    found = listing.list_datasets(config)
    if as_json:
        print_json({name: {key: data.model_dump(mode="json") for key, data in own.items()}
                    for name, own in found.items()})  # fmt: skip
        return
    grid = grid_of("code base", "dataset", "label")
    for title in ("users", "items", "interactions"):
        grid.add_column(title, justify="right")
    for upstream, own in found.items():
        for key, data in own.items():
            grid.add_row(upstream, key, data.label, *(f"{n:,}" for n in (data.users, data.items, data.interactions)))
    console().print(grid)
