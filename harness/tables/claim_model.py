"""What a claim comes to on one dataset: the two systems' means, every test, and what single seeds would have said.

Frozen data; the verdict is filled in by `tables.verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.core.results import Claim, Status
from harness.stats.comparison import PairComparison
from harness.stats.estimates import ALPHA, Interval, TestResult, Wins
from harness.stats.power import smallest_detectable

ByUsers = Literal["supported by users only", "contradicted by users only"]
ClaimVerdict = (
    ByUsers
    | Literal["supported", "contradicted", "direction only", "inconclusive", "failed", "not run", "not judged"]
    | Literal["better", "worse", "better by users only", "worse by users only"]
)  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """A run that cannot be counted, and why; `seed` is None where the system or the whole cell is meant."""

    dataset: str
    system: str
    seed: int | None
    status: Status
    reason: str
    key: str = ""


@dataclass(frozen=True)
class SeedGain:
    """What a single seed would have said: the gain, and the paired t-test's p over users, uncorrected."""

    seed: int | None
    gain: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """A claim's numbers; differences are averaged over the seeds that both systems have.

    Attributes:
        test: the paired t-test, on which the verdict rests.
        interval: of the gain, over users × seeds where there are seeds.
        more: the other tests and intervals over users.
    """

    worse_mean: float
    test: TestResult
    p_adjusted: float
    interval: Interval
    wins: Wins
    per_seed: tuple[SeedGain, ...]
    more: PairComparison

    @property
    def gain(self) -> float:
        """Mean difference over users and seeds."""
        return self.test.mean

    @property
    def relative(self) -> float | None:
        """The gain as a fraction of the worse system's mean."""
        return self.gain / self.worse_mean if self.worse_mean else None

    @property
    def detectable(self) -> float:
        """The smallest true gain that would be found with 80 % power at 5 %, uncorrected, over what `interval` is."""
        return smallest_detectable(self.interval.standard_error, self.interval.df)

    @property
    def significant(self) -> bool:
        """Whether the test over users, corrected over the table, finds a difference."""
        return self.p_adjusted < ALPHA

    @property
    def seed_aware(self) -> bool:
        """Whether the interval allows for other seeds."""
        return self.interval.basis == "users x seeds"

    @property
    def open_to_seeds(self) -> bool:
        """Whether, with other seeds, there might be no difference or the opposite one."""
        return self.seed_aware and self.interval.low <= 0 <= self.interval.high

    @property
    def overruled(self) -> bool:
        """The test over users finds a difference that other seeds might not show."""
        return self.significant and self.open_to_seeds

    @property
    def misleading_seeds(self) -> tuple[SeedGain, ...]:
        """Single seeds that would have counted as significant although other seeds might not show it."""
        return tuple(g for g in self.per_seed if g.p < ALPHA) if self.open_to_seeds else ()


@dataclass(frozen=True)
class ClaimRow:
    """A claim on one dataset; `paper_gain` and `paper_relative` are None where the paper prints too little."""

    dataset: str
    claim: Claim
    comparison: Comparison | None = None
    paper_gain: float | None = None
    paper_relative: float | None = None
    gap: Gap | None = None
    verdict: ClaimVerdict = "not judged"
