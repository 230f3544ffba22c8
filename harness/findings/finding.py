"""The result of a check of one reported figure or statement; plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from harness.recipes.papers.rounding import Verdict

Kind = Literal[
    "percentage", "dataset", "value", "statement", "across", "gain", "order", "quoted", "protocol", "plausible",
    "released", "unequal", "runs", "twins",
]  # fmt: skip

KINDS: tuple[Kind, ...] = get_args(Kind)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
TITLES: dict[Kind, str] = {
    "percentage": "Percentages, ratios and other figures recomputed from printed values",
    "dataset": "Dataset statistics recomputed from printed counts",
    "value": "Different values of one experiment in one paper",
    "statement": "Statements of a paper, compared with each other and with its numbers",
    "across": "One system on one dataset in several papers",
    "gain": "Gain of one loss over another in several papers",
    "order": "Order of two systems in several papers",
    "quoted": "Figures quoted from earlier work",
    "protocol": "Protocols",
    "plausible": "Bounds with one held-out item per user",
    "released": "A paper compared with its released code, logs and data",
    "unequal": "Settings that differ between compared systems",
    "runs": "Own runs",
    "twins": "One system in two code bases: own runs with equal settings",
}
COUNTED: dict[Verdict, str] = {  # plural forms
    "disagrees": "disagree", "not from print": "not from print", "differs": "differ", "open": "open",
    "not printed": "not printed", "agrees": "agree",
}  # fmt: skip
MEANINGS: dict[Verdict, str] = {
    "disagrees": "no unrounded values give the reported figure, or two statements contradict each other",
    "not from print": "the printed values give another figure, but some unrounded values give the reported one",
    "differs": "two sources give different values under one name; both may be correct",
    "open": "the printed numbers do not decide it",
    "not printed": "the paper has no such figure; this value is computed from its counts",
    "agrees": "the printed values give the reported figure",
}


@dataclass(frozen=True)
class Finding:
    """One check of one figure or statement.

    Attributes:
        papers: keys of the papers concerned.
        where: table, figure or section, with the paper if there are several.
        subject: of the figure.
        reported: as printed.
        recomputed: from other printed numbers, with the interval that their rounding allows.
        remark: a computed explanation, or the place of the numbers.
    """

    kind: Kind
    papers: tuple[str, ...]
    where: str
    subject: str
    reported: str
    recomputed: str
    verdict: Verdict
    remark: str = ""

    @property
    def place(self) -> str:
        """The place, with each paper named once."""
        named = any(paper in self.where for paper in self.papers)
        return self.where if named else f"{', '.join(self.papers)}: {self.where}"
