"""Findings of own runs, from rows read from records elsewhere; opens no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from harness.core.errors import MetricsError
from harness.findings.finding import Finding
from harness.recipes.papers.rounding import decimals, exact, judge, rounded

ALPHA = 0.05


@dataclass(frozen=True)
class MetricRow:
    """One metric of one run.

    Attributes:
        paper: key of the paper whose experiment it is.
        printed: as the upstream printed it.
        recomputed: from the run's ranks.
    """

    paper: str
    run: str
    dataset: str
    system: str
    metric: str
    printed: str
    recomputed: float


@dataclass(frozen=True)
class PairingRow:
    """One comparison of two systems, tested with users paired and with users taken as independent samples."""

    paper: str
    dataset: str
    comparison: str
    metric: str
    p_paired: float
    p_unpaired: float


@dataclass(frozen=True)
class PairRow:
    """Two runs of one system with equal settings.

    Attributes:
        settings: shared limits of training, seed, and differing limits.
        runs: their keys. means: of the metric over users, in the same order.
        p: of the paired t-test over users, two-sided.
    """

    paper: str
    dataset: str
    system: str
    metric: str
    settings: str
    runs: tuple[str, str]
    means: tuple[float, float]
    p: float


@dataclass(frozen=True)
class VariantRow(PairRow):
    """A system as published in a paper and, second, as in its authors' code."""

    @property
    def published(self) -> float:
        """The mean as published."""
        return self.means[0]

    @property
    def released(self) -> float:
        """The mean as released."""
        return self.means[1]


@dataclass(frozen=True)
class TwinRow(PairRow):
    """A system in two code bases, `upstreams`."""

    upstreams: tuple[str, str]


@dataclass(frozen=True)
class SettingRow:
    """A setting that differs between two systems of a claim.

    Attributes:
        datasets: labels, or "all datasets".
        systems: labels, the one claimed to be better first.
        values: of the setting, in the same order.
    """

    paper: str
    artifact: str
    datasets: str
    systems: tuple[str, str]
    setting: str
    values: tuple[str, str]


def records_findings(
    metrics: Iterable[MetricRow] = (),
    tests: Iterable[PairingRow] = (),
    variants: Iterable[VariantRow] = (),
    twins: Iterable[TwinRow] = (),
    settings: Iterable[SettingRow] = (),
) -> Iterator[Finding]:
    """Findings of own runs: printed metrics that disagree with the ranks, tests that depend on pairing, released
    code that differs from its paper, code bases with different values of one system, and settings that
    differ between compared systems.

    Raises:
        MetricsError: a printed metric that is not a number.
    """
    for row in metrics:
        yield metric_finding(row)
    for test in tests:
        same = (test.p_paired < ALPHA) == (test.p_unpaired < ALPHA)
        yield Finding(
            "runs", (test.paper,), "own runs", f"{test.dataset}, {test.comparison}, {test.metric}",
            f"p = {test.p_unpaired:.3g}, users unpaired", f"p = {test.p_paired:.3g}, users paired",
            "agrees" if same else "differs", "" if same else f"the choice of test changes the decision at {ALPHA}",
        )  # fmt: skip
    yield from map(variant_finding, variants)
    yield from map(twin_finding, twins)
    yield from map(setting_finding, settings)


def metric_finding(row: MetricRow) -> Finding:
    """One printed metric against the one recomputed from ranks."""
    try:
        printed = Decimal(row.printed)
        value = exact(Decimal(repr(row.recomputed)))
        verdict = judge(printed, value)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise MetricsError(
            f"run {row.run}", f"{row.metric} {row.printed!r} is not a number", "repeat the run"
        ) from error
    return Finding(
        "runs", (row.paper,), f"run {row.run[:8]}", f"{row.dataset}, {row.system}, {row.metric}", row.printed,
        str(rounded(value.point, decimals(printed) + 2)), verdict,
    )  # fmt: skip


def variant_finding(row: VariantRow) -> Finding:
    """A system as published compared with the released one."""
    differ = row.p < ALPHA
    ratio = f"{row.published / row.released:.2f} times, " if row.released > 0 else ""
    return Finding(
        "released", (row.paper,), f"own runs {row.runs[0][:8]}, {row.runs[1][:8]}",
        f"{row.dataset}, {row.system}, {row.metric} ({row.settings})", f"{row.released:.4f} as released",
        f"{row.published:.4f} as published", "differs" if differ else "agrees",
        f"{ratio}p = {row.p:.3g} over users" if differ else f"no difference shown: p = {row.p:.3g} over users",
    )  # fmt: skip


def twin_finding(row: TwinRow) -> Finding:
    """A system in one code base compared with the same in another."""
    first, second = (f"{mean:.4f} in {name}" for mean, name in zip(row.means, row.upstreams, strict=True))
    differ = row.p < ALPHA
    return Finding(
        "twins", (row.paper,), f"own runs {row.runs[0][:8]}, {row.runs[1][:8]}",
        f"{row.dataset}, {row.system}, {row.metric} ({row.settings})", first, second, "differs" if differ else "agrees",
        f"p = {row.p:.3g} over users, paired" if differ else f"no difference shown: p = {row.p:.3g} over users, paired",
    )  # fmt: skip


def setting_finding(row: SettingRow) -> Finding:
    """A setting of one system and of the compared system."""
    better, worse = row.systems
    first, second = (f"{value} for {system}" for value, system in zip(row.values, row.systems, strict=True))
    return Finding(
        "unequal", (row.paper,), f"recipe {row.artifact}", f"{better} > {worse}, {row.setting} ({row.datasets})", first,
        second, "differs", "from the recipe, which follows the released configuration",
    )  # fmt: skip
