"""Where the files of a project are: in its own folder and, if it extends the shipped project, in that one too.

The shipped project is what this package comes with: recipes, patches, locks and harness.toml. They are in the folder
`shipped` of an installed package, and at the top of the repository in a clone. A project whose harness.toml says
`extends = "shipped"` has all of them beside its own. A project's own file never replaces a shipped one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import ConfigError

FILE = "harness.toml"
SHIPPED = "shipped"
PARTS = ("recipes", "patches", "dockerfiles")
NAMED = ("aliases", "environments", "upstreams", "releases")  # tables of harness.toml whose entries have names
MERGED = ("recipes/data/", "patches/overlay/equivalent.toml")  # read from both projects, entry by entry


def shipped_root() -> Path:
    """The folder of the shipped project."""
    package = Path(__file__).resolve().parents[1]
    inside = package / SHIPPED
    return inside if inside.is_dir() else package.parent


def is_clone() -> bool:
    """Whether this package is used from a clone of the repository, whose own project is then the default one."""
    root = shipped_root()
    return root.name != SHIPPED and (root / FILE).is_file()


def base_of(root: Path) -> Path | None:
    """The folder of the project that this one extends, None for a project of its own."""
    try:
        text = (root / FILE).read_text(encoding="utf-8")
        extends = "extends" in text and tomllib.loads(text).get("extends") == SHIPPED
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return shipped_root() if extends else None


def layers(root: Path) -> tuple[Path, ...]:
    """The folders of a project: its own, then that of the project it extends."""
    base = base_of(root)
    return (root,) if base is None else (root, base)


def find(root: Path, name: str | Path) -> Path:
    """The place of a file or folder of a project; in its own folder if there is none."""
    return next((folder / name for folder in layers(root) if (folder / name).exists()), root / name)


def matches(root: Path, pattern: str) -> list[Path]:
    """The files of a project that match a pattern, sorted by their paths in it."""
    found = {path.relative_to(folder): path for folder in reversed(layers(root)) for path in folder.glob(pattern)}
    return [found[name] for name in sorted(found)]


def check_files(root: Path) -> None:
    """Nothing, for a project none of whose files has the path of a shipped one.

    Raises:
        ConfigError: naming those that do, with another content.
    """
    base = base_of(root)
    if base is None:
        return
    clashes = [name for name in own_files(root) if (base / name).is_file() and differ(root / name, base / name)]
    if clashes:
        what = f"the shipped project has {'this file' if len(clashes) == 1 else 'these files'} too"
        raise ConfigError(", ".join(clashes), what, "rename or remove it: nothing replaces a shipped file")


def own_files(root: Path) -> Iterator[str]:
    """Paths of a project's own recipes, patches and locks, without those that are read from both projects."""
    for part in PARTS:
        for path in sorted((root / part).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and not name.startswith(MERGED):
                yield name


def differ(path: Path, other: Path) -> bool:
    """Whether two files have different contents."""
    return path.read_bytes() != other.read_bytes()


def extended(own: Mapping[str, Any], base: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The content of a harness.toml that extends another: the entries of both, and settings as its own file has them.

    Args:
        where: what messages call its own file.
    Raises:
        ConfigError: an upstream, environment, release or alias that both have.
    """
    parts = {name: (own.get(name, {}), base.get(name, {})) for name in {**base, **own}}
    tables = {name: pair for name, pair in parts.items() if all(isinstance(part, dict) for part in pair)}
    clashes = [f"{table}.{name}" for table in NAMED if table in tables for name in tables[table][0]
               if name in tables[table][1]]  # fmt: skip
    if clashes:
        what = f"{', '.join(clashes)}: the shipped project has an entry of this name too"
        raise ConfigError(where, what, "choose another name: nothing replaces a shipped entry")
    return {**base, **own, **{name: {**theirs, **ours} for name, (ours, theirs) in tables.items()}}
