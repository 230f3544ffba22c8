"""What a check says of one reported figure or statement; plain data, made by the checks and shown by others."""

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
    "value": "One experiment, two values in one paper",
    "statement": "Statements of a paper, held against each other and against its numbers",
    "across": "One system on one dataset, as several papers print it",
    "gain": "Gain of one loss over another, as several papers print it",
    "order": "Which of two systems is ahead",
    "quoted": "Figures quoted from earlier work",
    "protocol": "Protocols",
    "plausible": "What one held-out item per user allows",
    "released": "A paper against the code, logs and data released with it",
    "unequal": "Settings that a comparison does not hold equal",
    "runs": "Own runs",
    "twins": "One system in two code bases: own runs alike",
}
COUNTED: dict[Verdict, str] = {  # as said of several
    "disagrees": "disagree", "not from print": "not from print", "differs": "differ", "open": "open",
    "not printed": "not printed", "agrees": "agree",
}  # fmt: skip
MEANINGS: dict[Verdict, str] = {
    "disagrees": "no unrounded values behind the printed ones give the reported figure, or two statements exclude each "
    "other",
    "not from print": "the printed values give another figure, but some unrounded ones would give the reported one",
    "differs": "two sources give different values under one name; both may be right",
    "open": "nothing that is printed settles it",
    "not printed": "the paper gives no such figure; this is what its counts make of it",
    "agrees": "the printed values give the reported figure",
}


@dataclass(frozen=True)
class Finding:
    """One check of one figure or statement.

    Attributes:
        papers: keys of those it concerns.
        where: table, figure or section, with the paper where there are several.
        subject: what the figure is about.
        reported: as printed.
        recomputed: what other printed numbers make of it, with the interval that their rounding leaves open.
        remark: what may explain it, computed too, or where the numbers stand.
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
        """Where it stands, the papers named once."""
        named = any(paper in self.where for paper in self.papers)
        return self.where if named else f"{', '.join(self.papers)}: {self.where}"
