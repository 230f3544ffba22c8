"""What a recipe fixes before any run: its claims, what counts as equal, how p-values are corrected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from harness.core.schema import Strict


class Correction(Strict):
    """How p-values of claims are corrected for their number, fixed before any run.

    Attributes:
        family: tests that are corrected together: all claims, metrics and datasets of the recipe, or those of one
            dataset. What was not asked for or cannot be tested yet counts as p = 1, so a filter lowers no p.
    """

    method: Literal["holm", "bonferroni", "benjamini-hochberg", "none"] = "holm"
    family: Literal["artifact", "dataset"] = "artifact"


class ClaimText(Strict):
    """A claim as written: one system beats another on some of the recipe's metrics and datasets, all by default.

    It is made only where the paper makes it: no claim contradicts the numbers that the paper prints, and none stands
    beside its opposite.
    """

    better: str
    worse: str
    metrics: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def cells(self, metrics: Iterable[str], datasets: Iterable[str]) -> Iterator[ClaimCell]:
        """Every metric and dataset that it is about, with better and worse.

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
    """A fault for each system that beats itself, for each claim written twice and for each beside its opposite."""
    found: set[ClaimCell] = set()
    for cell in (cell for claim in claims for cell in claim.cells(metrics, datasets)):
        where = f"{cell.better} > {cell.worse} ({cell.metric} on {cell.dataset})"
        if cell.better == cell.worse:
            yield f"{where} compares a system with itself"
        elif cell in found:
            yield f"{where} is a duplicate"
        elif cell._replace(better=cell.worse, worse=cell.better) in found:
            yield f"{where} stands beside its opposite"
        found.add(cell)


def contradicted(cells: Iterable[ClaimCell], values: Mapping[tuple[str, str, str], float]) -> Iterator[str]:
    """A fault for each claim that printed values deny: the better system prints less than the worse, or the same.

    Args:
        values: by system, metric and dataset, as printed.
    """
    for cell in cells:
        better, worse = (values.get((system, cell.metric, cell.dataset)) for system in (cell.better, cell.worse))
        if better is not None and worse is not None and better <= worse:
            claim = f"{cell.better} > {cell.worse} ({cell.metric} on {cell.dataset})"
            yield f"{claim}, but the paper prints {better:g} against {worse:g}"


class Margin(Strict):
    """What counts as equal to a published value, fixed before any run: a fraction of it, or a distance from it."""

    relative: float = Field(default=0.0, gt=0, lt=1)
    absolute: float = Field(default=0.0, gt=0, lt=1)

    @model_validator(mode="after")
    def is_one_of_them(self) -> Margin:
        """Refuse none and both."""
        if (not self.relative) == (not self.absolute):
            raise ValueError("give either relative or absolute")
        return self
