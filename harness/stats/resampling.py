"""Randomisation test and bootstrap of a mean difference, by counts instead of by users.

Users with the same difference are exchangeable, so a resample is a few numbers: how many of the users with
|difference| s keep their sign (binomial), or how often a difference is drawn (multinomial). Cost follows the number of
distinct differences, not of users. If these are many, as with MRR, they are merged or represented such that the
distribution of the mean keeps its variance exactly, and other errors are smaller than the resampling error. Each
function describes how, and the tests measure it.

Random numbers come from Philox, seeded by an argument. The order of users, the number of threads and of systems
change no digit; two pairs of systems with one seed share random numbers, so their errors are not independent.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import Generator, Philox
from scipy.special import gammaln, ndtr, ndtri  # type: ignore[import-untyped]

from harness.core.errors import MetricsError
from harness.stats.estimates import CONFIDENCE, ROUNDING, Floats, Users
from harness.stats.paired_counts import Differences

RESAMPLES = 10_000
#: Up to 2 to this power distinct totals are enumerated: 20 users with distinct differences.
ENUMERATED_BITS = 20
#: Up to this number of distinct |differences| each is drawn separately; more are merged into `MERGED`.
MANY_SIZES, MERGED = 256, 32
#: Up to this number of users with one |difference| each sign is a random bit.
BITS = 256
#: Below this number of users the bootstrap interval is BCa.
SMALL = 200
#: Points that represent all differences in the bootstrap of `SMALL` users or more; 2 · POINTS - 1 moments are kept.
POINTS = 6

Method = Literal["percentile", "bca"]


class Randomisation(NamedTuple):
    """A sign-flip test, two-sided.

    Attributes:
        resamples: number drawn; 0 if p is exact.
        exact: all assignments of signs were counted, so p has no resampling error.
    """

    p: float
    resamples: int
    exact: bool


class Bootstrap(NamedTuple):
    """A mean difference with its bootstrap interval; `standard_error` is the standard deviation of the resamples."""

    mean: float
    low: float
    high: float
    standard_error: float
    resamples: int
    method: Method


def randomisation(d: Differences, resamples: int = RESAMPLES, seed: int = 0) -> Randomisation:
    """The share of assignments of signs to users whose total is at least as far from 0 as the observed one.

    If the systems are exchangeable for each user, every assignment of signs to differences is equally likely. Exact
    if distinct totals are few (`ENUMERATED_BITS`), or all differences have one size (HIT@k: it is then the exact
    McNemar test). Otherwise p = (b + 1) / (resamples + 1) for b resamples as extreme, which keeps the error rate for
    any number of resamples; its standard error is sqrt(p (1 - p) / resamples).

    More than `MANY_SIZES` distinct |differences| are merged into at most `MERGED` groups of neighbours, each at the
    root of its mean square: the variance of the total is kept exactly, and its third moment is 0.

    Raises:
        MetricsError: for fewer than one resample.
    Source: Fisher, The Design of Experiments, 1935; + 1: Phipson & Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010.
    """
    _require(resamples)
    counts, least = d.plus + d.minus, abs(d.total) - ROUNDING * max(d.n_nonzero, 1)
    if least <= 0:
        return Randomisation(1.0, 0, True)
    if len(counts) == 1 or float(np.log2(counts + 1.0).sum()) <= ENUMERATED_BITS:
        return Randomisation(_share_beyond(d.sizes, counts, least), 0, True)
    sizes, counts = merged(d.sizes, counts)
    draw, totals = Generator(Philox(seed)), np.full(resamples, -float((sizes * counts).sum()))
    for size, count in zip(sizes, counts, strict=True):
        totals += 2 * size * _heads(draw, int(count), resamples)
    beyond = int((np.abs(totals) >= least).sum())
    return Randomisation((beyond + 1) / (resamples + 1), resamples, False)


def _heads(draw: Generator, count: int, resamples: int) -> Users:
    """The number of heads of `count` fair coins, `resamples` times: for few coins one random bit each.

    Bits are ten to thirty times faster than NumPy's binomial up to 64 coins, slower from some 500.
    """
    if count > BITS:
        return draw.binomial(count, 0.5, resamples)
    heads = np.zeros(resamples, dtype=np.int64)
    for left in range(count, 0, -64):
        words = draw.integers(0, 2**64, resamples, dtype=np.uint64) >> np.uint64(max(64 - left, 0))
        heads += np.bitwise_count(words)
    return heads


def _share_beyond(sizes: Floats, counts: Users, least: float) -> float:
    """The probability that a total of `counts` signed sizes is at least `least` away from 0."""
    totals, shares = np.zeros(1), np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        up = np.arange(count + 1.0)
        binomial = np.exp(gammaln(count + 1) - gammaln(up + 1) - gammaln(count - up + 1) - count * math.log(2))
        totals = np.add.outer(totals, size * (2 * up - count)).ravel()
        shares = np.multiply.outer(shares, binomial).ravel()
    return min(1.0, float(shares[np.abs(totals) >= least].sum()))


def merged(sizes: Floats, counts: Users) -> tuple[Floats, Users]:
    """The same sizes, or if they are many, at most `MERGED` ones with the same sum of squares.

    Groups are neighbours with about equal shares of that sum, so that large sizes, which determine the distribution,
    stay separate and small ones are merged.

    Args:
        sizes: shape (n_sizes,), above 0, ascending.
        counts: shape (n_sizes,), users with each.
    """
    if len(sizes) <= MANY_SIZES:
        return sizes, counts
    squares = counts * sizes**2
    upto = np.cumsum(squares)
    group = np.floor((upto - squares / 2) / upto[-1] * MERGED)
    first = np.flatnonzero(np.diff(group, prepend=-1.0))
    users = np.add.reduceat(counts, first)
    return np.sqrt(np.add.reduceat(squares, first) / users), users


def bootstrap(d: Differences, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE) -> Bootstrap:
    """Mean difference with its interval over other users: percentile, or BCa for fewer than `SMALL` users.

    From `SMALL` users on, the differences are represented by at most `POINTS` values with probabilities that have the
    same first 2 · POINTS - 1 moments (`representatives`); so does the distribution of the mean, and its percentiles
    differ by far less than between two seeds. Fewer users are drawn directly.

    Raises:
        MetricsError: for fewer than two users, or fewer than one resample.
    Source: Efron, Annals of Statistics 7, 1979; BCa: Efron, Journal of the American Statistical Association 82, 1987.
    """
    _require(resamples)
    if d.n < 2:
        raise MetricsError("bootstrap", f"{d.n} user(s): no variance to estimate", "use at least two users")
    method: Method = "bca" if d.n < SMALL else "percentile"
    balance = _balance(d)
    if d.sd == 0:
        return Bootstrap(d.mean, d.mean, d.mean, 0.0, resamples, method)
    if balance < 0:  # the same orientation for both orders of the systems
        other = bootstrap(d.swapped(), resamples, seed, confidence)
        return other._replace(mean=-other.mean, low=-other.high, high=-other.low)
    # 1. The distinct differences with their shares of users, or a few values with the same moments.
    values, probabilities = distribution(d)
    if d.n >= SMALL:
        values, probabilities = representatives(values, probabilities)
    # 2. A resample of n users is one multinomial draw of counts; its mean is the count-weighted mean of the values.
    means = (Generator(Philox(seed)).multinomial(d.n, probabilities, resamples) * values).sum(axis=1) / d.n
    # 3. The interval: quantiles of the resampled means.
    low, high = np.quantile(means, bca_tails(d, means, confidence) if d.n < SMALL else _tails(confidence)).tolist()
    if balance == 0:  # 4. Without a leading system the interval is symmetric, whichever system is first.
        low, high = (low - high) / 2, (high - low) / 2
    return Bootstrap(d.mean, low, high, _sd(means), resamples, method)


def _balance(d: Differences) -> float:
    """Above 0 if the first system leads, 0 if neither does; the sign reverses with d."""
    if d.total:
        return d.total
    unbalanced = np.flatnonzero(d.plus != d.minus)
    return float(d.plus[unbalanced[0]] - d.minus[unbalanced[0]]) if len(unbalanced) else 0.0


def distribution(d: Differences) -> tuple[Floats, Floats]:
    """The distinct differences, ascending, and the share of users who have each."""
    values = np.concatenate([-d.sizes[::-1], [0.0], d.sizes])
    counts = np.concatenate([d.minus[::-1], [d.ties], d.plus])
    return values[counts > 0], counts[counts > 0] / d.n


def representatives(values: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """At most `POINTS` values and their probabilities with the same first 2 · POINTS - 1 moments, to rounding.

    They are the nodes of Gaussian quadrature for the given distribution, by the Lanczos process; vectors are
    re-orthogonalised explicitly and without BLAS, whose sums depend on the number of threads.

    Args:
        values: shape (n,), distinct.
        probabilities: shape (n,), above 0, summing to 1.
    Source: Golub & Welsch, Mathematics of Computation 23, 1969.
    """
    if len(values) <= POINTS:
        return values, probabilities
    # 1. Lanczos: an orthonormal basis of polynomials in the values, and the tridiagonal matrix of their recurrence.
    basis, matrix = np.empty((POINTS, len(values))), np.zeros((POINTS, POINTS))
    vector = np.sqrt(probabilities)
    for step in range(POINTS):
        norm = math.sqrt(float(np.einsum("i,i->", vector, vector)))
        if step:
            matrix[step, step - 1] = matrix[step - 1, step] = norm
        np.divide(vector, norm, out=basis[step])
        known, vector = basis[: step + 1], values * basis[step]
        along = np.einsum("ij,j->i", known, vector)
        matrix[step, step] = along[step]
        vector -= np.einsum("ij,i->j", known, along)
    # 2. Its eigenvalues are the quadrature nodes; the first components of its eigenvectors, squared, are the weights.
    nodes, vectors = np.linalg.eigh(matrix)
    return nodes, vectors[0] ** 2 / (vectors[0] ** 2).sum()


def bca_tails(d: Differences, means: Floats, confidence: float) -> tuple[float, float]:
    """The quantiles of the resamples that bound the BCa interval: bias-corrected, and accelerated by the jackknife.

    Leaving out one user with difference x moves the mean by (mean - x) / (n - 1), so the jackknife is a sum over
    distinct differences.
    """
    # 1. Acceleration: skewness of the jackknife values, divided by 6 sqrt(n).
    values, probabilities = distribution(d)
    apart = values - d.mean
    skewness = float((probabilities * apart**3).sum()) / float((probabilities * apart**2).sum()) ** 1.5
    acceleration = skewness / (6 * math.sqrt(d.n))
    # 2. Bias correction: normal quantile of the share of resamples below the observed mean; ties count half.
    shares = [float((means < d.mean - ROUNDING).mean()), float((means <= d.mean + ROUNDING).mean())]
    bias = float(ndtri(sum(shares) / 2))
    low, high = _tails(confidence)
    if not math.isfinite(bias):  # all resamples on one side
        return low, high
    # 3. Shift the normal quantiles of the tails by bias and acceleration, and convert them back to probabilities.
    moved = (bias + float(ndtri(tail)) for tail in (low, high))
    low, high = (float(ndtr(bias + z / (1 - acceleration * z))) for z in moved)
    return low, high


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def _sd(means: Floats) -> float:
    return float(means.std(ddof=1)) if len(means) > 1 else 0.0


def _require(resamples: int) -> None:
    if resamples < 1:
        raise MetricsError("resamples", f"{resamples} resamples", "use one or more, such as 10000")
