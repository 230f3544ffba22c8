"""Two systems on one metric: every test, interval and effect size that a table may show, in one value.

A thin front over `paired_counts`, `parametric`, `resampling` and `power`. Values are per user, paired by user id
beforehand (`estimates.align`), for several seeds each user's mean over them (`estimates.seed_mean`): everything here
is about other users. Whether other seeds would say the same is answered by `seed_noise`, from values per seed.
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
    """How systems are compared.

    Attributes:
        resamples: of the randomisation test and of the bootstrap.
        seed: of both; the same digits come again with it.
        confidence: of the bootstrap interval and of that of d_z; the t interval is always the 95 % one.
        alpha: that the smallest detectable difference is worked out at: corrected for the family, as
            `harness.stats.power` says, where there is one.
        power: likewise, with what probability it would be found.
        wilcoxon: run the signed-rank test too.
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
        wilcoxon: None unless asked for; `too_many` warns above 1,000 users.
        effect: Cohen's d_z with its interval.
        detectable: the smallest true difference that the t-test would have found at the power asked for.
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
        """The difference as a fraction of the second system's mean, None where that is 0."""
        return self.difference / self.b if self.b else None


DEFAULT = Options()


def compare(a_values: Floats, b_values: Floats, options: Options = DEFAULT) -> PairComparison:
    """One pair of systems.

    Args:
        a_values: shape (n_users,), the first system's values.
        b_values: shape (n_users,), the second's, in the same order of users.
    Raises:
        MetricsError: for fewer than two users, other lengths, a value that is not finite.
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
