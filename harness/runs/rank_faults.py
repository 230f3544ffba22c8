"""Faults that ranks show, by themselves (users, counts, protocol, constant scores) and beside the other runs' ranks.

`runs.validation` asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from harness.core.results import Ranks
from harness.runs.plan import Run
from harness.runs.record_model import Fault
from harness.stats.comparability import Place, Shared, shared, why_apart

#: What a recipe's protocol and that of its runs' ranks must say alike. How seen items are treated is a sentence for
#: people in recipes; runs of a dataset must report the same among themselves, see `peer_fault`.
COMPARED = ("split", "ranking")
#: Scores count as constant where so many users have so many of their candidates tied with their held-out item.
CONSTANT_USERS, CONSTANT_CANDIDATES = 0.9, 0.9


def rank_faults(run: Run, ranks: Ranks, view: str = "") -> Iterator[Fault]:
    """Faults in the ranks: users missing or twice, impossible counts.

    Args:
        view: what is said before them, "sampled ", "" for the run's own.
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

    Ranks may also say `split: test`: that they are of the test part, however it was split off. What a recipe says of
    another view is compared with the ranks of that view.
    """
    yield from contradictions(run.protocol, ranks.protocol, "")
    for view, asked in run.protocols.items():
        if view not in ranks.views:
            yield Fault("metrics", f"its recipe asks for {view} ranks, it has none")
        else:
            yield from contradictions(asked, ranks.views[view].protocol, f"{view} ")


def contradictions(asked: Mapping[str, str], found: Mapping[str, str], view: str) -> Iterator[Fault]:
    """What ranks report of how they were ranked, where it contradicts what a recipe says."""
    for name in COMPARED:
        word, other = asked.get(name), found.get(name)
        if word and other != word and (name, other) != ("split", "test"):
            told = f"its recipe says {view}{name}: {word}, its ranks report {other or 'nothing of it'}"
            yield Fault("metrics", told, of_recipe=True)


def score_faults(ranks: Ranks, view: str = "") -> Iterator[Fault]:
    """Faults in the scores as far as ranks show them: nearly all are the same for nearly all users."""
    alike = float((ranks.tied >= CONSTANT_CANDIDATES * ranks.candidates).mean())
    if alike >= CONSTANT_USERS:
        share = f"{100 * CONSTANT_CANDIDATES:.0f} % of the candidates tie with the held-out item"
        yield Fault("metrics", f"{view}scores are constant: at least {share} for {100 * alike:.0f} % of the users")


def shared_by_dataset(runs: Iterable[tuple[Run, Ranks | None]]) -> dict[str, Shared]:
    """What runs must have in common, by dataset; see `stats.comparability`.

    Args:
        runs: planned runs with the ranks of their records; those that have none say nothing.
    """
    found: dict[str, list[tuple[Place, Ranks]]] = {}
    for run, ranks in runs:
        if ranks is not None:
            found.setdefault(run.dataset, []).append(((run.system, run.seed), ranks))
    return {dataset: common for dataset, own in found.items() if (common := shared(own))}


def peer_fault(run: Run, ranks: Ranks | None, common: Shared | None) -> str:
    """Why a run that counts by itself cannot stand beside the others of its dataset, "" if it can."""
    return why_apart((run.system, run.seed), ranks, common) if ranks is not None and common else ""
