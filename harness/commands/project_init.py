"""`harness init`: creates a project that extends the shipped one.

Refused: a folder that already has one of the files, or that is inside another project.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from harness.core.errors import ArgumentError
from harness.core.files import write_whole
from harness.core.project_folders import FILE

FILES = {  # by the name of the template
    "project.toml": FILE,
    "gitignore": ".gitignore",
    "README.md": "README.md",
    "example.yaml": "recipes/mine/example.yaml",
}
FOLDERS = ("recipes", "patches")


def init(folder: Path) -> list[str]:
    """Write the files of a new project; their paths in it.

    Raises:
        ArgumentError: the folder, or one above it, is a project; or it has a file of this name. StoreError: it cannot
            be written.
    """
    folder = folder.resolve()
    for above in (folder, *folder.parents):
        if (above / FILE).exists():
            raise ArgumentError(str(above), f"is a project: it has a {FILE}", "choose another folder")
    if there := [name for name in (*FILES.values(), *FOLDERS) if (folder / name).exists()]:
        raise ArgumentError(str(folder), f"has {', '.join(there)} already", "choose an empty folder")
    templates = resources.files("harness.commands") / "new_project"
    for template, name in FILES.items():
        write_whole(folder / name, (templates / template).read_text(encoding="utf-8"))
    (folder / "patches").mkdir()
    return list(FILES.values())
