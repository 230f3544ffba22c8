"""The list of commands in `harness --help`, in groups by what one wants to do."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Reproduce": ("list", "plan", "reproduce", "status", "report"),
    "Look closer": ("compare", "findings", "runs", "export", "calibration", "timesteps"),
    "Add your own": ("losses", "dataset", "init", "patch"),
    "Keep it working": ("doctor", "check", "images", "cache"),
}


class GroupedCommands(TyperGroup):
    """A group that lists its commands under headings."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of the commands, in the order of the headings; a command under no heading comes last."""
        known = super().list_commands(ctx)
        ordered = [name for names in GROUPS.values() for name in names if name in known]
        return [*ordered, *(name for name in known if name not in ordered)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each heading with its commands, and one line of help for each."""
        left = dict.fromkeys(self.list_commands(ctx))
        for title, names in [*GROUPS.items(), ("Other", tuple(left))]:
            rows = [name for name in names if name in left]
            for name in rows:
                del left[name]
            if rows:
                width = formatter.width - max(map(len, self.commands)) - 6
                with formatter.section(title):
                    formatter.write_dl([(name, self.commands[name].get_short_help_str(width)) for name in rows])
