"""SHA-256 and atomic writing of files.

Every file is written under a temporary name in the same folder and then renamed, so that a reader, or a rerun after a
kill, finds the old or the new content, never a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.core import untrusted_files
from harness.core.errors import StoreError


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """JSON text that is equal for equal values: keys sorted, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Translate a disk error into a message with a fix.

    Raises:
        StoreError: for no space, no permission, a read-only or failing file system.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fix = "free some space and repeat the command: finished runs are kept"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            fix = "make the folder writable, or set other folders with HARNESS_RESULTS and HARNESS_CACHE"
        else:
            fix = "check the disk and repeat the command: finished runs are kept"
        raise StoreError(str(path), f"cannot write: {os.strerror(error.errno or 0)}", fix) from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` atomically, creating parent folders as needed.

    Raises:
        StoreError: if the disk is full or the folder is not writable; the old file is then unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # 1. Write to a temporary file in the same folder, since a rename is atomic only within one file system.
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # 2. Make it readable for others, then replace the old file in one step: readers see the old or the new one.
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
            temporary = None
        finally:
            if temporary:  # 3. After an error, remove the incomplete file; the old one is unchanged.
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


def json_text(value: Any) -> str:
    """Indented JSON, as in all files for readers."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically; see `write_whole`."""
    write_whole(path, json_text(value))


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file beside `path`; the kernel releases it when the holding process ends.

    Args:
        wait: for another holder; otherwise this is an error.
    Raises:
        StoreError: the lock file cannot be created, or is held by another process without `wait`.
    """
    lock = FileLock(f"{path}.lock")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=wait)
        except Timeout as error:
            raise StoreError(str(path), "another process is using it", "wait until it ends") from error
    try:
        yield
    finally:
        lock.release()


def remove_tree(path: Path) -> None:
    """Remove a folder if it exists, at any depth and with any permissions; leftovers wait for a later call."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            at = os.open(path.parent, os.O_RDONLY)
            try:
                untrusted_files.remove_deep_tree(at, path.name)
            finally:
                os.close(at)
