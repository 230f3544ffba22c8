"""The normal form of a Python module: its text without parts that cannot change behaviour.

Comments, docstrings, trailing blanks and empty lines are removed; the rest remains text. The spans of docstrings come
from `ast`, those of comments and strings from `tokenize`: both are stable between Python versions, unlike the dump of a
syntax tree. A module that reads its own docstring or source would behave differently without them, so
`__doc__`, `__file__` and `inspect.getsource` are forbidden in the overlay by a test.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from harness.core.errors import PatchError

BLANKS = " \t\f"
KEPT = "\0"  # replaces a line end that must be kept; no Python source contains it
WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
STARTS = ("FSTRING_START", "TSTRING_START")  # Python 3.12 and 3.14 split such strings into tokens
ENDS = ("FSTRING_END", "TSTRING_END")


class Cut(NamedTuple):
    """A span of the text, as offsets, and what replaces it."""

    start: int
    end: int
    text: str = ""


def decoded(content: bytes, where: str) -> str:
    """The text of a Python file with `\\n` as line ends, in the encoding that it declares.

    Raises:
        PatchError: the content is not in that encoding.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise PatchError(where, f"is not readable: {error}", "save the file as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parsed(text: str, where: str) -> ast.Module:
    """The syntax tree of a module.

    Raises:
        PatchError: not valid Python, with the line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they appear when the module is imported
            return ast.parse(text)
    except SyntaxError as error:
        raise PatchError(where, f"line {error.lineno}: {error.msg}", "correct the file") from error
    except (ValueError, RecursionError) as error:
        raise PatchError(where, f"is not valid Python: {error}", "correct the file") from error


def normal_form(text: str, tree: ast.Module) -> str:
    """The text without comments, docstrings, trailing blanks and empty lines; "" if nothing is left.

    Args:
        text: as `decoded` returns it. tree: its syntax tree.
    """
    starts = line_starts(text)
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    cuts = [*comments(tokens, starts), *docstrings(tree, text, tokens, starts)]
    # Line ends inside strings and after a backslash are significant: protect them before lines are dropped.
    kept = set(string_line_ends(tokens, starts)) | set(continued_line_ends(text, cuts))
    letters = list(text)
    for at in kept:
        letters[at] = KEPT
    marked, pieces, at = "".join(letters), list[str](), 0
    for cut in sorted(cuts):
        if cut.start >= at:  # a comment inside the parentheses of a docstring is removed with it
            pieces += [marked[at : cut.start], cut.text]
            at = cut.end
    lines = (line.rstrip(BLANKS) for line in "".join([*pieces, marked[at:]]).split("\n"))
    return "".join(f"{line}\n" for line in lines if line).replace(KEPT, "\n")


def line_starts(text: str) -> list[int]:
    """The offset of the first character of each line."""
    return list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))


def comments(tokens: Sequence[tokenize.TokenInfo], starts: Sequence[int]) -> Iterator[Cut]:
    """The spans of all comments."""
    for token in tokens:
        if token.type == tokenize.COMMENT:
            start = starts[token.start[0] - 1] + token.start[1]
            yield Cut(start, start + len(token.string))


def docstrings(
    tree: ast.Module, text: str, tokens: Sequence[tokenize.TokenInfo], starts: Sequence[int]
) -> Iterator[Cut]:
    """The spans of all docstrings with a following semicolon; `pass` replaces a docstring that is the entire body."""
    for node in ast.walk(tree):
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            start = offset(text, starts, first.lineno, first.col_offset)
            end = offset(text, starts, first.end_lineno or first.lineno, first.end_col_offset or 0)
            is_whole_body = len(node.body) == 1 and not isinstance(node, ast.Module)
            yield Cut(start, behind_semicolon(end, tokens, starts), "pass" if is_whole_body else "")


def offset(text: str, starts: Sequence[int], line: int, column: int) -> int:
    """The offset in the text of a position as in `ast`: lines from 1, columns in bytes of UTF-8."""
    start, end = starts[line - 1], starts[line]
    return start + len(text[start:end].encode()[:column].decode())


def behind_semicolon(end: int, tokens: Sequence[tokenize.TokenInfo], starts: Sequence[int]) -> int:
    """The start of the statement after a docstring on the same line; `end` if no semicolon follows."""
    at = bisect_left(tokens, end, key=lambda token: starts[token.start[0] - 1] + token.start[1])
    if at >= len(tokens) or tokens[at].string != ";":
        return end
    token, behind = tokens[at], tokens[at + 1]
    if behind.type in (tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER):
        return starts[token.end[0] - 1] + token.end[1]
    return starts[behind.start[0] - 1] + behind.start[1]


def string_line_ends(tokens: Sequence[tokenize.TokenInfo], starts: Sequence[int]) -> Iterator[int]:
    """Offsets of the line ends inside strings."""
    begun: list[int] = []  # first lines of the f-strings around a token
    for token in tokens:
        name, first, last = tokenize.tok_name[token.type], token.start[0], token.end[0]
        if name in STARTS:
            begun.append(first)
        elif name in ENDS:
            first = begun.pop()
        if name in ENDS or (name == "STRING" and first != last):
            yield from (starts[line] - 1 for line in range(first, last))


def continued_line_ends(text: str, cuts: Sequence[Cut]) -> Iterator[int]:
    """Offsets of the line ends that a backslash joins, those at the end of a comment or docstring left out."""
    at = text.find("\\\n")
    while at >= 0:
        if not any(cut.start <= at < cut.end for cut in cuts):
            yield at + 1
        at = text.find("\\\n", at + 1)
