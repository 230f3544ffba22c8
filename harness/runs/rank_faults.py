"""Faults of ranks: alone (users, counts, protocol, constant scores) and compared with other runs' ranks.

Used by `runs.validation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from harness.core.results import Ranks
from harness.runs.plan import Run
from harness.runs.record_model import Fault
from harness.stats.comparability import Place, Shared, shared, why_apart

#: Words on which a recipe's protocol and its runs' ranks must agree. The treatment of seen items is free text in
#: recipes; the runs of a dataset must agree on it, see `peer_fault`.
COMPARED = ("split", "ranking")
#: Scores count as constant if this share of users has this share of candidates tied with the held-out item.
CONSTANT_USERS, CONSTANT_CANDIDATES = 0.9, 0.9


def rank_faults(run: Run, ranks: Ranks, view: str = "") -> Iterator[Fault]:
    """Faults in the ranks: missing or duplicate users, impossible counts.

    Args:
        view: prefix of messages, "sampled ", "" for the run's own.
    """
    n_users = len(ranks.users)
    if n_users != run.users:
        yield Fault("metrics", f"{view}ranks of {n_users} users, expected {run.users}")
    if not n_users:
        yield Fault("metrics", f"{view}ranks of no users")
    if len(np.unique(ranks.users)) != n_users:
        yield Fault("metrics", f"{view}ranks: a user has more than one" if view else "a user has more than one rank")
    if (ranks.above < 0).any() or (ranks.tied < 1).any() or (ranks.above + ranks.tied > ranks.candidates).any():
        yield Fault("metrics", f"{view}ranks outside the number of candidates")


def protocol_faults(run: Run, ranks: Ranks) -> Iterator[Fault]:
    """Faults in the protocol: what its ranks report contradicts its recipe.

    Ranks may also report `split: test`: the test part of any split. A recipe's protocol of
    another view is compared with the ranks of that view.
    """
    yield from contradictions(run.protocol, ranks.protocol, "")
    for view, asked in run.protocols.items():
        if view not in ranks.views:
            yield Fault("metrics", f"its recipe asks for {view} ranks, it has none")
        else:
            yield from contradictions(asked, ranks.views[view].protocol, f"{view} ")


def contradictions(asked: Mapping[str, str], found: Mapping[str, str], view: str) -> Iterator[Fault]:
    """The words of the ranks' protocol that contradict the recipe's."""
    for name in COMPARED:
        word, other = asked.get(name), found.get(name)
        if word and other != word and (name, other) != ("split", "test"):
            message = f"its recipe says {view}{name}: {word}, its ranks report {other or 'nothing'}"
            yield Fault("metrics", message, of_recipe=True)


def score_faults(ranks: Ranks, view: str = "") -> Iterator[Fault]:
    """Faults in the scores as far as ranks show them: nearly all are equal for nearly all users."""
    alike = float((ranks.tied >= CONSTANT_CANDIDATES * ranks.candidates).mean())
    if alike >= CONSTANT_USERS:
        share = f"{100 * CONSTANT_CANDIDATES:.0f} % of the candidates tie with the held-out item"
        yield Fault("metrics", f"{view}scores are constant: at least {share} for {100 * alike:.0f} % of the users")


def shared_by_dataset(runs: Iterable[tuple[Run, Ranks | None]]) -> dict[str, Shared]:
    """The properties that runs must share, by dataset; see `stats.comparability`.

    Args:
        runs: planned runs with the ranks of their records; those without ranks are ignored.
    """
    found: dict[str, list[tuple[Place, Ranks]]] = {}
    for run, ranks in runs:
        if ranks is not None:
            found.setdefault(run.dataset, []).append(((run.system, run.seed), ranks))
    return {dataset: common for dataset, own in found.items() if (common := shared(own))}


def peer_fault(run: Run, ranks: Ranks | None, common: Shared | None) -> str:
    """Why a valid run is not comparable with the others of its dataset, "" if it is."""
    return why_apart((run.system, run.seed), ranks, common) if ranks is not None and common else ""
