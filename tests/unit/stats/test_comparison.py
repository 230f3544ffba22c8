from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from real_values import PAIRS, mean_values, values

from harness.core.errors import MetricsError
from harness.stats import estimates, paired_counts, parametric
from harness.stats.comparison import Options, PairComparison, compare
from harness.stats.power import EffectSize

SYSTEMS = ("popularity", "sasrec/bce", "sasrec/ce-all", "s3rec/ce-all")
METRICS = ("HIT@10", "NDCG@10", "MRR")
FAST = Options(resamples=500)

DIGITS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from real_values import values
from harness.stats.comparison import Options, compare
for metric in ("HIT@10", "NDCG@10", "MRR"):
    a, b, c = (np.tile(values(s, metric), 20) for s in ("popularity", "sasrec/bce", "sasrec/ce-all"))
    print([compare(x, y, Options(resamples=300, wilcoxon=True)) for x, y in ((a, b), (a, c), (b, c))])
"""


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("metric", METRICS)
def test_everything_for_a_real_pair(pair: tuple[str, str], metric: str) -> None:
    a, b = (values(system, metric) for system in pair)
    found, oracle = compare(a, b, FAST), scipy.stats.ttest_rel(a, b)
    assert (found.a, found.b) == pytest.approx((a.mean(), b.mean()), rel=1e-10)
    assert found.difference == pytest.approx(a.mean() - b.mean(), rel=1e-8)
    assert found.relative == pytest.approx(a.mean() / b.mean() - 1, rel=1e-8)
    assert found.t.p == pytest.approx(oracle.pvalue, rel=1e-8)
    assert found.wins == estimates.count_wins(a - b)
    assert found.randomisation.p == pytest.approx(found.t.p, abs=0.1)
    assert found.bootstrap.low == pytest.approx(found.t.low, abs=0.15 * (found.t.high - found.t.low))
    assert found.effect.dz == pytest.approx((a - b).mean() / (a - b).std(ddof=1), rel=1e-8)
    assert found.effect.low < found.effect.dz < found.effect.high
    assert (found.mcnemar is not None) == (metric == "HIT@10")
    assert found.wilcoxon is None
    assert found.detectable == pytest.approx(2.803 * (a - b).std(ddof=1) / np.sqrt(len(a)), rel=1e-3)


def test_options_reach_what_they_are_for() -> None:
    a, b = (values(system, "NDCG@10") for system in PAIRS[1])
    plain = compare(a, b, FAST)
    other = compare(a, b, Options(resamples=600, seed=3, confidence=0.99, alpha=0.001, power=0.9, wilcoxon=True))
    assert other.t == plain.t
    assert other.wilcoxon is not None
    assert other.wilcoxon.too_many
    assert other.randomisation.resamples == other.bootstrap.resamples == 600
    assert other.bootstrap.low < plain.bootstrap.low < plain.bootstrap.high < other.bootstrap.high
    assert other.effect.low < plain.effect.low
    assert other.detectable > 1.5 * plain.detectable


def turned(one: PairComparison) -> tuple[object, ...]:
    """What the comparison must be with first and second system exchanged."""
    t, boot, effect = one.t, one.bootstrap, one.effect
    return (
        (one.b, one.a, -t.statistic, t.p, -t.mean, -t.high, -t.low, one.randomisation, one.wins[::-1]),
        (-boot.mean, -boot.high, -boot.low, boot.standard_error, one.detectable),
        EffectSize(-effect.dz, -effect.high, -effect.low),
        one.mcnemar and (one.mcnemar.p, one.mcnemar.losses, one.mcnemar.wins),
    )


def plainly(one: PairComparison) -> tuple[object, ...]:
    t, boot = one.t, one.bootstrap
    return (
        (one.a, one.b, t.statistic, t.p, t.mean, t.low, t.high, one.randomisation, one.wins),
        (boot.mean, boot.low, boot.high, boot.standard_error, one.detectable),
        one.effect,
        one.mcnemar and (one.mcnemar.p, one.mcnemar.wins, one.mcnemar.losses),
    )


@pytest.mark.parametrize("metric", METRICS)
def test_order_of_users_and_naming_of_systems_change_no_digit(metric: str) -> None:
    order = np.random.default_rng(1).permutation(1090)
    for a, b in ((values(x, metric), values(y, metric)) for x, y in PAIRS):
        found = compare(a, b, FAST)
        assert compare(a[order], b[order], FAST) == found
        assert plainly(compare(b, a, FAST)) == turned(found)


def test_the_number_of_threads_changes_no_digit() -> None:
    here = Path(__file__).parents[2] / "support"
    said = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        env = {**os.environ, **dict.fromkeys(names, threads)}
        done = subprocess.run(
            [sys.executable, "-c", DIGITS, str(here)],
            capture_output=True,
            text=True,
            check=True,
            env=env,
            cwd=here.parents[1],
        )
        said.add(done.stdout)
    assert len(said) == 1
    assert said.pop().count("PairComparison(") == 9


def test_means_over_seeds_are_compared_like_any_values() -> None:
    a, b = (mean_values(system, "HIT@10") for system in PAIRS[1])
    found = compare(a, b, FAST)
    assert found.mcnemar is None  # fifths are not hits
    assert found.t.p == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue, rel=1e-8)


def test_equal_systems_and_a_mean_of_zero() -> None:
    a = values("popularity", "NDCG@10")
    same = compare(a, a, FAST)
    assert (same.t.p, same.randomisation.p, same.difference, same.detectable) == (1, 1, 0, 0)
    assert (same.bootstrap.low, same.bootstrap.high, same.effect) == (0, 0, (0, 0, 0))
    assert compare(a, np.zeros(len(a)), FAST).relative is None


def test_hits_that_never_differ_are_still_hits() -> None:
    a = values("popularity", "HIT@10")
    found = compare(a, a, FAST)
    assert found.mcnemar == parametric.mcnemar(paired_counts.counted(np.zeros(len(a))))


def test_other_users_are_refused() -> None:
    with pytest.raises(MetricsError, match="cannot pair"):
        compare(np.zeros(3), np.zeros(4))
    with pytest.raises(MetricsError, match="1 user"):
        compare(np.zeros(1), np.zeros(1))
