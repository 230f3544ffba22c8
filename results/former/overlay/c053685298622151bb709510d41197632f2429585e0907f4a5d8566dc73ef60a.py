"""The part of ir_measures that the PyTorch port of gSASRec uses: nDCG@k and R@k where each query has one relevant item.

Written from its documentation. A query's list is sorted by score, equal scores by item id, read as text, last first, as
trec_eval does. Means are taken over the queries that have a relevant item; one without a list counts as 0. Refused:
other grades than 1, a second relevant item, which these formulas do not know, and a measure without its cut-off.
"""

from __future__ import annotations

import math
from collections import namedtuple

ScoredDoc = namedtuple("ScoredDoc", ["query_id", "doc_id", "score"])
Qrel = namedtuple("Qrel", ["query_id", "doc_id", "relevance"])


class Measure(namedtuple("Measure", ["name", "k"])):
    """A measure, cut off at k; written `nDCG @ 10`."""

    __slots__ = ()

    def __matmul__(self, k):
        return Measure(self.name, k)

    def __repr__(self):
        return self.name if self.k is None else f"{self.name}@{self.k}"

    def of(self, place):
        """The value of a query whose relevant item stands at this place, from 1; None for nowhere."""
        if place is None or place > self.k:
            return 0.0
        return 1.0 if self.name == "R" else 1.0 / math.log2(place + 1)


nDCG = Measure("nDCG", None)  # noqa: N816
R = Measure("R", None)


def calc_aggregate(measures, qrels, run):
    """The mean of each measure over the queries of `qrels`.

    Raises:
        ValueError: see the module.
    """
    if uncut := [measure for measure in measures if measure.k is None]:
        raise ValueError(f"{uncut[0]!r} has no cut-off; the stand-in needs one")
    wanted, lists = {}, {}
    for qrel in qrels:
        if qrel.relevance != 1 or qrel.query_id in wanted:
            raise ValueError(f"query {qrel.query_id}: the stand-in knows one relevant item of grade 1 for each query")
        wanted[qrel.query_id] = qrel.doc_id
    for found in run:
        lists.setdefault(found.query_id, []).append((found.score, found.doc_id))
    places = [place(lists.get(query, ()), item) for query, item in wanted.items()]
    return {measure: sum(measure.of(at) for at in places) / len(places) for measure in measures}


def place(scored, item):
    """Where an item stands among pairs of score and item id, from 1; None for nowhere."""
    ids = [name for _, name in sorted(scored, reverse=True)]
    return ids.index(item) + 1 if item in ids else None
