"""Whether files are unchanged: a source tree by all its hashes, a single file by one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.core.files import sha256_file


def tree_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a source tree, except Git's."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".git" and "__pycache__" not in p.parts)
    return {str(p.relative_to(folder)): sha256_file(p) for p in files}


def tree_is_as_made(folder: Path, marker: Path) -> bool:
    """Whether a source tree has exactly the files and hashes of its marker."""
    try:
        made = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return folder.is_dir() and tree_hashes(folder) == made


def links_out(folder: Path) -> list[str]:
    """Links of a source tree that point outside, each as `name -> target`."""
    links = [path for path in sorted(folder.rglob("*")) if path.is_symlink()]
    whole = os.path.realpath(folder) + os.sep
    return [f"{p.relative_to(folder)} -> {p.readlink()}" for p in links if not os.path.realpath(p).startswith(whole)]


def is_content(path: Path, digest: str) -> bool:
    """Whether a file has this SHA-256."""
    try:
        return sha256_file(path) == digest
    except OSError:
        return False
