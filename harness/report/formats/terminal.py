"""A table on the console: values, claims and seeds with verdicts.

Below 100 columns metrics stand below each other, three seeds side by side, and claims without their percentages and
p-values, which the files have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from harness.report.view import view
from harness.report.view_model import ClaimLine, DatasetView, SeedBlock, TableView, ValueBlock, ValueText
from harness.tables.build import Table

_SIGNS = {
    "reproduced": ("=", "green"),
    "consistent": ("≈", "green"),
    "differs": ("≠", "red"),
    "reproduced by users only": ("(=)", "yellow"),
    "consistent by users only": ("(≈)", "yellow"),
    "differs by users only": ("(≠)", "yellow"),
    "inconclusive": ("?", "yellow"),
    "–": ("", ""),
    "not judged": ("", ""),
}
_CLAIMS = {
    "supported": "bold green", "contradicted": "bold red", "supported by users only": "green",
    "contradicted by users only": "red", "direction only": "yellow", "opposite direction": "yellow",
    "inconclusive": "yellow", "no difference": "bold yellow", "no difference by users only": "yellow",
    "better": "bold green", "worse": "bold red", "better by users only": "green", "worse by users only": "red",
}  # fmt: skip
WIDE = 100  # columns from which on all stands side by side
FEW_SEEDS = 3
MOST_SEEDS = 20  # a multiple of the seeds in a block
LEGEND = (
    "∗ claim holds over users and seeds, ° over users only, ↓ the opposite; = reproduced, ≈ consistent, "
    "≠ differs, ? inconclusive, in parentheses by users only; u: interval over users; † printed metrics disagree; "
    "‡ depends on ties"
)


def blocks(table: Table, *, details: bool = False, width: int = WIDE) -> list[RenderableType]:
    """The table's blocks from top to bottom; the signature is last.

    Args:
        details: also every test of the comparisons.
        width: columns of the console.
    """
    narrow = width < WIDE
    seen = view(table)
    parts: list[RenderableType] = [Panel(Text(banner, style="bold"), border_style="red") for banner in seen.banners]
    parts.append(Text.assemble((f"{seen.artifact}: {seen.title}\n", "bold"), seen.summary))
    if seen.alarms:
        text = Text("\n".join(f"• {alarm}" for alarm in seen.alarms))
        parts.append(Panel(text, title="Other seeds may reverse these results", border_style="bold red"))
    for dataset in seen.datasets:
        parts += _dataset(dataset, seen, narrow)
        if details:
            previous = f"{seen.claim_test_caption} {seen.detail_caption}"
            lines = [*dataset.claims, *dataset.own]
            parts += [_details_text(seen, lines) if narrow else _details(seen, lines), Text(previous, style="dim")]
    if not table.spec.compared:
        parts.append(Text(seen.claim_caption, style="dim"))
    if seen.own_caption:
        parts.append(Text(seen.own_caption, style="dim"))
    if seen.footnotes:
        parts.append(Text("\n".join(f"• {note}" for note in seen.footnotes)))
    parts.append(Text(seen.signature, style="dim"))
    return parts


def _dataset(dataset: DatasetView, seen: TableView, narrow: bool) -> Iterator[RenderableType]:
    yield Text(f"\n{dataset.label} ({dataset.users})", style="bold")
    for block in dataset.values:
        yield from _values_by_metric(block, seen) if narrow else [_values(block, seen)]
    yield Text(LEGEND, style="dim")
    if dataset.notes:
        yield Text("\n".join(f"• {note}" for note in dataset.notes))
    for title, lines in (("claim", dataset.claims), (seen.own_title, dataset.own)):
        if lines:
            yield _claims(title, lines, seen, narrow)
    yield from _first_seeds(dataset.seeds, seen, narrow)
    if dataset.spreads:
        yield Text("\n".join(f"• {line}" for line in dataset.spreads))


def _first_seeds(blocks: Sequence[SeedBlock], seen: TableView, narrow: bool) -> Iterator[RenderableType]:
    """The blocks of the first seeds; the files have all seeds."""
    seeds = list(dict.fromkeys(seed for block in blocks for seed in block.seeds))
    for block in blocks:
        if block.seeds[0] in seeds[:MOST_SEEDS]:
            yield from (_seeds(part, seen) for part in (_few_seeds(block) if narrow else [block]))
    if len(seeds) > MOST_SEEDS:
        yield Text(f"{len(seeds) - MOST_SEEDS} more seeds are in the table's files.", style="dim")


def _grid(first: str) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column(first, overflow="fold")
    return grid


def _values(block: ValueBlock, seen: TableView) -> Grid:
    grid = _grid("")
    for metric in block.metrics:
        for title in (metric, seen.published_in, "diff %"):
            grid.add_column(title, justify="right", no_wrap=True)
        grid.add_column("")
        for title in seen.beside:
            grid.add_column(title, justify="right", no_wrap=True)
    for title in (title for fact in block.training for title in (fact, seen.published_in)):
        grid.add_column(title, justify="right", no_wrap=True)
    for line in block.lines:
        name = Text(line.system, style="italic" if line.is_floor else "")
        cells = (*(part for cell in line.cells for part in _value(cell)), *map(Text, line.training))
        grid.add_row(name, *cells, end_section=line.is_floor)
    return grid


def _values_by_metric(block: ValueBlock, seen: TableView) -> Iterator[Grid]:
    """The values of a block, a grid for each metric; facts of trainings stand beside the last."""
    for i, metric in enumerate(block.metrics):
        last = i == len(block.metrics) - 1
        lines = tuple(replace(n, cells=n.cells[i : i + 1], training=n.training if last else ()) for n in block.lines)
        yield _values(replace(block, metrics=(metric,), lines=lines, training=block.training if last else ()), seen)


def _value(cell: ValueText) -> tuple[Text, ...]:
    style = {1: "bold", 2: "underline"}.get(cell.place, "")
    half = f" ±{cell.half}" if cell.half else ""
    ours = Text.assemble((cell.ours, style), half, cell.basis, cell.sign, cell.marks)
    sign, colour = _SIGNS.get(cell.verdict, (cell.verdict, "red"))
    return ours, Text(cell.paper), Text(cell.percent), Text(sign, style=colour), *map(Text, cell.beside)


def _details(seen: TableView, lines: Sequence[ClaimLine]) -> Grid:
    grid = _grid("")
    for title in ("metric", *seen.claim_titles, *seen.detail_titles):
        grid.add_column(title, justify="left" if title == "metric" else "right")
    previous = ""
    for c in lines:
        grid.add_row(Text("" if c.claim == previous else c.claim), Text(c.metric), *map(Text, (*c.tests, *c.details)))
        previous = c.claim
    return grid


def _details_text(seen: TableView, lines: Sequence[ClaimLine]) -> Text:
    """Every test of the comparisons, a paragraph for each."""
    titles = (*seen.claim_titles, *seen.detail_titles)
    return Text(
        "\n".join(
            f"{c.claim}, {c.metric}: "
            + ", ".join(f"{title} {text}" for title, text in zip(titles, (*c.tests, *c.details), strict=True) if text)
            for c in lines
        )
    )


def _claims(first: str, lines: Sequence[ClaimLine], seen: TableView, narrow: bool) -> Grid:
    """Claims, or comparisons of added losses, which no paper has."""
    paper = first == "claim" and not narrow
    grid = _grid(first)
    percentages = [] if narrow else ["gain %", *([f"{seen.published_in} %"] if paper else []), f"p ({seen.correction})"]
    for title in ("metric", "gain", "95 % interval", *percentages, "seeds"):
        grid.add_column(title, justify="left" if title == "metric" else "right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    previous = ""
    for c in lines:
        verdict = Text(c.verdict + (" (!)" if c.alarm else ""), style=_CLAIMS.get(c.verdict, "red"))
        printed = [] if narrow else [c.percent, *([c.paper] if paper else []), c.p_adjusted]
        cells = (c.metric, c.gain, c.interval + c.basis, *printed, c.seeds)
        grid.add_row(Text("" if c.claim == previous else c.claim), *map(Text, cells), verdict)
        previous = c.claim
    return grid


def _few_seeds(block: SeedBlock) -> Iterator[SeedBlock]:
    """A block with three seeds side by side at most; range and paper stand beside the last ones."""
    for start in range(0, max(len(block.seeds), 1), FEW_SEEDS):
        chosen, last = slice(start, start + FEW_SEEDS), start + FEW_SEEDS >= len(block.seeds)
        rows = tuple(
            replace(row, cells=row.cells[chosen], range=row.range if last else "", paper=row.paper if last else "")
            for row in block.rows
        )
        yield replace(block, seeds=block.seeds[chosen], rows=rows)


def _seeds(block: SeedBlock, seen: TableView) -> Grid:
    grid = _grid(f"{block.metric} (epochs)")
    for title in (*map(str, block.seeds), "range", seen.published_in):
        grid.add_column(title, justify="right", no_wrap=True)
    for row in block.rows:
        grid.add_row(Text(row.system), *map(Text, (*row.cells, row.range, row.paper)))
    return grid
