"""The criteria that a recipe fixes before any run: claims, margin, correction of p-values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field, model_validator

from harness.core.schema import Strict


class Correction(Strict):
    """How p-values of claims are corrected for their number, fixed before any run.

    Attributes:
        family: tests that are corrected together: all claims, metrics and datasets of the recipe, or those of one
            dataset. Tests that were not requested or are not possible yet count as p = 1, so a filter lowers no p.
    """

    method: Literal["holm", "bonferroni", "benjamini-hochberg", "none"] = "holm"
    family: Literal["artifact", "dataset"] = "artifact"

    def __str__(self) -> str:
        return f"{self.method}/{self.family}"


class ClaimText(Strict):
    """A claim as written: one system beats another on some of the recipe's metrics and datasets, all by default.

    It covers only what the paper claims: no claim contradicts the numbers that the paper prints, and none has its
    opposite in the recipe.
    """

    better: str
    worse: str
    metrics: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def cells(self, metrics: Iterable[str], datasets: Iterable[str]) -> Iterator[ClaimCell]:
        """Every metric and dataset of the claim, with better and worse.

        Args:
            metrics, datasets: those of the recipe.
        """
        for metric in self.metrics or metrics:
            for dataset in self.datasets or datasets:
                yield ClaimCell(self.better, self.worse, metric, dataset)


class ClaimCell(NamedTuple):
    """A claim on one metric of one dataset."""

    better: str
    worse: str
    metric: str
    dataset: str


def opposites(claims: Iterable[ClaimText], metrics: Sequence[str], datasets: Sequence[str]) -> Iterator[str]:
    """A fault for each system that beats itself, each duplicate claim and each claim whose opposite is present."""
    found: set[ClaimCell] = set()
    for cell in (cell for claim in claims for cell in claim.cells(metrics, datasets)):
        where = f"{cell.better} > {cell.worse} ({cell.metric} on {cell.dataset})"
        if cell.better == cell.worse:
            yield f"{where} compares a system with itself"
        elif cell in found:
            yield f"{where} is a duplicate"
        elif cell._replace(better=cell.worse, worse=cell.better) in found:
            yield f"{where} contradicts another claim"
        found.add(cell)


def contradicted(cells: Iterable[ClaimCell], values: Mapping[tuple[str, str, str], float]) -> Iterator[str]:
    """A fault for each claim that contradicts printed values: the better system's value is not higher.

    Args:
        values: by system, metric and dataset, as printed.
    """
    for cell in cells:
        better, worse = (values.get((system, cell.metric, cell.dataset)) for system in (cell.better, cell.worse))
        if better is not None and worse is not None and better <= worse:
            claim = f"{cell.better} > {cell.worse} ({cell.metric} on {cell.dataset})"
            yield f"{claim}, but the paper prints {better:g} against {worse:g}"


class Margin(Strict):
    """The margin within which a value equals a published one, fixed before any run: a fraction of it, or a distance."""

    relative: float = Field(default=0.0, gt=0, lt=1)
    absolute: float = Field(default=0.0, gt=0, lt=1)

    @model_validator(mode="after")
    def is_one_of_them(self) -> Margin:
        """Refuse both, and neither."""
        if (not self.relative) == (not self.absolute):
            raise ValueError("give either relative or absolute")
        return self

    def __str__(self) -> str:
        return f"relative {self.relative:g}" if self.relative else f"absolute {self.absolute:g}"


class Criteria(BaseModel, extra="ignore", frozen=True):
    """The parts of a recipe that its verdicts depend on; other keys are ignored."""

    metrics: tuple[str, ...]
    datasets: tuple[str, ...]
    claims: tuple[ClaimText, ...] = ()
    margin: Margin = Margin(relative=0.05)
    correction: Correction = Correction()

    @property
    def cells(self) -> set[ClaimCell]:
        """Every claim on every metric and dataset, however the recipe writes them."""
        return {cell for claim in self.claims for cell in claim.cells(self.metrics, self.datasets)}

    @property
    def sha256(self) -> str:
        """A hash of the criteria, independent of how they are written."""
        said = {"claims": sorted(self.cells), "margin": str(self.margin), "correction": str(self.correction)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def differences(self, now: Criteria) -> list[str]:
        """The differences between these criteria and the current ones."""
        found = [
            f"{name} {getattr(self, name)} (now {getattr(now, name)})"
            for name in ("margin", "correction")
            if getattr(self, name) != getattr(now, name)
        ]
        for word, cells in (("without", now.cells - self.cells), ("with", self.cells - now.cells)):
            named = [f"{c.better} > {c.worse} ({c.metric} on {c.dataset})" for c in sorted(cells)]
            more = f" and {len(named) - 3} more" if len(named) > 3 else ""
            found += [f"{word} the claims {', '.join(named[:3])}{more}"] if named else []
        return found
