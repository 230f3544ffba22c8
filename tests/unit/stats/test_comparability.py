"""Which runs of one dataset can be compared: by users and protocol, for any requested part of the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness.core.results import Ranks
from harness.stats.comparability import Place, apart

FULL = {"split": "leave-one-out", "ranking": "full", "seen": "excluded"}
OURS, OTHERS = range(1, 5), range(2, 6)
USERS, PROTOCOL = "its users are not those of the other runs", "its protocol is not that of the other runs (seen)"


def ranks(users: Sequence[int] = OURS, **protocol: str) -> Ranks:
    n = len(users)
    return Ranks(np.array(users), np.zeros(n, int), np.ones(n, int), np.full(n, 20), {**FULL, **protocol})


@pytest.mark.parametrize(
    ("invalid", "runs"),
    [
        ([], {("a", 1): ranks(), ("a", 2): ranks(users=[4, 3, 2, 1]), ("pop", None): ranks()}),
        ([("a", 2)], {("a", 1): ranks(), ("a", 2): ranks(OTHERS), ("a", 3): ranks()}),
        ([("a", 1), ("a", 2)], {("a", 1): ranks(OTHERS), ("a", 2): ranks(OTHERS), ("pop", None): ranks()}),
        ([("pop", None)], {("pop", None): ranks(OTHERS), ("a", 1): ranks(), ("b", 1): ranks()}),
        (
            [("a", 1), ("a", 2), ("a", 3)],  # three seeds of one system are not a majority
            {**{("a", n): ranks(OTHERS) for n in (1, 2, 3)}, ("b", 1): ranks(), ("c", 1): ranks()},
        ),
    ],
)
def test_runs_of_other_users_are_apart(invalid: list[Place], runs: dict[Place, Ranks]) -> None:
    assert apart(runs) == dict.fromkeys(invalid, USERS)


def test_a_trained_run_under_another_protocol_is_apart_and_a_baseline_may_treat_seen_items_in_its_own_way() -> None:
    runs: dict[Place, Ranks] = {(name, 1): ranks() for name in "abc"}
    runs |= {("invalid", 1): ranks(seen="zeroed"), ("pop", None): ranks(seen="left out")}
    assert apart(runs) == {("invalid", 1): PROTOCOL}


def test_no_runs_are_no_fault() -> None:
    assert apart({}) == {}
