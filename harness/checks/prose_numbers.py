"""For authors of documents: the state of each number, and candidate cells for one without a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.checks.prose import of_block, source_names
from harness.checks.prose_sources import NoSourceError, Sources, value_of
from harness.checks.prose_text import Number, blocks

TELLING = ("dataset", "metric", "system", "claim", "statistic", "K", "rank", "seed")  # columns that identify rows
MOST = 3


class Found(NamedTuple):
    """A number, its state, and its possible sources."""

    number: Number
    state: str
    could_be: tuple[str, ...] = ()


def listed(text: str, sources: Sources) -> Iterator[Found]:
    """Every number of a document, in order."""
    names = source_names(text)
    for block in blocks(text):
        found = of_block(block, sources, names)
        for number in block.numbers:
            states = ("compared", "measured", "given", "bare")
            state = next((state for state in states if number in getattr(found, state)), "does not agree")
            could_be = () if state in states[:3] else tuple(candidates(number, sources, names))
            yield Found(number, state.replace("bare", "no source"), could_be)


def candidates(number: Number, sources: Sources, names: Mapping[str, str]) -> Iterator[str]:
    """Entries for single cells that print as a number, from the sources that a document names."""
    n_shown = 0
    for name, place in names.items():
        for source in (name, f"{name}/runs"):
            try:
                rows = sources.rows(place if source == name else f"{place}/runs")
            except NoSourceError:
                continue
            for row in rows:
                for column in (f"{name}{'%' * number.percent}" for name in row if name not in TELLING):
                    value = value_of(row, column)
                    if value is not None and number.prints(value):
                        where = " ".join(f"{key}={row[key]}".replace(" ", "_") for key in TELLING if row.get(key))
                        yield f"{source} {where} {column.replace(' ', '_')}"
                        n_shown += 1
                        if n_shown == MOST:
                            return
