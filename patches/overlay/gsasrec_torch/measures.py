"""The part of ir_measures that the PyTorch port of gSASRec uses: nDCG@k and R@k with one relevant item per query.

Written from its documentation. A query's list is sorted by score, and equal scores by item id, read as text, last
first, as trec_eval does. Means are taken over the queries that have a relevant item; one without a list counts as 0.
Refused: other grades than 1, a second relevant item, and a measure without cut-off.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple


class ScoredDoc(NamedTuple):
    """An item of a query's list."""

    query_id: str
    doc_id: str
    score: float


class Qrel(NamedTuple):
    """A relevant item of a query."""

    query_id: str
    doc_id: str
    relevance: int


class Measure(NamedTuple):
    """A measure, cut off at k; written `nDCG @ 10`."""

    name: str
    k: int | None

    def __matmul__(self, k: int) -> Measure:
        return Measure(self.name, k)

    def __repr__(self) -> str:
        return self.name if self.k is None else f"{self.name}@{self.k}"

    def of(self, place: int | None) -> float:
        """The value of a query whose relevant item has this rank, from 1; None if absent."""
        if place is None or self.k is None or place > self.k:
            return 0.0
        return 1.0 if self.name == "R" else 1.0 / math.log2(place + 1)


nDCG = Measure("nDCG", None)  # noqa: N816
R = Measure("R", None)


def calc_aggregate(measures: Iterable[Measure], qrels: Iterable[Any], run: Iterable[Any]) -> dict[Measure, float]:
    """The mean of each measure over the queries of `qrels`.

    Raises:
        ValueError: for input that the module refuses.
    """
    wanted_measures = list(measures)
    if uncut := [measure for measure in wanted_measures if measure.k is None]:
        raise ValueError(f"{uncut[0]!r} has no cut-off; the stand-in needs one")
    wanted: dict[str, str] = {}
    lists: dict[str, list[tuple[float, str]]] = {}
    for qrel in qrels:
        if qrel.relevance != 1 or qrel.query_id in wanted:
            raise ValueError(f"query {qrel.query_id}: the stand-in knows one relevant item of grade 1 for each query")
        wanted[qrel.query_id] = qrel.doc_id
    for found in run:
        lists.setdefault(found.query_id, []).append((found.score, found.doc_id))
    places = [place(lists.get(query, ()), item) for query, item in wanted.items()]
    return {measure: sum(measure.of(at) for at in places) / len(places) for measure in wanted_measures}


def place(scored: Iterable[tuple[float, str]], item: str) -> int | None:
    """The rank of an item in a list of scores and item ids, from 1; None if absent."""
    ids = [name for _, name in sorted(scored, reverse=True)]
    return ids.index(item) + 1 if item in ids else None
