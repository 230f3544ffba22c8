"""Rebuilds a stored table from its request.json and existing records; executes and writes nothing."""

from __future__ import annotations

from pathlib import Path

from harness.commands import count_datasets
from harness.commands.reproduce import Rendered, judged, load_results, rendered
from harness.commands.request_file import Drawing, RequestFile
from harness.commands.table_request import TableRequest
from harness.core.config import Config
from harness.core.errors import SourceError
from harness.recipes.recipe import only_counts
from harness.report import dataset_sizes


def make_again(config: Config, asked: RequestFile) -> Rendered:
    """The files of a table as they would be written now, by file name.

    Raises:
        HarnessError: a recipe or setting that is no longer there, or a dataset that cannot be counted now.
    """
    if only_counts(config.root, asked.artifact):
        return Rendered(counted(config, asked), "")
    request = asked.request(config)
    made = Rendered({}, "")
    if asked.formats:
        results = load_results(request)
        made = rendered(request, judged(request, results), results, asked.formats)
    drawings = {name: content for drawing in asked.drawings for name, content in drawn(request, drawing).items()}
    return Rendered({**made.files, **drawings}, made.figure_data)


def drawn(request: TableRequest, drawing: Drawing) -> dict[str, bytes]:
    """The files of one drawing. Drawing is imported when asked for: it takes half a second."""
    from harness.commands import calibration, timesteps

    if drawing.kind == "timesteps":
        return timesteps.drawn(request, drawing.dataset, drawing.at)
    return calibration.drawn(request, drawing.dataset)


def counted(config: Config, asked: RequestFile) -> dict[str, bytes | None]:
    """The files of a table of dataset sizes.

    Raises:
        SourceError: a file that the stored table counted is unavailable now.
    """
    table = count_datasets.carry_out(config, asked.artifact)
    stored = config.results / "tables" / asked.artifact / "full" / "table.csv"
    made: dict[str, bytes | None] = {f"table{end}": text.encode() for end, text in dataset_sizes.files(table).items()}
    missing = [row for row in table.rows if row.reason and row.reason not in text_of(stored)]
    if missing:
        raise SourceError(missing[0].dataset, missing[0].reason, "make its file available, then count again")
    return made


def text_of(path: Path) -> str:
    """The text of a file, "" if it does not exist."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""
