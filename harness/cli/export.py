"""Writes a table's numbers for other programs and prints where."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.commands import export
from harness.commands.frames import load_numbers
from harness.commands.table_request import TableRequest
from harness.core.name_values import comma_separated


def write(request: TableRequest, formats: str, folder: Path, metrics: str, ties: str) -> None:
    """Write the files and print their paths.

    Raises:
        HarnessError: an unknown format or metric, no record of this table yet, a folder that is not writable.
    """
    chosen = export.check_formats(comma_separated(formats))
    numbers = load_numbers(request, comma_separated(metrics), export.tie_rule(ties))
    for path in export.write(numbers, chosen, folder):
        typer.echo(path)
