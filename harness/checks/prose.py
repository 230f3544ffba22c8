"""Part `prose`: each number of a document equals a cell that its block names, and each such cell is printed.

    <!-- source t2: li2023/table2/dataset=lastfm,seeds=42+43+44+45+46 -->
    <!-- numbers: t2 metric=HIT@10 system=sasrec/* mean,published; given 60, 10; measured python benchmarks/a.py -->

`given` are settings and counts that are not results (all remaining numbers of the block, if none follow it), `none`
numbers without a source, and `measured` names a command, whose output is not compared. The text between
`<!-- table: t2 metric=HIT@10 system,mean -->` and `<!-- /table -->` is written by `harness check write`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from harness.checks.outcome import Item, broken, held
from harness.checks.prose_sources import NoSourceError, Row, Sources, cell, fits, number
from harness.checks.prose_text import COMMENT, Block, Number, blocks, numbers
from harness.core.config import Config

SOURCE = re.compile(r"^\s*source\s+([\w-]+):\s*(\S+)\s*$")
NUMBERS = re.compile(r"^\s*numbers:(.*)$", re.DOTALL)
WRITTEN = re.compile(r"(<!--\s*table:(.*?)-->\n)(.*?)(<!--\s*/table\s*-->)", re.DOTALL)
KINDS = {"given": "given", "none": "bare", "measured": "measured"}
FIX = "correct the number, or the cell that its block names (docs/nightly.md)"


@dataclass(frozen=True)
class Counted:
    """The state of the numbers of a document or block.

    Attributes:
        compared: with a cell, and equal.
        measured: with a command as source.
        given: settings and the like.
        bare: without a source.
        faults: mismatches, with their line.
    """

    compared: tuple[Number, ...] = ()
    measured: tuple[Number, ...] = ()
    given: tuple[Number, ...] = ()
    bare: tuple[Number, ...] = ()
    faults: tuple[str, ...] = ()

    def __add__(self, other: Counted) -> Counted:
        return Counted(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def share(self) -> float:
        """The share of results that have a source; 1 if there are none."""
        sourced = len(self.compared) + len(self.measured)
        return sourced / (sourced + len(self.bare)) if sourced + len(self.bare) else 1.0

    def __str__(self) -> str:
        lines = ", ".join(str(line) for line in sorted({found.line for found in self.bare}))
        return (
            f"{len(self.compared)} numbers compared with cells, {len(self.measured)} by a command, {len(self.given)}"
            f" settings, {len(self.bare)} without a source ({self.share:.0%} have one)"
            + (f"; without: line {lines}" if lines else "")
        )


def check(config: Config) -> Iterator[Item]:
    """Every document that harness.toml names."""
    sources = Sources(config.root, config.results)
    for name in config.file.check.prose:
        path = config.root / name
        if not path.is_file():
            yield broken(name, "does not exist", "correct `prose` in harness.toml")
            continue
        text = path.read_text(encoding="utf-8")
        found = counted(text, sources)
        if written(text, sources) != text:
            found += Counted(faults=("a table between markers differs from its source: run `harness check write`",))
        if found.faults:
            yield broken(name, "\n".join([f"{len(found.faults)} do not agree", *found.faults]), FIX, "stale")
        else:
            yield held(name, str(found))


def counted(text: str, sources: Sources) -> Counted:
    """The numbers of a document; those between markers of a written table are compared as a whole, elsewhere."""
    text = WRITTEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    found = list(blocks(text))
    names = source_names(text)
    return sum((of_block(block, sources, names) for block in found), Counted())


def source_names(text: str) -> dict[str, str]:
    """The names that a document gives to its sources."""
    found = (SOURCE.match(note) for note in COMMENT.findall(text))
    return {match[1]: match[2] for match in found if match}


def of_block(block: Block, sources: Sources, names: Mapping[str, str]) -> Counted:
    """The numbers of one block, each against the cells that the block names."""
    entries = [entry.split() for note in block.notes if (match := NUMBERS.match(note)) for entry in match[1].split(";")]
    cells: list[tuple[str, Decimal]] = []
    named: dict[str, list[Number]] = {}  # numbers after `given`, `measured` and `none`
    faults = []
    for words in filter(None, entries):
        if words[0] in KINDS:
            named.setdefault(words[0], []).extend(numbers(" ".join(words[1:])) if words[0] != "measured" else ())
            continue
        try:
            cells += ((" ".join(words), value) for value in sources.cells(words, names))
        except NoSourceError as error:
            faults.append(f"line {block.line}: {error}")
    kept: dict[str, list[Number]] = {kind: [] for kind in ("compared", *KINDS.values())}
    rest = next((KINDS[kind] for kind, found in named.items() if not found), "" if cells or named else "bare")
    for printed in block.numbers:
        if any(printed.prints(value) for _, value in cells):
            kept["compared"].append(printed)
        elif said := [KINDS[kind] for kind, found in named.items() if printed.value in [n.value for n in found]]:
            kept[said[0]].append(printed)
        elif rest:
            kept[rest].append(printed)
        else:
            faults.append(f"line {printed.line}: {printed.text} equals no cell that its block names")
    faults += unprinted(block, dict.fromkeys(cells))
    return Counted(**{name: tuple(found) for name, found in kept.items()}, faults=tuple(faults))


def unprinted(block: Block, cells: Iterable[tuple[str, Decimal]]) -> Iterator[str]:
    """Cells that a block names but does not print; of a Markdown file only some of a line's are required."""
    for entry, value in cells:
        source = entry.split()[0]
        if not source.endswith(".md") and not any(printed.prints(value) for printed in block.numbers):
            yield f"line {block.line}: {value} ({entry}) is not printed in its block"


def written(text: str, sources: Sources) -> str:
    """A document with its tables between markers rewritten from their sources."""
    names = source_names(text)
    return WRITTEN.sub(lambda match: f"{match[1]}{table(match[2].split(), sources, names)}{match[4]}", text)


def table(words: Sequence[str], sources: Sources, names: Mapping[str, str]) -> str:
    """Rows of a source as a Markdown table: `SOURCE [COLUMN=PATTERN ...] COLUMN[:DECIMALS][,COLUMN ...]`."""
    filters = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    columns = [part.partition(":") for word in words[1:] if "=" not in word for part in word.split(",")]
    try:
        rows = [row for row in sources.rows(names.get(words[0], words[0])) if cell(row, columns[0][0]) is not None]
    except NoSourceError as error:
        return f"{error}\n"
    lines = [[name.replace("_", " ") for name, _, _ in columns], ["---"] * len(columns)]
    lines += [
        [shown(row, name, decimals) for name, _, decimals in columns]
        for row in rows
        if all(fits(row, *f) for f in filters.items())
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(row: Row, column: str, decimals: str) -> str:
    """A cell of a written table: a number with these decimals, four by default, or the text."""
    text = cell(row, column) or ""
    value = number(text)
    if value is None or ("." not in text and not decimals):
        return text or "–"
    return f"{value:.{int(decimals or 4)}f}"


def write(root: Path, names: Sequence[str], results: Path) -> list[Path]:
    """Rewrite the tables between markers of documents; return changed documents."""
    sources, changed = Sources(root, results), []
    for path in (root / name for name in names):
        text = path.read_text(encoding="utf-8")
        if (made := written(text, sources)) != text:
            path.write_text(made, encoding="utf-8")
            changed.append(path)
    return changed
