"""Fixed texts of captions: descriptions of the columns of tests and trainings."""

from __future__ import annotations

from harness.core.results import TrainingFact

TRAINING: dict[TrainingFact, str] = {
    "minutes": "Minutes: training time until the best epoch, ours and the {}'s, on different machines, so not judged. ",
    "seconds": "Seconds: time of the complete training, ours and the {}'s, on different machines, so not judged. ",
    "best epoch": "Best epoch: the epoch whose weights are tested, ours counted from 0. ",
}
INTERVAL = (
    "Interval: 95 %, uncorrected, over users × seeds with two or more seeds, else over users (u); the wider of two: "
    "with the noise of the claim's seeds, and with that of the noisier half of the table's systems."
)
TEST_CAPTION = (
    "90 % interval and p of the two one-sided tests (TOST) against printed ± margin, over seeds (with one or two "
    "seeds over users). 95 % prediction interval for one more training. Differs beyond: minimum deviation of a "
    "differing value, by the larger of its own noise and that of the noisier half of the table's systems. Seeds "
    "needed to decide an open verdict with 80 % probability, with a range. RMSE: root mean square of ours - printed, "
    "over systems. Kendall's tau: of the two orders of systems; 1 means equal orders."
)
WORDS = (
    "Not significant: no difference, if the gain is equivalent to 0 within the margin; direction only, if every seed "
    "has the same sign. By users only: fewer than three trainings, so not generalised to other seeds."
)
SAME_VALUES = "Seeds of a system with the same value for every user count as one: they show no training noise."
WILCOXON = (
    "Wilcoxon: signed-rank test of users' differences without zeros; it tests ranks, not the mean. Marked ! with more "
    "than 1,000 users: prefer the t-test."
)
CLAIM_TEST_CAPTION = (
    "p users × seeds: the test above, uncorrected. p equal: equivalence of the gain with 0 within ± margin, corrected. "
    "Size: our gain against the printed one, by the interval for one more pair of trainings. Effect ratio: our gain "
    "divided by the printed one. Δ rel. improvement: the printed gain in percent minus ours."
)
DETAILS = (
    "Over users, each by its mean over seeds. t, p: the paired t-test, uncorrected. p random.: sign-flip "
    "randomisation test, with 10,000 draws if marked ʳ, else exact. McNemar: if the metric is 0 or 1. d_z: mean "
    "divided by standard deviation of users' differences. Detectable: the smallest true gain detectable with 80 % "
    "power at 5 %, on the basis of the claim's interval. w/t/l: users for whom the first is better, equal, worse."
)
