"""Parts `tables` and `findings`: committed tables equal those made from the committed records, byte for byte."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.checks.outcome import Item, broken, held, unreachable
from harness.commands import request_file
from harness.commands.made_again import make_again
from harness.commands.record_findings import DOCUMENT, document
from harness.commands.request_file import FIGURES, FILE, RequestFile
from harness.core.config import Config
from harness.core.errors import HarnessError, SourceError, StoreError
from harness.core.git import run_git

TEXT = (".md", ".tex", ".csv", ".html")
DIFF_LINES = 10


def check_tables(config: Config, artifacts: Sequence[str]) -> Iterator[Item]:
    """Every stored table, or those of some artifacts.

    Raises:
        SourceError: a shallow clone: tables need Git's history to say when criteria were fixed.
    """
    if run_git(config.root, "rev-parse", "--is-shallow-repository").text == "true":
        fix = "`git fetch --unshallow`; in a workflow, check out with fetch-depth: 0"
        raise SourceError(
            "tables", "need Git's history to say when criteria were fixed, but this clone is shallow", fix
        )
    for folder in request_file.folders(config, artifacts):
        name = "/".join(folder.parts[-3:])
        try:
            asked = request_file.read(folder / FILE)
            made = make_again(config, asked)
        except StoreError as error:
            yield broken(name, f"{error.where}: {error.what}", error.fix, "stale")
        except HarnessError as error:
            trouble = unreachable(name, error)
            yield trouble if error.exit_code == trouble.code else broken(name, trouble.what, trouble.fix, "stale")
        else:
            files = {file: content for file, content in made.files.items() if content is not None}
            yield compared(name, folder, asked, files, made.figure_data)


def compared(name: str, folder: Path, asked: RequestFile, made: Mapping[str, bytes], figure_data: str) -> Item:
    """One table: text by its bytes, figures by their data."""
    fix = f"`python scripts/render_tables.py '{short(folder)}'`, or `git checkout` files edited by hand"
    expected = {n for n in made if not n.startswith(f"{FIGURES}/")} | {
        f"{FIGURES}/{figure}" for figure in asked.figures
    }
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {FILE}
    if unexpected := sorted(expected ^ there):
        state = "is missing" if unexpected[0] in expected else f"is not named by {FILE}"
        return broken(name, f"{unexpected[0]} {state}", fix, "stale")
    for file in sorted(n for n in made if n.endswith(TEXT) and n in there):
        if (committed := (folder / file).read_bytes()) != made[file]:
            return broken(
                name, f"{file} is not what the records give\n{difference(committed, made[file])}", fix, "stale"
            )
    if asked.figures and asked.figure_data != figure_data:
        return broken(name, "its figures were drawn from other data", fix, "stale")
    return held(name)


def short(folder: Path) -> str:
    """A table's folder relative to the project's folder."""
    return "/".join(folder.parts[-5:])


def difference(committed: bytes, made: bytes) -> str:
    """The first lines of a diff from the committed file to the one made from the records."""
    old, new = (content.decode(errors="replace").splitlines() for content in (committed, made))
    lines = difflib.unified_diff(old, new, "committed", "from the records", lineterm="", n=0)
    return "\n".join(line[:200] for line, _ in zip(lines, range(DIFF_LINES), strict=False))


def check_findings(config: Config) -> Iterator[Item]:
    """docs/findings.md."""
    path = config.root / DOCUMENT
    if config.file.extends and not path.is_file():
        return  # the document of the shipped project, checked there
    made = document(config).encode()
    committed = path.read_bytes() if path.is_file() else b""
    if committed == made:
        yield held(DOCUMENT)
    else:
        what = f"is not what the records and recipes give\n{difference(committed, made)}"
        yield broken(DOCUMENT, what, f"`harness findings --format md > {DOCUMENT}`", "stale")
