"""The result of a claim on one dataset: the two systems' means, every test, and single seeds.

Frozen data; the verdict is set by `tables.verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.core.results import Claim, Status
from harness.stats.comparison import PairComparison
from harness.stats.estimates import ALPHA, ROUNDING, Interval, TestResult, Wins
from harness.stats.power import smallest_detectable
from harness.stats.seed_noise import ENOUGH_SEEDS, GainTest, SeedsNeeded

ByUsers = Literal["supported by users only", "contradicted by users only", "no difference by users only"]
ClaimVerdict = (
    ByUsers
    | Literal["supported", "contradicted", "no difference", "direction only", "opposite direction", "inconclusive"]
    | Literal["failed", "not run", "not compared", "not judged"]
    | Literal["better", "worse", "better by users only", "worse by users only"]
)  # fmt: skip
SizeWord = Literal["as printed", "smaller than printed", "larger than printed", "unclear"]


@dataclass(frozen=True)
class Gap:
    """A run that does not count, and why; `seed` is None for a system or an entire cell."""

    dataset: str
    system: str
    seed: int | None
    status: Status
    reason: str
    key: str = ""


@dataclass(frozen=True)
class SeedGain:
    """The result of a single seed: the gain, and the paired t-test's p over users, uncorrected."""

    seed: int | None
    gain: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """A claim's numbers; differences are averaged over the trainings that both systems have.

    Attributes:
        test: the paired t-test over users.
        by_gain: the test over users and seeds, which decides the verdict.
        p_users_adjusted, p_adjusted, p_equal_adjusted: corrected over the family: of `test`; of `by_gain`, raised to
            that of an exact test over users if there is one; and of the test of equivalence.
        margin: the largest absolute gain that counts as none.
        prediction: half the 95 % interval, around our gain, for the gain of one more pair of trainings.
        n_trainings: seeds with distinct ranks; 0 if both systems are deterministic.
        wins: users by their mean over seeds.
        more: the other tests and intervals over users.
        needed: trainings needed for a decision; None if decided, or the noise is unknown.
    """

    worse_mean: float
    test: TestResult
    by_gain: GainTest
    p_users_adjusted: float
    p_adjusted: float
    p_equal_adjusted: float
    margin: float
    prediction: float
    n_trainings: int
    wins: Wins
    per_seed: tuple[SeedGain, ...]
    more: PairComparison
    needed: SeedsNeeded | None = None

    @property
    def gain(self) -> float:
        """Mean difference over users and seeds; 0 if it is only rounding."""
        return self.test.mean if abs(self.test.mean) > ROUNDING else 0.0

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the gain, uncorrected: over users × seeds if there are seeds; it belongs to `p`."""
        return self.by_gain.interval

    @property
    def p(self) -> float:
        """Uncorrected p over users and seeds: at least that of an exact sign-flip test over users."""
        return max(self.by_gain.p, self.more.randomisation.p) if self.more.randomisation.exact else self.by_gain.p

    @property
    def p_equal(self) -> float:
        """Uncorrected p of equivalence within the margin, with the same lower bound."""
        floor = 2.0 ** (1 - self.test.n)
        return max(self.by_gain.p_equal, floor)

    @property
    def relative(self) -> float | None:
        """The gain as a fraction of the worse system's mean."""
        return self.gain / self.worse_mean if self.worse_mean else None

    @property
    def detectable(self) -> float:
        """The smallest true gain detectable with 80 % power at 5 %, uncorrected, on the basis of `interval`."""
        return smallest_detectable(self.interval.standard_error, self.interval.df)

    @property
    def significant(self) -> bool:
        """Whether the test over users and seeds, corrected over the family, finds a difference."""
        return self.p_adjusted < ALPHA and self.gain != 0

    @property
    def equal(self) -> bool:
        """Whether the gain, corrected over the family, is equivalent to 0."""
        return self.p_equal_adjusted < ALPHA

    @property
    def by_users_only(self) -> bool:
        """Whether there are too few trainings to generalise to other seeds."""
        return 0 < self.n_trainings < ENOUGH_SEEDS

    @property
    def found_by_users(self) -> bool:
        """Whether the test over users alone, corrected over the family, finds a difference."""
        return self.p_users_adjusted < ALPHA and self.gain != 0

    @property
    def direction(self) -> int:
        """1 or -1 if the gain and every seed's gain have this sign; else 0."""
        signs = {(g.gain > ROUNDING) - (g.gain < -ROUNDING) for g in self.per_seed}
        return signs.pop() if len(signs) == 1 else 0

    @property
    def seed_aware(self) -> bool:
        """Whether the interval includes the variation of seeds."""
        return self.interval.basis == "users x seeds"

    @property
    def open_to_seeds(self) -> bool:
        """Whether other seeds might show no difference or the opposite one."""
        return self.seed_aware and (self.p >= ALPHA or self.interval.low <= 0 <= self.interval.high)

    @property
    def overruled(self) -> bool:
        """The test over users finds a difference that other seeds might not show."""
        return self.found_by_users and self.seed_aware and not self.significant

    @property
    def misleading_seeds(self) -> tuple[SeedGain, ...]:
        """Single seeds with a significant result that other seeds might not show."""
        return tuple(g for g in self.per_seed if g.p < ALPHA) if self.open_to_seeds else ()

    def size(self, paper_gain: float, rounding: float) -> SizeWord:
        """Whether another pair of our trainings might have the printed gain.

        It is "smaller" or "larger" if the printed gain is outside the prediction interval and further off than
        the margin; "unclear" with too few trainings, or if the interval contains both 0 and the printed gain.

        Args:
            paper_gain: the difference of two printed values.
            rounding: half a unit of the last digit of both, added.
        """
        if self.by_users_only:
            return "unclear"
        off = abs(self.gain - paper_gain)
        if off <= max(self.prediction, self.margin) + rounding + ROUNDING:
            return "unclear" if self.prediction >= abs(self.gain) else "as printed"
        return "smaller than printed" if (self.gain - paper_gain) * paper_gain < 0 else "larger than printed"


@dataclass(frozen=True)
class ClaimRow:
    """A claim on one dataset; the paper's values are None if it prints too few.

    Attributes:
        paper_rounding: half a unit of the last digit of both printed values, added.
        shared: the paper's names of the two systems: claims of one pair share printed values.
    """

    dataset: str
    claim: Claim
    comparison: Comparison | None = None
    paper_gain: float | None = None
    paper_relative: float | None = None
    gap: Gap | None = None
    verdict: ClaimVerdict = "not judged"
    paper_rounding: float = 0.0
    shared: tuple[str, str] = ("", "")

    @property
    def size(self) -> SizeWord | None:
        """How our gain compares with the printed one; None if one is missing."""
        if self.comparison is None or self.paper_gain is None:
            return None
        return self.comparison.size(self.paper_gain, self.paper_rounding)
