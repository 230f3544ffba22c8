"""Renders templates; every printed value is escaped once, by the format's rule."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined

UNBROKEN = 28


def no_break(text: str) -> str:
    """Short text with non-breaking spaces; longer text unchanged."""
    return text.replace(" ", "\u00a0") if len(text) <= UNBROKEN else text


def rendered(template: str, escape: Callable[[object], str], **values: object) -> str:
    """The rendered template.

    Blocks are <% %>, values << >>, comments <# #>, since LaTeX is full of braces.

    Args:
        escape: applied to every value that the template prints.
    """
    environment = Environment(
        loader=PackageLoader("harness.report.formats"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # that would be HTML; `finalize` escapes
        finalize=escape,
    )
    environment.filters["together"] = no_break
    return environment.get_template(template).render(**values)
