"""Marked code blocks of a document, so that a test carries out what a reader is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
BLOCK = re.compile(r"^<!-- (\w+)(?:: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A marked code block.

    Attributes:
        kind: file, append, change, upstream (a patched script), run.
        name: what the marker says after its colon, "" for nothing.
        text: the block's content.
    """

    kind: str
    name: str
    text: str


def sections(text: str) -> dict[str, list[Step]]:
    """The marked blocks of a Markdown text by the heading (of level two) that they stand under."""
    parts = HEADING.split(text)[1:]
    return {
        title: [Step(kind, name, block) for kind, name, block in BLOCK.findall(body)]
        for title, body in zip(parts[::2], parts[1::2], strict=True)
    }


def changed(text: str, diff: str) -> str:
    """A text after the lines of a diff without positions: ` ` finds a line, `-` removes one, `+` adds one there."""
    lines, at = text.splitlines(), 0
    for line in diff.splitlines():
        if line[0] == "+":
            lines.insert(at, line[1:])
            at += 1
            continue
        at = lines.index(line[1:])
        if line[0] == "-":
            del lines[at]
        else:
            at += 1
    return "\n".join(lines) + "\n"


def before(diff: str) -> str:
    """What a diff starts from."""
    return "".join(f"{line[1:]}\n" for line in diff.splitlines() if not line.startswith("+"))


def after(diff: str) -> str:
    """What a diff leads to."""
    return "".join(f"{line[1:]}\n" for line in diff.splitlines() if not line.startswith("-"))
