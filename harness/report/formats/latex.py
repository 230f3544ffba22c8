"""A table as LaTeX, for \\input; needs only the package booktabs.

Names keep their letters. TeX's special characters are escaped, and signs that pdflatex's fonts lack
become commands.
"""

from __future__ import annotations

import re

from harness.report.formats.templating import rendered
from harness.report.view import view
from harness.tables.build import Table

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # a line that starts with [ or * would be read as an argument of the line break before it
    "]": "{]}",
    "*": "{*}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "ʳ": r"\textsuperscript{r}",
    "∗": r"$^{\ast}$",
    "°": r"$^{\circ}$",
    "↓": r"$^{\downarrow}$",
    "∞": r"$\infty$",
    "Δ": r"$\Delta$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "→": r"$\rightarrow$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "…": r"\dots{}",
    **{sign: rf"\{sign}" for sign in "&%$#_"},
}
_BEYOND = chr(0x180)  # Latin letters of European languages lie before it
_NEGATIVE = re.compile(r"(?<![\w.-])-(?=[0-9])")


def escape(text: object) -> str:
    """Text escaped for LaTeX, on one line, including a minus sign before a number."""
    plain = _NEGATIVE.sub("−", " ".join(str(text).split()))
    return "".join(_COMMANDS.get(sign, sign if sign < _BEYOND else _spelt_out(sign)) for sign in plain)


def _spelt_out(sign: str) -> str:
    """A character without a glyph in a standard TeX, as its code point."""
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def render(table: Table) -> str:
    """The table as LaTeX floats, one for each dataset's values, claims and seeds."""
    return rendered("table.tex.j2", escape, table=view(table))


def tabular(table: Table) -> str:
    """All values as one tabular, for use in your own float with your own caption."""
    return rendered("tabular.tex.j2", escape, table=view(table))
