"""`harness doctor`: prints the state of each requirement."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from harness.commands.doctor import BROKEN, Line, examine
from harness.core.config import EXECUTORS, Config
from harness.core.errors import ArgumentError, SetupError, near_misses

WIDEST = 100
STATE, SUBJECT = 12, 24  # columns, each with a space at its end at least
DEVICES = ("cpu", "cuda")
STYLES = {"works": "green", BROKEN: "bold red", "not needed": "dim"}


def show(config: Config, executor: str, device: str) -> None:
    """Print each line as soon as it is known.

    Args:
        executor: "" for the one that harness.toml names.
    Raises:
        ArgumentError: an unknown executor or device. SetupError: a requirement is not met.
    """
    executor = executor or config.executor
    for flag, value, known in (("--executor", executor, EXECUTORS), ("--device", device, DEVICES)):
        if value not in known:
            raise ArgumentError(flag, f"unknown: {value!r}", near_misses(value, known))
    out = Console(highlight=False)
    out = Console(highlight=False, width=min(out.width, WIDEST) if out.is_terminal else WIDEST)
    broken = []
    for line in examine(config, executor, device):
        out.print(row(out, line), soft_wrap=True)
        if line.state == BROKEN:
            broken.append(line.subject)
    way = f"--executor {executor} --device {device}"
    if broken:
        raise SetupError("doctor", f"requirements of {way} not met: {', '.join(broken)}", "see the lines above")
    out.print(f"\nAll requirements of {way} are met.")


def row(out: Console, line: Line) -> Text:
    """One line with its fix below, both wrapped beside the subject."""
    width = max(out.width - STATE - SUBJECT, 30)
    text_lines = [*Text(line.found).wrap(out, width)]
    if line.fix:
        style = "" if line.state == BROKEN else "dim"
        text_lines += [*Text(f"→ {line.fix}", style=style).wrap(out, width)]
    for part in text_lines:
        part.rstrip()
    rows = [
        Text.assemble((line.state.ljust(STATE), STYLES[line.state]), f"{line.subject} ".ljust(SUBJECT), text_lines[0]),
        *(Text.assemble(" " * (STATE + SUBJECT), part) for part in text_lines[1:]),
    ]
    return Text("\n").join(rows)
