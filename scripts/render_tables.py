"""Rewrite all committed tables from existing records; executes and fetches nothing.

    python scripts/render_tables.py [--check] [--requests] [FOLDER ...]

Every folder below results/tables has a request.json that says how its table was asked for; `harness report` writes it.
`--requests` writes only these again (after a change of their format, or of what figures are drawn from), `--check`
writes nothing and shows what each table still needs. Tables that only count data files are left alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands import request_file
from harness.commands.made_again import make_again
from harness.commands.record_findings import DOCUMENT, document
from harness.core.config import Config, load
from harness.recipes.recipe import only_counts
from harness.runs.store import Store

ROOT = Path(__file__).resolve().parents[1]


def render(config: Config, folder: Path, requests_only: bool) -> None:
    """Write one table, with those of its figures that are kept."""
    asked = request_file.read(folder / request_file.FILE)
    made = make_again(config, asked)
    drawn = f"{request_file.FIGURES}/"
    files = {
        name: content
        for name, content in made.files.items()
        if not requests_only and (not name.startswith(drawn) or name.removeprefix(drawn) in asked.figures)
    }
    asked = asked.model_copy(update={"figure_data": made.figure_data})
    request_file.write(Store(config.results, config.cache), folder, files, asked)


def missing(config: Config, folder: Path) -> list[str]:
    """Labels of the runs of a table that have no record."""
    request = request_file.read(folder / request_file.FILE).request(config)
    return [run.label for run in request.runs if request.store.read(run.key) is None]


def main() -> None:
    """Render, or say what would have to be run."""
    parser = argparse.ArgumentParser(description="Rewrite all committed tables from existing records.")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="below results/tables; all by default")
    parser.add_argument("--check", action="store_true", help="only say what each table still needs")
    parser.add_argument("--requests", action="store_true", help="only write request.json again")
    given = parser.parse_args()
    config = load(ROOT, {})
    folders = [Path(name).resolve() for name in given.folders] or list(request_file.folders(config))
    for folder in folders:
        artifact = request_file.read(folder / request_file.FILE).artifact
        if only_counts(config.root, artifact):
            continue
        if given.check:
            print(f"{folder.relative_to(ROOT)}: {missing(config, folder) or 'complete'}")  # noqa: T201
        else:
            render(config, folder, given.requests)
    if not given.check and not given.requests:
        (ROOT / DOCUMENT).write_text(document(config), encoding="utf-8")


if __name__ == "__main__":
    main()
