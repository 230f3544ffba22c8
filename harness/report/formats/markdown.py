"""A table as GitHub-flavoured Markdown."""

from __future__ import annotations

import re

from harness.report.formats.templating import rendered
from harness.report.view import view
from harness.tables.build import Table

_SPACES = re.compile(r"[^\S\u00a0]+")
_SPECIAL = re.compile(r"([\\`*_<>\[\]|~$])")


def escape(text: object) -> str:
    """Text escaped for Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", _SPACES.sub(" ", str(text)).strip(" ").replace("&", "&amp;"))


def render(table: Table) -> str:
    """The table as a Markdown document."""
    return rendered("table.md.j2", escape, table=view(table))
