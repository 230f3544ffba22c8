"""`harness reproduce` for tables of dataset sizes: count, print, write."""

from __future__ import annotations

from rich.text import Text

from harness.cli.console import console, grid_of
from harness.commands import count_datasets, request_file
from harness.commands.request_file import RequestFile
from harness.core.config import Config
from harness.recipes.papers.dataset_sizes import SizeTable
from harness.report import dataset_sizes
from harness.report.formats import KEPT
from harness.runs.store import Store

STYLES = {"reproduced": "", "differs": "bold red", "not counted": "dim"}


def reproduce(config: Config, artifact: str) -> int:
    """Count the available datasets of a table, print and write it; 0 if every number equals the paper's, else 1.

    Raises:
        HarnessError: see `carry_out`.
    """
    table = count_datasets.carry_out(config, artifact, lambda name: console(stderr=True).print(f"count   {name}"))
    show(table)
    store = Store(config.results, config.cache)
    folder = store.table_folder(artifact, "full")
    made = {f"table{end}": text.encode() for end, text in dataset_sizes.files(table).items()}
    request_file.write(store, folder, made, RequestFile(artifact=artifact, formats=KEPT))
    shown = folder.relative_to(config.root) if folder.is_relative_to(config.root) else folder
    console().print(Text(f"\nWritten: {shown}/{', '.join(made)}", style="bold"), soft_wrap=True)
    return 0 if set(table.verdicts) == {"reproduced"} else 1


def print_plan(config: Config, artifact: str) -> None:
    """Print which datasets would be counted."""
    for dataset, text in count_datasets.plan(config, artifact):
        console().print(Text(f"{dataset}: {text}"), soft_wrap=True)


def show(table: SizeTable) -> None:
    """Print the table."""
    out = console()
    out.print(Text(f"\n{table.title} ({table.artifact}): {dataset_sizes.summary(table)}\n", style="bold"))
    grid = grid_of("dataset")
    for title in dataset_sizes.titles(table):
        grid.add_column(title, justify="right")
    for line in dataset_sizes.lines(table):
        grid.add_row(line.label, *(words(cell) for cell in line.cells))
    out.print(grid)
    for line in dataset_sizes.lines(table):
        for note in line.notes:
            out.print(Text(f"{line.label}: {note}", style="dim"), soft_wrap=True)


def words(cell: dataset_sizes.Cell) -> Text:
    """One number."""
    text = {"reproduced": cell.counted, "differs": f"{cell.counted} ≠ {cell.paper}", "not counted": f"({cell.paper})"}
    return Text(text[cell.verdict], style=STYLES[cell.verdict])
