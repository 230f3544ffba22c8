"""Which runs of one dataset can be compared: they rank the same users under the same protocol.

The store asks before anything counts as finished, and a table asks again of what it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from harness.core.results import Ranks

Place = tuple[str, int | None]  # system, seed; None for a system without randomness
Protocol = tuple[tuple[str, str], ...]
Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True)
class Shared:
    """What runs of a dataset must have in common.

    Attributes:
        users: their ids in ascending order, as bytes.
        protocol: how trained systems rank; that of all where nothing was trained.
    """

    users: bytes
    protocol: Protocol


def shared(runs: Iterable[tuple[Place, Ranks]]) -> Shared | None:
    """What most systems of a dataset share, None of no runs.

    A system counts once for each set of users or protocol that its seeds have, so many seeds of one that went wrong
    do not outvote the rest. Where as many systems have each, it is that of a baseline without randomness.
    """
    found = [(place, _users(ranks), _protocol(ranks)) for place, ranks in runs]
    if not found:
        return None
    users = _most_systems((place, own) for place, own, _ in found)
    fitting = [(place, protocol) for place, own, protocol in found if own == users]
    trained = [(place, protocol) for place, protocol in fitting if place[1] is not None]
    return Shared(users, _most_systems(trained or fitting))


def why_apart(place: Place, ranks: Ranks, common: Shared) -> str:
    """Why a run cannot stand beside the others, "" if it can.

    A baseline without training ranks in its own way (it has no padding row, and leaves seen items out where a code
    base scores them 0), so of it only the users and the kind of ranking must be the same.
    """
    if _users(ranks) != common.users:
        return "its users are not those of the other runs"
    odd = {name for name, _ in {*_protocol(ranks)} ^ {*common.protocol}}
    odd &= odd if place[1] is not None else {"ranking"}
    return f"its protocol is not that of the other runs ({', '.join(sorted(odd))})" if odd else ""


def apart(runs: Mapping[Place, Ranks]) -> dict[Place, str]:
    """Those of a dataset's runs that cannot stand beside the others, with the reason."""
    common = shared(runs.items())
    found = {place: why_apart(place, ranks, common) for place, ranks in runs.items() if common is not None}
    return {place: reason for place, reason in found.items() if reason}


def _most_systems(runs: Iterable[tuple[Place, Value]]) -> Value:
    """What the most systems have, then a system without randomness, then the most runs, then the first of them."""
    listed = list(runs)
    systems = Counter(value for _, value in {(place[0], value) for place, value in listed})
    fixed = {value for place, value in listed if place[1] is None}
    n_runs = Counter(value for _, value in listed)
    return max(n_runs, key=lambda value: (systems[value], value in fixed, n_runs[value]))


def _users(ranks: Ranks) -> bytes:
    return np.sort(ranks.users).tobytes()


def _protocol(ranks: Ranks) -> Protocol:
    views = ((f"{view} {name}", word) for view, own in ranks.views.items() for name, word in own.protocol.items())
    return tuple(sorted((*ranks.protocol.items(), *views)))
