"""Fixed texts of captions: what the columns of tests and of trainings hold."""

from __future__ import annotations

from harness.core.results import TrainingFact

TRAINING: dict[TrainingFact, str] = {
    "minutes": "Minutes: of training until the best epoch, here and on the {}'s machine, so nothing is judged. ",
    "seconds": "Seconds: of the whole training, here and on the {}'s machine, so nothing is judged. ",
    "best epoch": "Best epoch: the one whose weights are tested, ours counted from 0. ",
}
INTERVAL = (
    "Interval: 95 %, uncorrected, over users × seeds where there are two or more seeds, else over users (u); the wider "
    "of two, with the noise of the claim's own seeds and with that of the noisier half of the table's systems."
)
TEST_CAPTION = (
    "90 % interval and p of the two one-sided tests against printed ± margin, over seeds, with one or two seeds over "
    "users; the 95 % interval in which one more training of ours would lie; how far off a value must be to differ, by "
    "the noise of the noisier half of the table's systems too; how many seeds would settle an open verdict with 80 % "
    "probability, with the range that the noise known so far allows. RMSE: root mean square of ours - printed, over "
    "systems. Kendall's tau: of the two orders of systems, 1 where they are the same."
)
WORDS = (
    "Not significant: no difference, where the gain lies within the margin of 0; otherwise its direction, where every "
    "seed has it. By users only: fewer than three trainings, which says nothing of other seeds."
)
SAME_VALUES = "Seeds of a system that give each user the same value count as one: they show no noise of its trainings."
WILCOXON = (
    "Wilcoxon: signed ranks of users' differences, zeros left out; it asks about ranks and not about the mean, and "
    "where marked ! there are more than 1,000 users: believe the t-test."
)
CLAIM_TEST_CAPTION = (
    "p users × seeds: the test above, uncorrected. p equal: that the gain lies within ± margin of 0, corrected alike. "
    "Size: our gain against the printed one, by the interval for one more pair of trainings. Effect ratio: our gain "
    "over the printed one. Δ rel. improvement: the printed gain in percent minus ours."
)
DETAILS = (
    "Over users, each by its mean over seeds. t, p: the paired t-test, uncorrected. p random.: sign-flip "
    "randomisation, by 10,000 draws where marked ʳ, else exact. McNemar: where the metric is 0 or 1. d_z: mean over "
    "standard deviation of users' differences. Detectable: the smallest true gain that would be found with 80 % power "
    "at 5 %, over what the interval of the claim is over. w/t/l: users whom the first serves better, equally well, "
    "worse."
)
