"""What a recipe fixes before any run: its claims, what counts as equal, how p-values are corrected."""

from __future__ import annotations

from typing import Literal

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
    """A claim as written: one system beats another on some of the recipe's metrics, all by default."""

    better: str
    worse: str
    metrics: tuple[str, ...] = ()


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
