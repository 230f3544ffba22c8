"""How often verdicts on claims and values err, in simulation: the tables of docs/statistics.md, section Verdicts.

`python -m pytest -m slow -s tests/unit/stats/test_verdict_errors.py` prints them. Everything is in standard errors over
users. Claims are drawn as the parts that the test takes, which have known distributions where users' values are
normal; one test draws users one by one, with metrics of 0 and 1.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.random import Generator, default_rng

from harness.stats.corrections import holm
from harness.stats.estimates import Floats, Interval
from harness.stats.printed_value import Printed, ValueTest, hold_against
from harness.stats.seed_noise import GainParts, Noise, gain_from_parts, gain_test, noise_of

pytestmark = pytest.mark.slow

FAMILIES = 2000
#: At most this share of families of null claims may have any "supported" or "contradicted".
MOST = 0.07
SEED_SDS = (0.0, 0.5, 1.0, 2.5, 5.0)
USERS = (1_000, 20_000)
Draw = Callable[[Generator, tuple[int, ...]], Floats]
KINDS: dict[str, Draw] = {  # effects of a training, each with variance 1
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "two points": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "bimodal": lambda rng, shape: (rng.choice([-1.0, 1.0], shape) + 0.2 * rng.standard_normal(shape)) / 1.04**0.5,
    "skew, 1 in 5": lambda rng, shape: np.where(rng.random(shape) < 0.2, 2.0, -0.5),
    "heavy tails (t, 3 df)": lambda rng, shape: rng.standard_t(3, shape) / 3**0.5,
}
#: Claims of a family, whether all are against one system, and the share of the seeds' standard deviation in each.
DESIGNS: dict[str, tuple[int, bool, Floats]] = {
    "ten claims, twenty systems": (10, False, np.ones(10)),
    "ten claims against one system": (10, True, np.ones(10)),
    "ten claims, half of them noisy": (10, False, np.repeat([1.0, 0.1], 5)),
    "three claims, six systems": (3, False, np.ones(3)),
    "one claim, two systems": (1, False, np.ones(1)),
    "one claim, one system random": (1, False, np.ones(1)),
}


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def noise(means: Floats, rest: float) -> Noise:
    """Of one system, as `noise_of` has it: at least the share of users × seeds."""
    return Noise(max(float(means.var(ddof=1)), rest), len(means) - 1.0, len(means))


def p_values(rng: Generator, draw: Draw, design: str, n: int, sd: float, users: int, gain: float = 0.0) -> list[float]:
    """p of each claim of one family, uncorrected.

    The variance of a claim's users' differences over the number of users is 1, that of users × seeds 1 a training.
    """
    m, shared, share = DESIGNS[design]
    sides = 1 if design.endswith("random") else 2
    effects = draw(rng, (2, m, n)) * (sd * share[None, :, None] / sides**0.5)
    effects += rng.standard_normal((2, m, n)) * sides**-0.5
    if shared:
        effects[1] = effects[1, :1]
    rests = rng.chisquare((n - 1) * (users - 1), (3, m)) / ((n - 1) * (users - 1))
    spread = (1 + 1 / n) * rng.chisquare(users - 1, m) / (users - 1)
    means = rng.standard_normal(m) + gain + effects[0].mean(axis=1) - (effects[1].mean(axis=1) if sides == 2 else 0)
    noises = [[noise(effects[s, c], float(rests[s, c]) / sides) for s in range(sides)] for c in range(m)]
    pool = [pair[0] for pair in noises] + [pair[1] for pair in noises[: 1 if shared else m] if sides == 2]
    parts = [GainParts(float(means[c]), float(spread[c]), users - 1.0, float(rests[2, c]) / n) for c in range(m)]
    return [gain_from_parts(parts[c], noises[c], pool, 0.0).p for c in range(m)]


def rate(draw: Draw, design: str, n: int, sd: float, users: int) -> float:
    """The share of families with any claim that is significant after Holm's correction."""
    rng = default_rng(17)
    return sum(min(holm(p_values(rng, draw, design, n, sd, users))) < 0.05 for _ in range(FAMILIES)) / FAMILIES


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("design", list(DESIGNS))
def test_null_claims_are_seldom_supported_or_contradicted(design: str, n: int) -> None:
    worst = {
        name: max(rate(draw, design, n, sd, users) for sd in SEED_SDS for users in USERS)
        for name, draw in KINDS.items()
    }
    say(f"{design}, {n} seeds: " + ", ".join(f"{name} {100 * r:.1f} %" for name, r in worst.items()))
    assert max(worst.values()) <= MOST


@pytest.mark.parametrize(("n_users", "families"), [(1_000, 300), (20_000, 40)])
def test_users_one_by_one_give_no_more(n_users: int, families: int) -> None:
    """Ten null claims about HIT of 0.1 with a seed effect of 2.5 standard errors; users keep a taste of their own."""
    rng, n, wrong = default_rng(5), 3, 0
    error = (2 * 0.1 * 0.9 / n_users) ** 0.5
    for _ in range(families):
        systems = []
        for _ in range(20):
            taste = rng.beta(0.5, 4.5, n_users)  # mean 0.1
            shift = rng.standard_normal(n) * 2.5 * error / 2**0.5
            systems.append((rng.random((n, n_users)) < taste[None, :] + shift[:, None]).astype(np.float64))
        noises = [noise_of(list(values)) for values in systems]
        pool = [found for found in noises if found]
        ps = [
            gain_test(systems[c] - systems[c + 10], [pool[c], pool[c + 10]], pool, 0.0).p
            for c in range(10)
        ]  # fmt: skip
        wrong += min(holm(ps)) < 0.05
    say(f"{n_users} users one by one: {100 * wrong / families:.1f} %")
    assert wrong / families <= MOST


@pytest.mark.parametrize("n", [3, 5])
def test_power(n: int) -> None:
    """Ten claims, of which each is true; the share that is supported."""
    rng = default_rng(3)
    for sd in (0.0, 1.0, 2.5, 5.0):
        found = {}
        for gain in (4.0, 8.0, 16.0):
            draws = [
                p_values(rng, KINDS["normal"], "ten claims, twenty systems", n, sd, 20_000, gain) for _ in range(200)
            ]
            found[gain] = float(np.mean([np.array(holm(p)) < 0.05 for p in draws]))
        say(f"{n} seeds, sd {sd}: " + ", ".join(f"{gain:.0f}: {100 * share:.0f} %" for gain, share in found.items()))
        assert found[4.0] <= found[8.0] <= found[16.0]
        assert found[16.0] > 0.5


def value_tests(draw: Draw, n: int, systems: int, cv: float, off: float | None, draws: int) -> Iterator[ValueTest]:
    """Our mean of n trainings in a table of so many systems, all with this coefficient of variation.

    Args:
        off: how far the printed value lies from the true mean, as a share; None: it is one training of the same code.
    """
    rng = default_rng(9)
    ours = 0.06 * (1 + cv * draw(rng, (draws, systems, n)))
    one = 1 + cv * draw(rng, (draws,)) if off is None else np.full(draws, 1 + off)
    for means, value in zip(ours, np.round(0.06 * one, 4), strict=True):
        mean, printed = float(means[0].mean()), Printed(float(value), 0.00005, 0.05 * abs(float(value)))
        pool = [noise(own, 1e-16) for own in means]
        users = Interval(mean, mean, mean, 0.007, 1089.0, "users")
        yield hold_against(mean, printed, users, pool[0], pool, seedless=False)


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("systems", [1, 2, 3, 6])
def test_one_more_training_of_the_same_code_seldom_differs(systems: int, n: int) -> None:
    """The paper's number is one training of the same code, printed with four decimals."""
    draws, rates = 5_000, {}
    for kind, draw in KINDS.items():
        by_cv = [
            sum(test.differs for test in value_tests(draw, n, systems, cv, None, draws)) / draws
            for cv in (0.02, 0.05, 0.1, 0.3)
        ]
        rates[kind] = max(by_cv)
    say(f"differs, {systems} systems, {n} seeds: " + ", ".join(f"{k} {100 * r:.1f} %" for k, r in rates.items()))
    assert max(rates.values()) <= 0.05


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_value_on_the_edge_of_the_margin_is_seldom_reproduced(n: int) -> None:
    """The true mean is 5 % above or below the printed value.

    Noise of a few values may give seeds that agree on the printed value, which is then not the mean but one of these.
    """
    draws, rates = 5_000, {}
    for kind, draw in KINDS.items():
        by_cv = [
            sum(test.equivalent for test in value_tests(draw, n, 1, cv, off, draws)) / draws
            for cv in (0.01, 0.02, 0.05, 0.1)
            for off in (1 / 0.95 - 1, 1 / 1.05 - 1)
        ]
        rates[kind] = max(by_cv)
    say(f"reproduced, {n} seeds: " + ", ".join(f"{k} {100 * r:.1f} %" for k, r in rates.items()))
    most = 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5  # three times the standard error of the simulation
    assert max(rates["normal"], rates["heavy tails (t, 3 df)"]) <= most


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_value_that_is_far_off_differs(n: int) -> None:
    """Six systems; the printed value lies 25, 50 and 100 % above the true mean."""
    for cv in (0.02, 0.05, 0.1, 0.2):
        found = [
            sum(test.differs for test in value_tests(KINDS["normal"], n, 6, cv, off, 1_000)) / 1_000
            for off in (0.25, 0.5, 1.0)
        ]
        say(f"differs, {n} seeds, cv {cv}: " + ", ".join(f"{100 * share:.0f} %" for share in found))
        assert found == sorted(found)
        assert found[-1] > 0.5
