"""`harness findings`: inconsistencies in the papers' numbers, on the console or as Markdown, CSV or plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from harness.cli.console import console
from harness.core.errors import ArgumentError, near_misses
from harness.findings.collect import chosen, collect, papers_of
from harness.findings.finding import KINDS, MEANINGS, Finding
from harness.recipes.papers.rounding import Verdict
from harness.report.findings import Section, counted, overview, sections, to_csv, to_markdown

FORMATS = ("md", "csv", "txt")
STYLES: dict[Verdict, str] = {
    "disagrees": "bold red", "not from print": "yellow", "differs": "magenta", "open": "cyan", "not printed": "blue",
    "agrees": "green",
}  # fmt: skip

TEXT_WIDTH = 100  # columns of findings as plain text


def show(root: Path, paper: str, kind: str, everything: bool, form: str) -> None:
    """The findings of a project.

    Raises:
        ArgumentError: unknown paper, kind or format.
        RecipeError: a paper's file has mistakes.
    """
    from harness.commands.record_findings import own_rows
    from harness.core.config import load

    for flag, value, known in (("--kind", kind, KINDS), ("--format", form, FORMATS)):
        if value and value not in known:
            raise ArgumentError(flag, f"unknown {flag.strip('-')} {value!r}", near_misses(value, known))
    found = collect(root, *own_rows(load(root)))
    if paper and paper not in (papers := papers_of(found)):
        raise ArgumentError("--paper", f"unknown paper {paper!r}", near_misses(paper, papers))
    found = chosen(found, paper, kind)
    if form == "md":
        typer.echo(to_markdown(found, everything), nl=False)
    elif form == "csv":
        typer.echo(to_csv(found), nl=False)
    else:
        out = Console(width=TEXT_WIDTH, highlight=False, color_system=None) if form == "txt" else console()
        for part in blocks(found, everything):
            out.print(part)


def blocks(findings: Sequence[Finding], everything: bool) -> Iterator[RenderableType]:
    """Overview, then one part for each kind."""
    yield Text(f"{len(findings)} figures and statements checked: {overview(findings) or 'none'}\n", style="bold")
    yield legend(findings, everything)
    for section in sections(findings, everything):
        yield heading(section)
        for group in section.groups:
            yield grid(
                Text(""), Text(group.verdict, STYLES[group.verdict]), Text("reported"), Text("recomputed or elsewhere")
            )
            for finding in group.findings:
                yield grid(Text("•"), Text(finding.subject), lines(finding.reported), lines(finding.recomputed))
                yield Padding(place(finding), (0, 0, 0, 4))
        yield Text()
    if not everything:
        yield Text("Findings that agree: --all. One kind: --kind KIND. One paper: --paper KEY.", style="dim")


def heading(section: Section) -> Text:
    """A kind's title with its counts."""
    text = Text.assemble((f"\n{section.title}", "bold underline"), (f"  --kind {section.kind}\n", "dim"))
    for i, (verdict, n) in enumerate(section.counts):
        text.append(", " if i else "").append(counted(verdict, n), style=STYLES[verdict])
    return text.append(f" ({section.counted} not listed)" if section.counted else "", style="dim")


def legend(findings: Sequence[Finding], everything: bool) -> Grid:
    """The meaning of each verdict that occurs."""
    table = Grid(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    occurring = {finding.verdict for finding in findings} - (set() if everything else {"agrees"})
    for verdict, meaning in MEANINGS.items():
        if verdict in occurring:
            table.add_row(Text(verdict, STYLES[verdict]), meaning)
    return table


def grid(*cells: Text) -> Grid:
    """Mark, subject, reported value and recomputed value, in the same columns in every row."""
    table = Grid(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=1)
    for ratio in (42, 28, 30):
        table.add_column(ratio=ratio)
    table.add_row(*cells)
    return table


def place(finding: Finding) -> Text:
    """The place in the paper, with the remark."""
    return Text.assemble((finding.place, "dim"), f" · {finding.remark}" if finding.remark else "")


def lines(text: str) -> Text:
    """What several papers say, each on its own line."""
    return Text(text.replace("; ", "\n"))
