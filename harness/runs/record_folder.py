"""The folder of one record: its files, and the removal of an incomplete one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.files import json_text, remove_tree
from harness.executors.run_folder import RunFolder


def settle(target: Path, temporary: Path, replaced: Path) -> None:
    """Keep one complete record: restore the replaced one if no new one took its place."""
    if replaced.exists() and not target.exists():
        replaced.rename(target)
    for remains in (temporary, replaced):
        remove_tree(remains)


def fill(folder: Path, content: Mapping[str, Any], left: RunFolder, symbols: Mapping[str, str]) -> None:
    """Write a record's files into a folder."""
    for path in sorted(left.path.glob("ranks-*.npz")):
        shutil.copyfile(path, folder / path.name)
    for path in (left.events, left.loss):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    if left.log.is_file():
        (folder / left.log.name).write_text(clean_log(left.log.read_bytes(), symbols), encoding="utf-8")
    (folder / "record.json").write_text(json_text(content), encoding="utf-8")


def clean_log(raw: bytes, symbols: Mapping[str, str]) -> str:
    """A log without folders of this machine, and with only the last state of each progress bar."""
    text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    for path, symbol in sorted(symbols.items(), key=lambda item: -len(item[0])):
        text = text.replace(path, symbol)
    return text
