"""Documents as blocks, and the numbers in them that may be results.

A block is a paragraph, an item of a list or a table. Code, links' targets, headings and names that hold digits
(HIT@10, SHA-256, Table 2, 2023) have no numbers. `docs/nightly.md` has the notation of sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

OF_SECTION = re.compile(r"^\s*section:")
OF_BLOCK = re.compile(r"^\s*numbers:")
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.DOTALL | re.MULTILINE)
NO_TEXT = re.compile(r"^\s*\d+[.)]\s|\d{4}-\d\d-\d\d|`[^`\n]*`|\]\([^)\n]*\)|https?://\S+|<[^>\n]*>", re.MULTILINE)
WORDS_BEFORE = (
    "Table", "Tables", "Figure", "Figures", "Fig.", "Theorem", "eq.", "Eq.", "Section", "ADR", "seed", "seeds",
    "Python", "Docker", "user", "NumPy", "Git", "version", "issue", "format", "exit", "status", "k =", "K =", "t =",
)  # fmt: skip
NAMED = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in WORDS_BEFORE)}) *$")
SERIES = re.compile(rf"\b(?:{'|'.join(map(re.escape, WORDS_BEFORE))})\s*\d+(?:(?:,| and| to| or)\s\d+\b(?!\.\d))+")
NUMBER = re.compile(
    r"(?<![\w@.^/:])(?<![A-Za-z][-–])([+−-]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(e[+−-]?\d+)?(?![\w@^:/]|\.\d|-[A-Za-z]|,\d{3})"
)
YEAR = re.compile(r"(19|20)\d\d")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s")
HEADING = re.compile(r"^#{1,6}\s")


class Number(NamedTuple):
    """A number as a document prints it.

    Attributes:
        text: without thousands separators.
        decimals: printed decimals; of 1e-05 the place of its last digit.
        percent: whether a percent sign follows; the value is then that before the sign.
    """

    text: str
    line: int
    decimals: int
    percent: bool

    @property
    def value(self) -> Decimal:
        """Its value."""
        return Decimal(self.text)

    def prints(self, value: Decimal) -> bool:
        """Whether this is the value rounded to the printed digits; without a sign it may be the absolute value."""
        if self.text[0] not in "+-":
            value = abs(value)
        half = Decimal(5).scaleb(-self.decimals - 1) * (1 + Decimal("1e-9"))
        return abs(value - self.value) <= half


@dataclass(frozen=True)
class Block:
    """A paragraph, an item or a table.

    Attributes:
        line: its first, from 1.
        notes: comments of the block and those directly above it.
    """

    line: int
    text: str
    notes: tuple[str, ...]

    @property
    def numbers(self) -> list[Number]:
        """The numbers of the block, in order."""
        return list(numbers(self.text, self.line))


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a Markdown document; a comment belongs to the block it is in or directly above.

    A comment for a section, up to the next heading, applies to its blocks without their own comment.
    """
    lines = FENCE.sub(blank, text).split("\n")
    above, section = list[str](), list[str]()
    start, found = 1, list[str]()
    for number, line in enumerate([*joined_comments(lines), ""], start=1):
        heading = HEADING.match(line)
        if found and (not line.strip() or heading or ITEM.match(line)):
            yield made(start, found, above, section)
            found, above = [], []
        if heading:
            section = []
        if not line.strip() or heading:
            continue
        if not found and not COMMENT.sub("", line).strip():
            notes = COMMENT.findall(line)
            section += [note for note in notes if OF_SECTION.match(note)]
            above += [note for note in notes if not OF_SECTION.match(note)]
            continue
        start = start if found else number
        found.append(line)


def made(start: int, lines: list[str], above: list[str], section: list[str]) -> Block:
    """A block of these lines."""
    text = "\n".join(lines)
    notes = [note for note in (*above, *COMMENT.findall(text)) if note.strip()]
    if not any(OF_BLOCK.match(note) for note in notes):
        notes += [OF_SECTION.sub("numbers:", note) for note in section]
    return Block(start, COMMENT.sub(blank, text), tuple(notes))


def joined_comments(lines: list[str]) -> Iterator[str]:
    """The lines with each multi-line comment joined on its first line, and empty comments on the others."""
    open_lines: list[str] = []
    for line in lines:
        open_lines.append(line)
        whole = " ".join(open_lines)
        if whole.count("<!--") <= whole.count("-->"):
            yield from (whole, *["<!---->"] * (len(open_lines) - 1))
            open_lines = []
    yield from open_lines


def blank(match: re.Match[str]) -> str:
    """A match replaced by spaces, with line ends kept, so that line numbers do not change."""
    return re.sub(r"[^\n]", " ", match[0])


def numbers(text: str, line: int = 1) -> Iterator[Number]:
    """The numbers of a text that may be results.

    Args:
        line: number of the text's first line.
    """
    text = SERIES.sub(blank, NO_TEXT.sub(blank, COMMENT.sub(blank, text)))
    for match in NUMBER.finditer(text):
        sign, whole, fraction, power = match.groups(default="")
        if NAMED.search(text[: match.start()]) or (not sign and not fraction and YEAR.fullmatch(whole)):
            continue
        exponent = int(power[1:].replace("−", "-")) if power else 0
        written = f"{sign}{whole}{fraction}{power}".replace(",", "").replace("−", "-")
        percent = bool(re.match(r"\s?%", text[match.end() :]))
        decimals = max(len(fraction) - 1, 0) - exponent
        yield Number(written, line + text.count("\n", 0, match.start()), decimals, percent)
