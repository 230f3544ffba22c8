"""Comparison of two systems on one metric: all tests, intervals and effect sizes of a table, in one value.

It combines `paired_counts`, `parametric`, `resampling` and `power`. Values are per user, paired by user id
beforehand (`estimates.align`), for several seeds each user's mean over them (`estimates.seed_mean`): everything here
generalises to other users. Generalisation to other seeds is in `seed_noise`, from values per seed.
Corrections over a family come after, from `harness.stats.corrections`.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.stats import parametric, power, resampling
from harness.stats.estimates import ALPHA, CONFIDENCE, Floats, TestResult, Wins, t_test
from harness.stats.paired_counts import differences, over_users, to_levels
from harness.stats.parametric import McNemar, SignedRanks
from harness.stats.power import EffectSize
from harness.stats.resampling import Bootstrap, Randomisation


@dataclass(frozen=True)
class Options:
    """The settings of a comparison.

    Attributes:
        resamples: of the randomisation test and of the bootstrap.
        seed: of both; equal seeds give equal digits.
        confidence: of the intervals of bootstrap and d_z; the t interval is always at 95 %.
        alpha: level of the smallest detectable difference: corrected for the family, as in
            `harness.stats.power`, if there is one.
        power: its probability of detection.
        wilcoxon: also run the signed-rank test.
    """

    resamples: int = resampling.RESAMPLES
    seed: int = 0
    confidence: float = CONFIDENCE
    alpha: float = ALPHA
    power: float = power.POWER
    wilcoxon: bool = False


@dataclass(frozen=True)
class PairComparison:
    """Two systems on one metric over the same users.

    Attributes:
        a: mean of the first system.
        b: mean of the second.
        t: the paired t-test, with the mean difference and its t interval.
        mcnemar: None unless the metric is 0 or 1 for every user.
        wilcoxon: None unless requested; `too_many` warns above 1,000 users.
        effect: Cohen's d_z with its interval.
        detectable: the smallest true difference that the t-test finds with the requested power.
    """

    a: float
    b: float
    t: TestResult
    randomisation: Randomisation
    mcnemar: McNemar | None
    wilcoxon: SignedRanks | None
    bootstrap: Bootstrap
    effect: EffectSize
    wins: Wins
    detectable: float

    @property
    def difference(self) -> float:
        """First minus second system."""
        return self.t.mean

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of the second system's mean, None if that is 0."""
        return self.difference / self.b if self.b else None


DEFAULT = Options()


def compare(a_values: Floats, b_values: Floats, options: Options = DEFAULT) -> PairComparison:
    """One pair of systems.

    Args:
        a_values: shape (n_users,), the first system's values.
        b_values: shape (n_users,), the second's, in the same order of users.
    Raises:
        MetricsError: for fewer than two users, unequal lengths, or a value that is not finite.
    """
    a, b = to_levels(a_values), to_levels(b_values)
    d = differences(a, b)
    interval = over_users(d)
    t = t_test(interval, d.n)
    return PairComparison(
        a.mean,
        b.mean,
        t,
        resampling.randomisation(d, options.resamples, options.seed),
        parametric.mcnemar(d) if a.is_hit and b.is_hit else None,
        parametric.wilcoxon(d) if options.wilcoxon else None,
        resampling.bootstrap(d, options.resamples, options.seed, options.confidence),
        power.effect_size(t.statistic, d.n, options.confidence) if d.sd else EffectSize(t.dz, t.dz, t.dz),
        d.wins,
        power.smallest_detectable(interval.standard_error, interval.df, options.alpha, options.power),
    )
