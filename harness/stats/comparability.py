"""The comparable runs of one dataset: they rank the same users under the same protocol.

The store checks this before a run counts as finished, and a table checks its runs again.
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
    """The properties that comparable runs of a dataset share.

    Attributes:
        users: their ids in ascending order, as bytes.
        protocol: of trained systems; of all systems if none is trained.
    """

    users: bytes
    protocol: Protocol


def shared(runs: Iterable[tuple[Place, Ranks]]) -> Shared | None:
    """The properties that most systems of a dataset share, None without runs.

    A system counts once for each set of users or protocol of its seeds, so that many seeds of a faulty system
    do not outvote the rest. A tie is decided by a baseline without randomness.
    """
    found = [(place, _users(ranks), _protocol(ranks)) for place, ranks in runs]
    if not found:
        return None
    users = _most_systems((place, own) for place, own, _ in found)
    fitting = [(place, protocol) for place, own, protocol in found if own == users]
    trained = [(place, protocol) for place, protocol in fitting if place[1] is not None]
    return Shared(users, _most_systems(trained or fitting))


def why_apart(place: Place, ranks: Ranks, common: Shared) -> str:
    """Why a run is not comparable with the others, "" if it is.

    A baseline without training ranks differently (it has no padding row, and excludes seen items if a code
    base scores them 0), so only its users and kind of ranking must be the same.
    """
    if _users(ranks) != common.users:
        return "its users are not those of the other runs"
    differing = {name for name, _ in {*_protocol(ranks)} ^ {*common.protocol}}
    differing &= differing if place[1] is not None else {"ranking"}
    return f"its protocol is not that of the other runs ({', '.join(sorted(differing))})" if differing else ""


def apart(runs: Mapping[Place, Ranks]) -> dict[Place, str]:
    """The runs of a dataset that are not comparable with the others, with the reason."""
    common = shared(runs.items())
    found = {place: why_apart(place, ranks, common) for place, ranks in runs.items() if common is not None}
    return {place: reason for place, reason in found.items() if reason}


def _most_systems(runs: Iterable[tuple[Place, Value]]) -> Value:
    """The most common value by systems; ties by a system without randomness, by runs, then the first."""
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
