"""Ranks of held-out items to metrics of users.

Under leave-one-out HIT@k, NDCG@k and MRR follow from a user's rank, so runs store ranks and a
new metric needs no training. Unknown names and impossible ranks are refused; means are taken only where stated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.core.errors import ArgumentError, MetricsError
from harness.core.name_values import comma_separated
from harness.core.results import Ranks

Floats = npt.NDArray[np.float64]
TieRule = Literal["mean", "optimistic", "pessimistic"]

#: Rounding error of upstreams that average in float32. Far below the effect of one user of the largest dataset
#: (NDCG@10, 281,428 users: 1e-6).
FLOAT32_SLACK = 1e-7
_SPELLINGS = {"HR": "HIT", "RECALL": "HIT", "HITS": "HIT", "HITRATE": "HIT"}
KNOWN = "HIT@k, NDCG@k, MAP@k, MRR@k (k = 1, 2, ...), MRR, each also as sampled-..."
#: Prefixes of metrics computed from ranks under another protocol; each names a view of `Ranks.views`.
VIEWS = ("sampled",)
_LIKE_A_METRIC = re.compile(r"@\s*\d|(?<![a-z])(hits?|hr|hit.?rat(?:e|io)|recall|ndcg|map|mrr)(?![a-z])", re.I)
_NAME = re.compile(rf"(?:({'|'.join(VIEWS)})-)?(?:(HIT|NDCG|MAP|MRR)@([1-9][0-9]*)|MRR)")


class Metric(NamedTuple):
    """A metric's name in parts.

    Attributes:
        k: 0 without a cut-off.
        view: its ranks, a name of `Ranks.views`; "" for the run's own, full ones.
    """

    kind: str
    k: int
    view: str = ""


class Bounds(NamedTuple):
    """The mean of a metric with every tie resolved against, and in favour of, the held-out item."""

    pessimistic: float
    optimistic: float


def parse(name: str) -> Metric:
    """A metric's name in parts: HIT@k, NDCG@k, MAP@k, MRR@k or MRR, in this spelling, or with prefix `sampled-`.

    Raises:
        ArgumentError: for any other spelling, with the likely correct one.
    """
    found = _NAME.fullmatch(name)
    if found:
        return Metric(found.group(2) or "MRR", int(found.group(3) or 0), found.group(1) or "")
    meant = understood(name)
    hint = f"did you mean {meant!r}? " if meant else ""
    raise ArgumentError(f"metric {name!r}", "unknown metric", f"{hint}known: {KNOWN}")


def metric_list(text: str) -> tuple[str, ...]:
    """`HIT@10,MRR` as names.

    Raises:
        ArgumentError: an unknown metric, or one that is given twice.
    """
    names = tuple(comma_separated(text))
    for name in names:
        parse(name)
    if len(set(names)) < len(names):
        raise ArgumentError("--metrics", f"{text!r} has a metric twice", "give each metric once")
    return names


def understood(name: str) -> str:
    """Our name of a metric in an upstream's spelling (hit@10, HR@10, Recall@10, test_ndcg@10), "" for none."""
    stem, at, k = re.sub(r"[\s_-]", "", re.sub(r"^\s*test[\s_/:.-]+", "", name, flags=re.I)).upper().partition("@")
    view = next((view for view in VIEWS if stem.startswith(view.upper())), "")
    stem = stem.removeprefix(view.upper())
    guess = f"{view}-" * bool(view) + _SPELLINGS.get(stem, stem) + at + k
    return guess if _NAME.fullmatch(guess) else ""


def of_view(ranks: Ranks, metric: str) -> Ranks:
    """The ranks of a metric: the run's own, or those of the view in its prefix.

    Raises:
        ArgumentError: for an unknown metric.
        MetricsError: there are no such ranks, or their protocol contradicts the metric's name.
    """
    view = parse(metric).view
    found = printed_view(ranks, metric)
    if found is None:
        raise MetricsError(metric, f"has no {view} ranks", "use an upstream with this ranking protocol")
    ranking = found.protocol.get("ranking", "full")
    if (ranking in VIEWS or bool(view)) and ranking != view:
        raise MetricsError(
            metric, f"ranks of the ranking {ranking!r} cannot give {metric}", "use the metric name of this ranking"
        )
    return found


def printed_view(ranks: Ranks, metric: str) -> Ranks | None:
    """The ranks of an upstream's metric of this name: those of its prefix, else its own with any protocol.

    None if it has none of that view.
    """
    view = parse(metric).view
    own = ranks if not view or ranks.protocol.get("ranking") == view else None
    return ranks.views.get(view, own)


def check(ranks: Ranks) -> None:
    """Check ranks; return nothing if they are valid.

    Raises:
        MetricsError: for no users, duplicate users, columns of different length, or counts outside their range.
    """
    n_users = len(ranks.users)
    columns = {"above": ranks.above, "tied": ranks.tied, "candidates": ranks.candidates}
    problems = [f"{name}: {len(col)} rows for {n_users} users" for name, col in columns.items() if len(col) != n_users]
    if not n_users:
        problems.append("no users")
    elif not problems:
        ordered = np.sort(ranks.users)  # twenty times faster than np.unique, which hashes
        if np.any(ordered[1:] == ordered[:-1]):
            problems.append("duplicate users")
        if np.any(ranks.above < 0) or np.any(ranks.tied < 1) or np.any(ranks.above + ranks.tied > ranks.candidates):
            problems.append("above < 0, tied < 1 or above + tied > candidates for some user")
    for view, own in ranks.views.items():
        check(own)
        if not np.array_equal(own.users, ranks.users):
            problems.append(f"{view} ranks of other users")
    if problems:
        raise MetricsError("ranks", "; ".join(problems), "see the run's log: its probe wrote invalid ranks")


def rank(ranks: Ranks, ties: TieRule = "mean") -> Floats:
    """Rank of each user's held-out item, 1-based, in the order of `ranks.users`.

    With `tied` items at its score, itself included, the item has a rank from 1 + above to above + tied: the
    optimistic and the pessimistic rank. The mean of the two, 1 + above + (tied - 1) / 2, may be a half-integer.
    """
    if ties == "optimistic":
        return np.asarray(1.0 + ranks.above, dtype=np.float64)
    if ties == "pessimistic":
        return (ranks.above + ranks.tied).astype(np.float64)
    return np.asarray(1.0 + ranks.above + (ranks.tied - 1) / 2.0, dtype=np.float64)


def hit_at_k(rank: Floats, k: int) -> Floats:
    """HIT@k of each user: 1 if rank <= k, else 0.

    A mean rank is compared directly, so 10.5 is not a hit at 10: an item that shares ranks 10 and 11 counts as outside,
    although it would be inside half the time. Chosen over 0.5 because HIT@k then stays 0 or 1 for every user, which
    McNemar's test and wins and losses need; `means_bounds` shows the effect of ties.
    """
    return (rank <= k).astype(np.float64)


def ndcg_at_k(rank: Floats, k: int) -> Floats:
    """NDCG@k of each user under leave-one-out: 1 / log2(rank + 1) if rank <= k, else 0; the ideal DCG is 1.

    Source: Jarvelin & Kekalainen, ACM TOIS 20(4), 2002, with discount log2(rank + 1). A half-integer mean rank is
    used directly in the formula.
    """
    return np.where(rank <= k, 1.0 / np.log2(rank + 1.0), 0.0).astype(np.float64)


def mrr(rank: Floats) -> Floats:
    """Reciprocal rank of each user, over the whole list."""
    return 1.0 / rank


def per_user(ranks: Ranks, metric: str, ties: TieRule = "mean") -> Floats:
    """A metric's value for each user, in the order of `ranks.users`.

    Raises:
        ArgumentError: for an unknown metric.
        MetricsError: see `of_view`.
    """
    return _values(of_view(ranks, metric), metric, ties)


def _values(ranks: Ranks, metric: str, ties: TieRule) -> Floats:
    """The metric's values from exactly these ranks."""
    kind, k, _ = parse(metric)
    place = rank(ranks, ties)
    if kind in ("MRR", "MAP"):  # of a list of k, or of the entire list; equal with one relevant item
        return np.where(place <= k, mrr(place), 0.0) if k else mrr(place)
    function: Callable[[Floats, int], Floats] = hit_at_k if kind == "HIT" else ndcg_at_k
    return function(place, k)


def means_bounds(ranks: Ranks, metric: str) -> Bounds:
    """A metric's mean over users with pessimistic and with optimistic ties; equal if ties have no effect.

    Raises:
        ArgumentError: for an unknown metric.
    """
    return _bounds(of_view(ranks, metric), metric)


def _bounds(ranks: Ranks, metric: str) -> Bounds:
    low, high = (_values(ranks, metric, ties).mean() for ties in ("pessimistic", "optimistic"))
    return Bounds(float(low), float(high))


def agrees_with_printed(ranks: Ranks, printed: Mapping[str, str]) -> list[str]:
    """The printed metrics of an upstream that disagree with its ranks, one line each.

    A printed number agrees if, to its own digits, it is within [pessimistic, optimistic].
    A metric in any spelling that `understood` knows is compared; other names are ignored, see `unchecked`.

    Args:
        ranks: of the split that the upstream printed.
        printed: metric to the number as text, since its digits count: "0.0590" has four.
    """
    lines, lacking = [], set()
    for name, text in printed.items():
        if not (meant := understood(name)):
            continue
        own = printed_view(ranks, meant)
        if own is None:
            lacking.add(parse(meant).view)
        elif line := _disagreement(name, text, _bounds(own, meant)):
            lines.append(line)
    return [f"it printed {view} metrics and has no {view} ranks" for view in sorted(lacking)] + lines


def unchecked(printed: Mapping[str, object]) -> str:
    """The printed metrics of a run that could not be checked against its ranks, "" if all could.

    Values that are not ranking metrics, such as a time, are ignored if anything could be checked.
    """
    if any(understood(name) for name in printed):
        unknown_names = sorted(name for name in printed if _LIKE_A_METRIC.search(name) and not understood(name))
        return f"printed, and not checked against the ranks: {', '.join(unknown_names)}" if unknown_names else ""
    names = f"none of {', '.join(sorted(printed))} follows from ranks" if printed else "it printed none"
    return f"no printed metric could be checked against the ranks: {names}"


def _disagreement(name: str, text: str, bounds: Bounds) -> str:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return f"{name}: upstream printed {text!r}, which is not a number"
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return f"{name}: upstream printed {text!r}, which is not finite"
    slack = 0.5 * 10.0**exponent + FLOAT32_SLACK
    if bounds.pessimistic - slack <= float(number) <= bounds.optimistic + slack:
        return ""
    low, high = (f"{bound:.{max(-exponent, 4) + 2}f}" for bound in bounds)
    ours = low if low == high else f"{low} to {high} (ties)"
    return f"{name}: upstream printed {text.strip()}, its ranks give {ours}"
