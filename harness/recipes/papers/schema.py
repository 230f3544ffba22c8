"""The numbers and statements of papers, from recipes/papers, as typed values; reports all mistakes in a file at once.

These are facts with their place in the paper. Inconsistencies are computed from them elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness.core.schema import Strict
from harness.recipes.papers.numbers import Number, Selector


class Claim(Strict):
    """A figure that a paper derives from other numbers.

    Attributes:
        kind: percent, gain-times and ratio compare `of` with `over`; least and greatest take an extreme of printed
            gains; share is negatives over negative items; product multiplies `factors`; a count is not derived.
        significant: the paper's statement on the difference.
        text_of, text_over: the two values in the sentence itself, if given.
    """

    id: str
    where: str
    about: str
    kind: Literal["percent", "gain-times", "ratio", "least", "greatest", "share", "product", "count"]
    reported: Decimal
    unit: str = ""
    artifact: str = ""
    dataset: str = ""
    metric: str = ""
    of: Selector | None = None
    over: Selector | None = None
    significant: bool | None = None
    text_of: Decimal | None = None
    text_over: Decimal | None = None
    negatives: int | None = None
    factors: tuple[Decimal, ...] = ()

    @model_validator(mode="after")
    def has_its_operands(self) -> Claim:
        """Refuse a claim that cannot be recomputed."""
        needs = {
            "percent": self.of and self.over, "gain-times": self.of and self.over, "ratio": self.of and self.over,
            "least": self.of, "greatest": self.of, "share": self.negatives and self.dataset, "product": self.factors,
        }  # fmt: skip
        if not needs.get(self.kind, True):
            raise ValueError(f"{self.id}: a claim of kind {self.kind} lacks the fields it is computed from")
        return self

    def operand(self, selector: Selector) -> Selector:
        """A selector with the fields that both operands share."""
        shared = {name: getattr(self, name) for name in ("artifact", "dataset", "metric")}
        return selector.model_copy(update={name: getattr(selector, name) or held for name, held in shared.items()})


class Marks(Strict):
    """The meaning of a table's marks."""

    bold: Literal["best", "gain", ""] = ""
    underline: Literal["best", "second", ""] = ""
    significant: Literal["against-best", ""] = ""


class Artifact(Strict):
    """One table or figure, or the numbers in the text.

    Attributes:
        published: of released logs or data, the paper's artifact that they belong to.
    """

    caption: str = ""
    columns: tuple[str, ...] = ()
    note: str = ""
    codebase: str = ""
    published: str = ""
    marks: Marks = Marks()
    values: tuple[Number, ...] = ()
    claims: tuple[Claim, ...] = ()


class Fact(Strict):
    """A value in a paper's protocol, by its dotted path."""

    paper: str
    path: str


class Statement(Strict):
    """A statement about a property; statements about the same property should agree."""

    subject: str
    property: str
    where: str
    value: str = ""
    cell: Selector | None = None
    field: Literal["negatives", "t", "loss", "value"] = "value"
    fact: Fact | None = None

    @model_validator(mode="after")
    def says_one_thing(self) -> Statement:
        """Refuse a statement without a value, or with several."""
        if sum((bool(self.value), self.cell is not None, self.fact is not None)) != 1:
            raise ValueError(f"{self.subject}: give one of value, cell and fact")
        return self


class Rule(Strict):
    """A statement about many numbers at once.

    Attributes:
        kind: order: every `better` lies above every `worse` (below, with `less`) on the same dataset and metric; near:
            the same pairs, without a stated limit; threshold: every `better` lies above `above`; only-above: of `worse`
            only `better` does; cap: the best epoch leaves room for `patience` below `cap`; in-line: the own numbers are
            similar to those quoted from `source`.
    """

    id: str
    where: str
    about: str
    kind: Literal["order", "near", "threshold", "only-above", "cap", "in-line"]
    better: Selector
    worse: Selector | None = None
    metric: str = ""
    metrics: tuple[str, ...] = ()
    except_datasets: tuple[str, ...] = ()
    above: Decimal | None = None
    less: bool = False
    cap: str = ""
    patience: str = ""
    source: str = ""

    @model_validator(mode="after")
    def has_its_parts(self) -> Rule:
        """Refuse a rule that cannot be evaluated."""
        needs = {
            "order": self.worse and self.metrics, "near": self.worse and self.metrics,
            "threshold": self.metric and self.above is not None, "cap": self.cap and self.patience,
            "only-above": self.worse and self.metric and self.above is not None, "in-line": self.source,
        }  # fmt: skip
        if not needs[self.kind]:
            raise ValueError(f"{self.id}: a rule of kind {self.kind} lacks the fields it is evaluated on")
        return self


class Paper(Strict):
    """The paper of these numbers."""

    key: str
    title: str
    authors: tuple[str, ...] = ()
    year: int = 0
    venue: str | None = None
    arxiv: str | None = None
    doi: str | None = None
    note: str = ""


class About(Strict):
    """The code and data of these numbers."""

    key: str
    paper: str
    kind: str = ""
    code: str = ""
    commit: str = ""


class PaperFile(Strict):
    """One file of recipes/papers: a paper's numbers, or those of its released files."""

    paper: Paper | None = None
    about: About | None = None
    code: str = ""
    code_bases: dict[str, str] = {}
    conventions: dict[str, str] = {}
    protocol: dict[str, Any] = {}
    artifacts: dict[str, Artifact]
    statements: tuple[Statement, ...] = ()
    rules: tuple[Rule, ...] = ()

    @field_validator("artifacts")
    @classmethod
    def ids_are_unique(cls, artifacts: dict[str, Artifact]) -> dict[str, Artifact]:
        """Refuse claims with the same name."""
        ids = [claim.id for artifact in artifacts.values() for claim in artifact.claims]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"claims: {', '.join(twice)} is a duplicate")
        return artifacts

    @model_validator(mode="after")
    def is_of_one_paper(self) -> PaperFile:
        """Refuse a file without a paper."""
        if (self.paper is None) == (self.about is None):
            raise ValueError("give either paper or about")
        return self

    @property
    def key(self) -> str:
        """The name of the paper, or of its released files."""
        return self.paper.key if self.paper else self.about.key if self.about else ""


class Source(Strict):
    """Earlier work that papers quote, and the datasets it is known to have used."""

    title: str
    datasets: tuple[str, ...]
    known_from: str


class Gain(Strict):
    """One loss over another for one model."""

    model: str
    loss: str
    over: str


class Protocol(Strict):
    """One property of experiments, with its path in each paper's protocol."""

    what: str
    facts: dict[str, str] = Field(min_length=2)


class Across(Strict):
    """The facts needed to compare papers."""

    families: dict[str, tuple[str, ...]] = {}
    gains: tuple[Gain, ...] = ()
    sources: dict[str, Source] = {}
    protocol: tuple[Protocol, ...] = ()
