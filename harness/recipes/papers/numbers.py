"""One printed number with its meaning, and selectors that refer to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import model_validator

from harness.core.schema import Strict
from harness.recipes.papers.dataset_sizes import COUNTED
from harness.recipes.papers.rounding import Interval, decimals, exact, printed

COUNTS = ("count", "epoch", "epochs")


class Number(Strict):
    """One printed number and its meaning.

    Attributes:
        decimals: printed decimals; if given, they must be those of `value`.
        source: the paper itself, or the earlier work that it quotes.
        improvement_pct: printed gain over the same model trained with the loss `improvement_over`.
    """

    dataset: str
    metric: str
    value: Decimal
    decimals: int = 0
    model: str = ""
    loss: str | None = None
    label: str = ""
    negatives: int | None = None
    t: Decimal | None = None
    source: str = "own"
    codebase: str = ""
    max_length: int | None = None
    part: str = ""
    improvement_pct: Decimal | None = None
    improvement_over: str = ""
    bold: bool | None = None
    underline: bool | None = None
    significant: bool | None = None
    unit: str = ""
    where: str = ""
    note: str = ""
    column: str = ""
    sampled: bool = False
    seconds: Decimal | None = None
    minutes: Decimal | None = None
    timestamp: int | None = None
    training_objective: str = ""
    negative_sampling: bool = True
    user: int | None = None
    last_epoch: int | None = None

    @model_validator(mode="after")
    def shows_its_decimals(self) -> Number:
        """Refuse a number with a missing digit."""
        if self.decimals != decimals(self.value):
            raise ValueError(f"value {self.value} shows {decimals(self.value)} decimals, not {self.decimals}")
        return self

    @model_validator(mode="after")
    def counts_something(self) -> Number:
        """Refuse a dataset without users, items or interactions."""
        if self.metric in COUNTED and self.value <= 0:
            raise ValueError(f"{self.metric} of {self.dataset}: {self.value} is not a count")
        return self

    @property
    def may_divide(self) -> bool:
        """Whether it can be a divisor: no value that rounds to it is 0."""
        return self.interval.low > 0

    @property
    def interval(self) -> Interval:
        """Every value that rounds to it; for a count only itself."""
        return exact(self.value) if self.unit in COUNTS else printed(self.value)


class Selector(Strict):
    """A selector: matches the numbers that agree with every given field."""

    paper: str = ""
    artifact: str = ""
    dataset: str = ""
    metric: str = ""
    model: str = ""
    loss: str = ""
    label: str = ""
    negatives: int | None = None
    t: Decimal | None = None
    source: str = "own"

    def given(self) -> dict[str, Any]:
        """The given fields, without the paper."""
        found = self.model_dump(exclude={"paper", "source"}, exclude_defaults=True)
        return found | ({} if self.source == "any" else {"source": self.source})
