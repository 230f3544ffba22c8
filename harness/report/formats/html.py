"""A table as a self-contained HTML page, with numbers linked to their runs."""

from __future__ import annotations

from html import escape as escaped

from harness.report.formats.templating import rendered
from harness.report.view import view
from harness.tables.build import Table


def escape(text: object) -> str:
    """Text escaped for HTML."""
    return escaped(str(text), quote=True)


def render(table: Table) -> str:
    """The table as a page."""
    return rendered("table.html.j2", escape, table=view(table))
